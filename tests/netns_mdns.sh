#!/bin/sh
# Two hosts that have never talked find each other by multicast DNS, and then use what they found.
#
# SPDX-License-Identifier: ISC
WIRE=${WIRE:-psk}
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
"$python" -c 'import zeroconf' 2>/dev/null || skip "python3-zeroconf is not installed"
node_new 1 2 3
broker_start
for n in 1 2 3; do
	node_start $n
done
for n in 1 2 3; do
	wait_up n$n
	# Where zeroconf sends from; a host would have a route for it already.
	ip -n "${prefix}n$n" route replace 224.0.0.0/4 dev mq0
done

step "n2 announces, n1 and n3 find"
spawn_listener n2 announce "$python" "$srcdir/tests/mdns.py" announce 10.0.1.2
for n in 1 3; do
	found=$(in_ns n$n "$python" "$srcdir/tests/mdns.py" find "10.0.1.$n") ||
	    fail "n$n does not find the service: $found"
	echo "n$n found: $found"
	[ "$found" = "workshop.local. 22 10.0.1.2" ] || fail "that is not what was announced"
done
expect_ping n1 10.0.1.2
expect_counter n2 multicast_keys_sent
