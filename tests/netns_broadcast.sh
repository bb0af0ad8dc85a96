#!/bin/sh
# Directed and limited broadcast and multicast reach every other node once, and not the sender.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
node_new 1 2 3
broker_start
groups='--join 239.1.2.3'
for n in 1 2 3; do
	node_start $n -k secret
done
for n in 1 2 3; do
	wait_up n$n
	# shellcheck disable=SC2086 # a list of words
	spawn_listener n$n udp$n "$python" "$tool" udp-listen 5000 --device mq0 $groups
	if [ "$have_ipv6" = yes ]; then
		spawn_listener n$n udp6-$n "$python" "$tool" udp-listen -6 5006 --device mq0 --join ff05::1:77
	fi
done

# send PORT ADDRESS TEXT, expect LOG TEXT
send()
{
	in_ns n1 "$python" "$tool" udp-send --device mq0 "$2" "$1" "$3"
}

for address in 10.0.1.255 255.255.255.255 239.1.2.3; do
	step "to $address"
	send 5000 $address "to-$address"
	expect_log udp2 "^10.0.1.1 to-$address"
	expect_log udp3 "^10.0.1.1 to-$address"
done
if [ "$have_ipv6" = yes ]; then
	step "to ff05::1:77"
	send 5006 ff05::1:77 to-v6
	expect_log udp6-2 "^fd00:6d71::1 to-v6"
	expect_log udp6-3 "^fd00:6d71::1 to-v6"
fi
expect_counter n1 tx_broadcasts

step "each came once"
expect_ping n1 10.0.1.2
expect_ping n1 10.0.1.3
for n in 2 3; do
	for address in 10.0.1.255 255.255.255.255 239.1.2.3; do
		[ "$(log_count udp$n "to-$address\$")" -eq 1 ] || fail "n$n got $address twice"
	done
done
[ "$(counter n1 rx_drop_own_source)" -eq 0 ] || fail "its own broadcasts came back to n1"

step "a broker that speaks 3.1.1 only sends them back: dropped and counted"
stop n1
hostile_start old 10.99.0.9 v311-only
broker=mqtt://10.99.0.9
node_start 1 -k secret
wait_up n1
send 5000 10.0.1.255 echo
expect_counter n1 rx_drop_own_source
