#!/bin/sh
# A ping hardly notices eight downloads over a link that they fill, wherever that is: from the node
# to the broker, or from there to the receiver, where no queue of the sender's host can see it. It
# passes a flood of UDP, too, and that costs no memory.
# SPDX-License-Identifier: ISC

# shellcheck disable=SC2034 # for lib.sh
WIRE=psk
# shellcheck source=tests/load.sh
. "${srcdir:-$(dirname "$0")/..}/tests/load.sh"

mbit=100 # of the slow link
# It is 12 to 15 ms on two idle cores; 500 to 1100 where nothing but the kernel's queues is there.
median_max=60
memory_max=32768

begin
need_daemon
need tc
[ -x "$builddir/bench/udp_rate" ] || skip "$builddir/bench/udp_rate is not built"
node_new 1 2
broker_start
node_start 1
node_start 2
wait_up n1
wait_up n2
expect_ping n1 10.0.1.2

# check_downloads: from n1 to n2, over a slow link that is there already.
check_downloads()
{
	load_start n1 n2 10.0.1.2 8
	_before=$(received n2)
	clock
	_begun=$now
	ping_times n1 10.0.1.2 60 0.05
	clock
	_rate=$((($(received n2) - _before) / 125 / (now - _begun)))
	load_stop
	echo "$_rate Mbit/s; ping: $answered % answered, median $median ms, worst $worst ms"
	[ "$answered" -ge 90 ] || fail "pings were lost"
	instrumented && return
	[ "$_rate" -ge $((mbit / 2)) ] || fail "the link was not filled"
	[ "$median" -le $median_max ] || fail "the ping took more than $median_max ms"
}

dropped()
{
	echo $(($(counter n1 tx_drop_codel) + $(counter n1 tx_drop_queue_full)))
}

check_flood()
{
	_before=$(dropped)
	flood_start n1 n2 10.0.1.2 $((3 * mbit))
	ping_times n1 10.0.1.2 40 0.05
	flood_stop
	_dropped=$(($(dropped) - _before))
	echo "$_dropped packets dropped; ping: $answered % answered, median $median ms, worst $worst ms"
	[ "$answered" -ge 80 ] || fail "the ping does not get through"
	[ "$_dropped" -gt 0 ] || fail "n1 does not count what it drops"
	instrumented || [ "$median" -le 150 ] || fail "the ping takes long"
	expect_memory n1 VmHWM $memory_max
	expect_memory n2 VmHWM $memory_max
}

# check NODE DEVICE WHERE: with that end of a link slow.
check()
{
	limit "$1" "$2" $mbit
	step "$mbit Mbit/s $3: eight downloads"
	check_downloads
	step "$mbit Mbit/s $3: a flood"
	check_flood
	unlimit "$1" "$2"
}

check n1 up0 "from n1 to the broker"
check b to2 "from the broker to n2"
wait_up n1 1
wait_up n2 1
[ "$(counter n1 connects)" -eq 1 ] || fail "the connection to the broker did not last"
