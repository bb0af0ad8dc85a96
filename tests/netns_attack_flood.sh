#!/bin/sh
# A broker that repeats at a high rate what it has seen of handshakes and notices: the sessions stay
# as they are, hardly a packet goes slower, none is lost, and new nodes get their session all the same.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/attack.sh
. "${srcdir:-$(dirname "$0")/..}/tests/attack.sh"

rate=2000

# flood_start SECONDS FILTER...: returns at once.
flood_start()
{
	_seconds=$1
	shift
	evil flood "$@" $rate "$_seconds" >"$tmp/flood" 2>&1 &
	flood=$!
}

flood_end()
{
	wait "$flood" || fail "the flood: $(cat "$tmp/flood")"
	echo "$(cat "$tmp/flood") messages of the flood"
}

# megabits: of a transfer of one second from n1 to n2.
megabits()
{
	in_ns n1 "$python" "$tool" source 10.0.1.2 9 1 | sed 's/.*bytes, \([0-9]*\) Mbit.*/\1/'
}

# megabits_during FILTER...: the same while the broker floods n2 with these.
megabits_during()
{
	flood_start 1.2 client=n2 "$@"
	_megabits=$(megabits)
	flood_end >/dev/null
	echo "$_megabits"
}

# measure_more: the best of some more rounds, alternating.
measure_more()
{
	for _ in 1 2; do
		_megabits=$(megabits_during from=nobody)
		[ "$_megabits" -le "$garbage" ] || garbage=$_megabits
		_megabits=$(megabits_during type=0x01)
		[ "$_megabits" -le "$attack" ] || attack=$_megabits
	done
	echo "$calm Mbit/s; with garbage $garbage, with handshakes $attack"
}

good_enough()
{
	[ $((attack * 10)) -ge $((garbage * 8)) ]
}

attack_begin 1 2 3
spawn_listener n2 sink "$python" "$tool" sink 0.0.0.0 9
for WIRE in psk pubkey; do
	attack_nodes 1 2 3
	evil capture clear
	evil capture on
	for n in 3 2; do
		stop n$n
		node_start $n -n n$n
		wait_up n$n
	done
	expect_ping n1 10.0.1.2
	expect_ping n3 10.0.1.2
	expect_ping n3 10.0.1.1
	size=$(evil list type=0x01 client=n2 last=1 | awk 'NR == 2 { print $6 }')
	head -c "$size" /dev/zero | tr '\0' x >"$tmp/garbage"
	in_ns b mosquitto_pub -h 10.99.0.1 -t "$(network_topic)/$(part 2)/nobody" -f "$tmp/garbage"
	wait_for 5 captured client=n2 from=nobody || fail "no garbage"
	evil capture off

	step handshake_flood
	mark
	calm=$(megabits)
	garbage=0
	attack=0
	measure_more
	instrumented || for _ in 1 2 3; do
		if good_enough; then
			break
		fi
		measure_more
	done
	instrumented || good_enough || fail "the handshakes cost more than a fifth"
	for n in 1 2 3; do
		expect_rise $n 'handshakes_done|disconnects' 0
	done
	[ "$(rise 2 'rx_drop_replay|rx_drop_flood')" -gt 1000 ] || fail "that was no flood"
	flood_start 3 type=0x01 client=n2
	stop n3 # with a goodbye, so that n3 is the one to begin
	node_start 3 -n n3
	wait_up n3
	expect_ping n3 10.0.1.2
	alive "$flood" || fail "the flood was over before n3 had its session"
	flood_end

	step forged_hints
	evil replay type=0x03 >/dev/null # new to who was started after: a hint, once
	everybody_reaches_everybody
	mark
	flood_start 3 type=0x03
	tell 1 10.0.1.2 packet --count 2000 --rate 1000
	alive "$flood" || fail "the flood was over too early"
	flood_end
	got 2 'packet-[0-9]*' 2000
	for n in 1 2 3; do
		expect_rise $n 'disconnects|probes_lost' 0
	done
	same_sessions
	attack_stop
done
