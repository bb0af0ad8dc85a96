#!/bin/sh
# A broker that plays with handshakes, and nodes that do not belong: no session with whom it should
# not be, none lost, and no answer to those who have no business here.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/attack.sh
. "${srcdir:-$(dirname "$0")/..}/tests/attack.sh"

# restart N [SIGNAL]
restart()
{
	stop "n$1" "${2:-TERM}"
	node_start "$1" -n "n$1"
	wait_up "n$1"
}

# unanswered N PART: n2 heard of nN, which has this part in topics, and neither n1 nor n2 told it
# anything.
unanswered()
{
	wait_for 5 counter_above n2 rx_drop_handshake 0 || fail "n2 does not hear of n$1"
	settle 2
	[ "$(evil count dir=up type=0x01 client="n$1")" -gt 1 ] || fail "n$1 did not try both"
	[ "$(evil count dir=up to="$2" client=n1)" -eq 0 ] || fail "n1 answers n$1"
	[ "$(evil count dir=up to="$2" client=n2)" -eq 0 ] || fail "n2 answers n$1"
	for _n in 1 2; do
		expect_rise $_n 'handshakes_answered|handshakes_done' 0
	done
	expect_no_ping "n$1" 10.0.1.2
}

# Daemons 1 and 2 with addresses in their topics.
plain_nodes()
{
	attacked='1 2'
	for _n in 1 2 3; do
		node_conf "$_n" "broker \"$broker\" { }" '' "client-id = n$_n topics = plain"
	done
	for _n in 1 2; do
		node_run "$_n"
	done
	for _n in 1 2; do
		wait_up "n$_n"
	done
	expect_ping n1 10.0.1.2
	mark
	evil capture clear
	evil capture on
}

# n3 with the file of node_conf wants to talk.
stranger()
{
	node_run 3
	wait_up n3
	tell 3 10.0.1.2 hello
	tell 3 10.0.1.1 hello
}

attack_begin 1 2 3
for WIRE in psk pubkey; do
	attack_nodes 1 2 3
	part2=$(part 2)
	part3=$(part 3)
	first="type=0x01 client=n2 from=$part3"
	answer="type=0x02 client=n3 from=$part2"
	evil capture on
	restart 3
	expect_ping n3 10.0.1.2
	expect_ping n3 10.0.1.1
	everybody_reaches_everybody
	evil capture off

	# shellcheck disable=SC2086 # lists of words
	{
		step handshake_replay
		mark
		evil replay $first 50 >/dev/null
		evil replay $answer 50 >/dev/null
		settle 2 3
		expect_rise 2 rx_drop_replay 50
		expect_rise 2 handshakes_answered 0
		expect_rise 3 rx_drop_handshake 50
		same_sessions
		restart 2 KILL # so that it knows of none of them
		everybody_reaches_everybody
		mark
		evil replay $first 5 >/dev/null
		settle 2 3
		expect_rise 2 handshakes_answered 1
		expect_rise 2 rx_drop_replay 4
		expect_rise 3 rx_drop_handshake 1
		same_sessions
		evil replay type=0x10 >/dev/null
		same_sessions

		step handshake_reflected
		mark
		evil reflect $first >/dev/null
		evil reflect $answer >/dev/null
		settle 2 3
		expect_rise 2 'rx_drop_.*' 1
		expect_rise 2 rx_drop_handshake 1
		expect_rise 3 rx_drop_handshake 1
		expect_rise 2 handshakes_answered 0
		expect_rise 3 handshakes_answered 0
		evil reflect type=0x10 client=n2 from="$part3" last=1 >/dev/null
		settle 3
		expect_rise 3 rx_drop_no_session 1
		same_sessions

		step retained_handshake
		stop n3
		node_start 3 -n n3
		wait_up n3
		settle 3
		withhold 3 10.0.1.2 "stored-$WIRE" $first
		mark
		evil retain $first >/dev/null
		evil qos $first >/dev/null
		evil qos $first 2 >/dev/null
		settle 2
		expect_rise 2 rx_drop_retained 1
		expect_rise 2 rx_drop_qos 2
		expect_rise 2 handshakes_answered 0
		evil replay $first >/dev/null
		got 2 "stored-$WIRE" 1
	}
	attack_stop

	step same_second_start
	evil capture clear
	evil capture on
	for _ in 1 2 3; do
		node_start 1 -n n1
		node_start 2 -n n2
		wait_up n1
		wait_up n2
		tell 1 10.0.1.255 together # a key, for the other
		spawn n2 ping-2 ping -n -c 5 -i 0.2 -W 2 10.0.1.1
		expect_ping n1 10.0.1.2 5
		reap ping-2
		stop n1
		stop n2
	done
	evil harmless
	{
		evil show dir=up type=0x10 | cut -c 9-32 # the session's index, the counter that both share
		evil show dir=up type=0x30 | cut -c 9-32
		evil show dir=up type=0x22 | cut -c 17-48 # counter and key
		evil show dir=up type=0x01 | cut -c 9-72  # ephemeral key
		evil show dir=up type=0x03 | cut -c 9-56  # nonce
	} >"$tmp/nonces"
	echo "$(wc -l <"$tmp/nonces") messages"
	[ "$(wc -l <"$tmp/nonces")" -gt 60 ] || fail "that is too few"
	[ -z "$(sort "$tmp/nonces" | uniq -d)" ] || fail "a nonce was used twice under one key"

	step wrong_psk_no_oracle
	plain_nodes
	if [ "$WIRE" = psk ]; then
		sed "s|$(network_key)|$(network_key other)|" "$tmp/n3.conf" >"$tmp/other.conf"
		mv "$tmp/other.conf" "$tmp/n3.conf"
	else # it knows them, and they do not know it
		"$vpnctl" genkey >"$tmp/node-3.key"
	fi
	stranger
	unanswered 3 0a000103
	attack_stop
	stop n3
	rm -f "$tmp"/node-*

	step wrong_network
	plain_nodes
	sed 's/network = "test"/network = "toast"/' "$tmp/n3.conf" >"$tmp/other.conf"
	mv "$tmp/other.conf" "$tmp/n3.conf"
	stranger
	settle 1 2
	expect_rise 2 'rx_drop_.*' 0
	evil reroute dir=up client=n3 type=0x01 to=0a000102 mqttip/test/0a000102/0a000103 >/dev/null
	unanswered 3 0a000103
	attack_stop
	stop n3
done

step removed_peer_multicast
attacked='1 2 3'
for n in 1 2 3; do
	node_conf $n "broker \"$broker\" { }"
	node_run $n
done
for n in 1 2 3; do
	wait_up n$n
done
tell 1 10.0.1.255 for-all
got 2 for-all 1
got 3 for-all 1
expect_ping n3 10.0.1.1
node_conf 1 "broker \"$broker\" { }" '' '# without "10.0.1.3"'
ctl n1 reload >/dev/null || fail "the reload fails"
expect_no_ping n3 10.0.1.1
mark
for _ in 1 2 3; do
	tell 1 10.0.1.255 for-the-others
done
got 2 for-the-others 3
expect_ping n3 10.0.1.2
got 3 for-the-others 0
expect_rise 1 multicast_keys_sent 1
expect_rise 2 multicast_keys_received 1
expect_rise 3 multicast_keys_received 0
