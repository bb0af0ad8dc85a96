#!/bin/sh
# The broker is killed and comes back: traffic flows again within 2 s after an outage of a second,
# within the waiting time after a longer one. Nothing is lost but packets.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
node_new 1 2
broker_start
node_start 1 -k secret
node_start 2 -k secret
wait_up n1
wait_up n2
expect_ping n1 10.0.1.2
before=$(descriptors n1)

pinged()
{
	in_ns n1 ping -n -c 1 -W 0.3 10.0.1.2
}

# outage SECONDS LIMIT
outage()
{
	step "away for $1 s"
	stop broker KILL
	wait_down n1 3
	wait_down n2 3
	pinged >/dev/null && fail "a ping passes without a broker"
	sleep "$1" # the outage itself
	broker_run broker
	clock
	back=$now
	wait_for "$2" pinged || fail "no ping within $2 s of the broker's return"
	clock
	echo "traffic after $((now - back)) ms"
}

limit=2
if instrumented; then
	limit=6
fi
outage 1 $limit
outage 1 $limit
outage 8 20
expect_counter n1 tx_drop_not_connected
[ "$(counter n1 disconnects)" -eq 3 ] || fail "n1 counts $(counter n1 disconnects) disconnects, not 3"
expect_ping n2 10.0.1.1
[ "$(descriptors n1)" -le "$before" ] || fail "n1 leaks descriptors"
