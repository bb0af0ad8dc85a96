#!/bin/sh
# A broker that delivers again, later, in another order, or what it stored: each packet arrives once,
# or not at all, and no session suffers.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/attack.sh
. "${srcdir:-$(dirname "$0")/..}/tests/attack.sh"

# pass_messages FROM TO COUNT: that many messages go by.
pass_messages()
{
	_enough=$3
	mark
	while [ "$(rise "$1" tx_messages)" -lt "$_enough" ]; do
		tell "$1" "10.0.1.$2" many --count 3000 --rate 15000
	done
	settle "$2"
}

attack_begin 1 2 3
for WIRE in psk pubkey; do
	attack_nodes 1 2 3
	part1=$(part 1)
	part3=$(part 3)
	one_to_two="client=n2 from=$part1"

	step replay_immediate
	evil capture on
	tell 1 10.0.1.2 immediate
	tell 1 10.0.1.255 immediate-all
	got 2 immediate 1
	got 2 immediate-all 1
	got 3 immediate-all 1
	mark
	# shellcheck disable=SC2086 # a list of words
	sent=$(evil replay type=0x10 $one_to_two 3)
	settle 2
	got 2 immediate 1
	expect_rise 2 rx_drop_replay "$sent"
	evil replay type=0x22 from="$part1" 3 >/dev/null
	settle 2 3
	got 2 immediate-all 1
	got 3 immediate-all 1
	expect_rise 2 rx_drop_replay $((sent + 3))
	expect_rise 3 rx_drop_replay 3
	same_sessions

	step duplicate_delivery
	mark
	evil duplicate 2 type=0x10
	tell 1 10.0.1.2 double --count 200
	settle 2
	evil harmless
	got 2 'double-[0-9]*' 200
	[ "$(rise 2 rx_drop_replay)" -ge $((2 * $(rise 1 tx_messages))) ] ||
	    fail "n2 does not count the duplicates"
	same_sessions

	step reorder_in_window
	mark
	evil reorder 400 client=n2
	tell 1 10.0.1.2 mixed --count 4000 --rate 10000
	evil harmless
	got 2 'mixed-[0-9]*' 4000
	expect_rise 2 rx_drop_.* 0
	grep -o 'mixed-[0-9]*' "$tmp/udp2.log" >"$tmp/order"
	sort -t - -k 2 -n -c "$tmp/order" 2>/dev/null && fail "all came in order: this was no test"
	same_sessions

	step reorder_beyond_window
	# shellcheck disable=SC2086 # a list of words
	{
		withhold 1 10.0.1.2 belated type=0x10 $one_to_two
		pass_messages 1 2 4000
		evil replay type=0x10 $one_to_two >/dev/null
		got 2 belated 1
		withhold 1 10.0.1.2 too-late type=0x10 $one_to_two
		pass_messages 1 2 8200
		mark
		evil replay type=0x10 $one_to_two >/dev/null
	}
	settle 2
	got 2 too-late 0
	expect_rise 2 rx_drop_replay 1
	same_sessions

	step retained_data
	# shellcheck disable=SC2086 # a list of words
	withhold 1 10.0.1.2 stored type=0x10 $one_to_two
	mark
	evil retain type=0x10 >/dev/null
	evil qos type=0x10 >/dev/null
	evil qos type=0x10 2 >/dev/null
	settle 2
	got 2 stored 0
	expect_rise 2 rx_drop_retained 1
	expect_rise 2 rx_drop_qos 2
	same_sessions
	evil replay type=0x10 >/dev/null
	got 2 stored 1 # so it was the flag and the QoS alone

	step replay_after_receiver_restart
	evil capture clear
	evil capture on
	stop n3 # a session from its first message to its last
	node_start 3 -n n3
	wait_up n3
	expect_ping n1 10.0.1.3
	tell 1 10.0.1.3 before
	tell 1 10.0.1.255 before-all
	got 3 before 1
	got 3 before-all 1
	evil drop 1 client=n3 type=0x10
	tell 1 10.0.1.3 lost
	wait_for 5 captured client=n3 type=0x10 from="$part1" last=1
	evil drop 0
	stop n3 KILL
	node_start 3 -n n3
	wait_up n3
	evil capture off
	evil replay client=n3 >/dev/null
	settle 3
	everybody_reaches_everybody
	mark
	evil replay client=n3 >/dev/null
	evil replay client=n3 >/dev/null
	settle 3
	got 3 before 1
	got 3 before-all 1
	got 3 lost 0
	[ "$(rise 3 rx_drop_no_session)" -gt 0 ] || fail "n3 knows the sessions that it had before"
	same_sessions

	step replay_after_sender_restart
	evil capture clear
	evil capture on
	tell 3 10.0.1.2 once
	tell 3 10.0.1.255 once-all
	got 2 once 1
	got 2 once-all 1
	stop n3 KILL
	evil replay client=n2 from="$part3" >/dev/null
	settle 2
	got 2 once 1
	got 2 once-all 1
	node_start 3 -n n3
	wait_up n3
	for n in 1 2; do # not heeded at once if n3 was started twice within a second
		wait_for 5 pings n$n 10.0.1.3 1 || fail "n$n does not notice that n3 was started anew"
	done
	evil replay client=n2 >/dev/null
	evil replay client=n3 >/dev/null
	settle 2 3
	got 2 once 1
	got 2 once-all 1
	everybody_reaches_everybody
	attack_stop
done
