#!/bin/sh
# The interface is removed from outside: a clear message and exit status 2. Set down and up again, it
# works on.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
node_new 1 2
broker_start
node_conf 1 "broker \"$broker\" {}" "down = \"sleep 1; echo down >$tmp/down\"" \
    "$(peer_conf 2 two 'routes = {"192.168.5.0/24", "0.0.0.0/0"}')"
node_run 1
node_start 2
wait_up n1
wait_up n2
routes_of()
{
	ip -n "${prefix}n1" route show table all dev mq0
	ip -n "${prefix}n1" -6 address show dev mq0 scope global
}
routes=$(routes_of | sort)

step "set down, and up again"
ip -n "${prefix}n1" link set mq0 down
expect_log n1 'was set down'
json n1 status warnings | grep -q 'is down' || fail "status does not warn"
alive "$(pid_of n1)" || fail "the daemon is dead"
ip -n "${prefix}n1" link set mq0 up
expect_log n1 'was set up'
expect_ping n1 10.0.1.2
same_routes()
{
	[ "$(routes_of | sort)" = "$routes" ]
}
wait_for 5 same_routes || fail "not all addresses and routes are back: $(routes_of)"

step "removed"
ip -n "${prefix}n1" link del mq0
reap n1
[ "$status" -eq 2 ] || fail "exit status $status, not 2"
logged n1 'mq0 is gone' || fail "the message is not clear"
[ -e "$tmp/down" ] || fail "the down hook did not end"
[ ! -e "$tmp/n1.sock" ] || fail "the control socket is left behind"

step "a persistent interface is used, and stays"
ip -n "${prefix}n1" tuntap add mq0 mode tun
node_start 1
wait_up n1
expect_ping n2 10.0.1.1
stop n1
[ "$status" -eq 0 ] || fail "exit status $status"
has_interface n1 || fail "the persistent interface was removed"
ip -n "${prefix}n1" link del mq0

step "a name that the kernel completes"
wire_start 1 -i 'mq%d' -a 10.0.1.1/24 -b "$broker"
wait_up n1
[ "$(json n1 status interface name)" = mq0 ] || fail "status does not name the interface"
expect_ping n1 10.0.1.2
