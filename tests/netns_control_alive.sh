#!/bin/sh
# The control socket answers within 100 ms whatever the network does, and whatever its clients do.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

is_connecting()
{
	[ "$(json "$1" status link state)" = connecting ]
}

begin
need_daemon
node_new 1 2 3
ip -n "${prefix}b" address add 10.99.0.53/32 dev lo
spawn_listener b dns "$python" "$tool" swallow 10.99.0.53 53
mkdir -p "/etc/netns/${prefix}n1"
echo 'nameserver 10.99.0.53' >"/etc/netns/${prefix}n1/resolv.conf"
swallow_address 2 10.99.2.99
hostile_start hang 10.99.0.9 tls-hang

step "a name server that swallows, an address that swallows, a TLS handshake that hangs"
node_conf 1 'broker "mqtt://broker.example.test" { timeout = 5 }'
node_conf 2 'broker "mqtt://10.99.2.99" { timeout = 5 }'
node_conf 3 'broker "mqtts://10.99.0.9:1883" { timeout = 5 tls-verify = false }'
for n in 1 2 3; do
	node_run $n
	wait_for 5 is_down n$n || fail "n$n does not answer"
done
wait_for 5 logged dns swallowed || fail "the name server is not asked"
wait_for 20 is_connecting n2 || fail "n2 does not try again"
[ -z "$(json n2 status link path)" ] || fail "n2 knows a path that nobody has answered on"
for n in 1 2 3 1 2 3; do
	expect_control_fast n$n
done
expect_error n1 'resolve|name server|answer|broker.example.test' 30
expect_error n2 'timed out|answer|within' 20
expect_error n3 'TLS' 20
for n in 1 2 3; do
	last_error n$n
	expect_control_fast n$n
	expect_memory n$n RssAnon 6000
done

step "clients that hang or send rubbish"
spawn_listener b half "$python" "$tool" hold "$tmp/n2.sock" 8 'sta'
expect_control_fast n2
spawn_listener b rubbish "$python" "$tool" hold "$tmp/n3.sock" 4 "$(head -c 3000 /dev/zero | tr '\0' x)"
expect_control_fast n3
spawn_listener b many "$python" "$tool" hold "$tmp/n1.sock" 60 'status'
wait_for 8 is_down n1 || fail "after 60 clients that hang n1 answers no more"
expect_control_fast n1
ctl n1 no-such-command >/dev/null 2>&1 && fail "an unknown command is taken"

step "SIGTERM ends it at once in each of these states"
for n in 1 2 3; do
	clock
	begun=$now
	stop n$n
	clock
	[ "$status" -eq 0 ] || fail "n$n ended with status $status"
	instrumented || [ $((now - begun)) -lt 1000 ] || fail "n$n took $((now - begun)) ms to end"
done
