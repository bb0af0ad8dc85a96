#!/bin/sh
# The machine's own network goes and comes back: the waiting time is cut short, and a connection
# that the change broke is found to be broken.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

waits_at_least()
{
	[ "$(json n1 status link state)" = waiting ] &&
		[ "$(json n1 status link retry_in_ms)" -ge "$1" ]
}

begin
need_daemon
node_new 1 2
ip -n "${prefix}n1" link set up0 down
broker_start
node_start 2
node_start 1
wait_up n2

step "a cable is put in: no more waiting"
wait_for 40 waits_at_least 2500 || fail "the waiting time does not grow"
ip -n "${prefix}n1" link set up0 up
ip -n "${prefix}n1" route replace default via 10.99.1.1
clock
begun=$now
wait_up n1 2
clock
echo "up after $((now - begun)) ms"
wait_for 2 in_ns n1 ping -n -c 1 -W 0.3 10.0.1.2 || fail "no ping"

step "the address changes: the old connection is dead, a new one comes"
connects=$(counter n1 connects)
ip -n "${prefix}b" address add 10.98.1.1/24 dev to1
ip -n "${prefix}n1" address del 10.99.1.2/24 dev up0
ip -n "${prefix}n1" address add 10.98.1.2/24 dev up0
ip -n "${prefix}n1" route replace default via 10.98.1.1
clock
begun=$now
wait_for 45 counter_above n1 connects "$connects" || fail "the dead connection is not replaced"
clock
echo "replaced after $((now - begun)) ms"
expect_ping n1 10.0.1.2
