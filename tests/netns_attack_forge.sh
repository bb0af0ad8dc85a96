#!/bin/sh
# A broker that changes messages, makes some of its own, or delivers them elsewhere: nothing of that
# arrives, what it did not change still does, and no session suffers.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/attack.sh
. "${srcdir:-$(dirname "$0")/..}/tests/attack.sh"

# all_dropped N COUNT: that many came to nN, and not one was accepted.
all_dropped()
{
	settle "$1"
	expect_rise "$1" 'rx_drop_.*' "$2"
}

# restart_3 FILTER...: n3 is started anew, after it took leave; its greeting to n2 makes a session, of
# which the messages that match get no further than to the broker.
restart_3()
{
	stop n3
	node_start 3 -n n3
	wait_up n3
	settle 3
	withhold 3 10.0.1.2 "greeting-$greeting" "$@"
}

attack_begin 1 2 3
greeting=0
for WIRE in psk pubkey; do
	attack_nodes 1 2 3
	part1=$(part 1)
	part2=$(part 2)
	part3=$(part 3)
	net=$(network_topic)
	data="type=0x10 client=n2 from=$part1"
	for n in 1 2 3; do # so that all have multicast keys
		tell $n 10.0.1.255 hello
	done

	# shellcheck disable=SC2086 # lists of words
	{
		step bitflip_every_byte
		withhold 1 10.0.1.2 flipped $data
		mark
		sent=$(evil flip $data)
		all_dropped 2 "$sent"
		sent=$((sent + $(evil truncate $data)))
		all_dropped 2 "$sent"
		got 2 flipped 0
		same_sessions
		evil replay $data >/dev/null
		got 2 flipped 1

		withhold 1 10.0.1.255 flipped-all type=0x22 client=n2
		mark
		sent=$(evil flip type=0x22)
		settle 2
		# What seems to be under another key waits for that.
		expect_rise 2 rx_messages 1 # the ping
		[ "$(rise 2 'rx_drop_.*')" -ge $((sent - 8)) ] || fail "n2 does not count them"
		got 2 flipped-all 0
		same_sessions
		evil replay type=0x22 >/dev/null
		got 2 flipped-all 1
	}
	for filter in "type=0x01 client=n2 from=$part3" "type=0x02 client=n3 from=$part2" \
	    "type=0x30 client=n3 from=$part2"; do
		# shellcheck disable=SC2086 # lists of words
		{
			greeting=$((greeting + 1))
			restart_3 $filter
			mark
			sent=$(evil flip last=1 $filter)
			sent=$((sent + $(evil truncate last=1 $filter)))
			case $filter in
			*client=n2*) all_dropped 2 "$sent" ;;
			*) settle 3 && expect_rise 3 'rx_drop_.*' "$sent" ;;
			esac
			expect_rise 2 'handshakes_answered|handshakes_done' 0
			expect_rise 3 'handshakes_done|multicast_keys_received' 0
			evil replay last=1 $filter >/dev/null
		}
		got 2 "greeting-$greeting" 1
	done
	evil capture clear
	evil capture on type=0x03 client=n1
	stop n3
	node_start 3 -n n3
	wait_up n3
	evil harmless
	everybody_reaches_everybody
	mark
	sent=$(evil flip type=0x03 client=n1 last=1)
	sent=$((sent + $(evil truncate type=0x03 client=n1 last=1)))
	settle 1
	expect_rise 1 'rx_drop_.*' "$sent"
	expect_rise 1 notices_received 0
	same_sessions

	# shellcheck disable=SC2086 # lists of words
	{
		step forged_high_counter
		withhold 1 10.0.1.2 modest $data
		mark
		for counter in ffffffffffffffff fffffffffffffffe 7fffffffffffffff 0000000100000000; do
			evil patch $data 8 $counter >/dev/null
		done
		all_dropped 2 4
		same_sessions
		evil replay $data >/dev/null
		got 2 modest 1
		withhold 1 10.0.1.255 modest-all type=0x22 client=n2
		mark
		for counter in ffffffffffffffff fffffffffffffffe 7fffffffffffffff 0000000100000000; do
			evil patch type=0x22 8 $counter >/dev/null
		done
		all_dropped 2 4
		evil replay type=0x22 >/dev/null
		got 2 modest-all 1
		same_sessions

		step unknown_version
		withhold 1 10.0.1.2 unknown $data
		mark
		for version in 00 45 60 90 92 a1 ff; do
			evil patch $data 0 $version >/dev/null
		done
		for type in 00 04 11 23 32 ff; do
			evil patch $data 1 $type >/dev/null
		done
		for type in 20 21 31; do # of groups
			evil patch $data 1 $type >/dev/null
		done
		for flags in 0001 0002 8000; do
			evil patch $data 2 $flags >/dev/null
		done
		settle 2
		expect_rise 2 rx_drop_version 16
		expect_rise 2 rx_drop_topic 3
		expect_rise 2 'rx_drop_.*' 19
		got 2 unknown 0
		same_sessions

		step cross_topic_reroute
		withhold 1 10.0.1.2 astray $data
		mark
		evil reroute $data "$net/$part3/$part1" >/dev/null # n1's, to n3
		evil reroute $data "$net/$part2/$part3" >/dev/null # to n2, as if it were n3's
		evil reroute $data "$net/$part2/$part2" >/dev/null
		settle 2 3
		expect_rise 2 rx_drop_no_session 2
		expect_rise 3 rx_drop_no_session 1
		for n in 1 2 3; do
			got $n astray 0
		done
		same_sessions
		mark
		all=$(evil clients | awk -v net="$net" '
			NR > 1 { for (i = 2; i <= NF; i++) count[$i]++ }
			END { for (each in count) if (count[each] > 1) print each }')
		evil reroute $data "${all%+}$part1" >/dev/null
		settle 1 2 3
		for n in 1 2 3; do
			expect_rise $n rx_drop_topic 1
			got $n astray 0
		done
		evil replay $data >/dev/null
		got 2 astray 1
		withhold 1 10.0.1.255 astray-all type=0x22 client=n2
		mark
		evil reroute type=0x22 "$net/$part2/$part1" >/dev/null
		settle 2
		expect_rise 2 rx_drop_topic 1
		evil reroute type=0x22 "${all%+}$part3" >/dev/null
		settle 1 2 3
		got 2 astray-all 0
		got 3 astray-all 1 # it was n2 alone who had missed it
		evil replay type=0x22 >/dev/null
		got 2 astray-all 1
		same_sessions
	}

	step bridge_prefix_remap
	evil remap mqttip another/place
	everybody_reaches_everybody
	tell 1 10.0.1.255 remapped
	got 2 remapped 1
	stop n3
	node_start 3 -n n3
	wait_up n3
	everybody_reaches_everybody
	evil harmless

	step downgrade_to_bare_ip
	bare=$(bare_packet 10.0.1.1 10.0.1.2 bare)
	bare_all=$(bare_packet 10.0.1.1 255.255.255.255 bare)
	mark
	evil inject "$net/$part2/$part1" "$bare" >/dev/null
	evil inject "${all%+}$part1" "$bare_all" >/dev/null
	settle 2 3
	expect_rise 2 rx_drop_version 2
	expect_rise 3 rx_drop_version 1
	mark
	for topic in 10.0.1.2 255.255.255.255; do
		evil inject mqttip/$topic "$bare" client=n2 >/dev/null
		evil inject mqttip/$topic "$bare_all" client=n2 >/dev/null
	done
	settle 2
	expect_rise 2 rx_drop_topic 4
	got 2 bare 0
	got 3 bare 0
	same_sessions

	step downgrade_to_mqtt_vpn
	sealed=$(PYTHONPATH=$srcdir/tests "$python" -B -c '
import sys, old_wire_peer
print(old_wire_peer.Box(sys.argv[1]).seal(bytes.fromhex(sys.argv[2])).hex())
' "$(cat "$(network_key)")" "$bare") || skip "python3-nacl, python3-paho-mqtt are missing"
	mark
	evil inject "$net/$part2/$part1" "$sealed" >/dev/null
	evil inject "${all%+}$part1" "$sealed" >/dev/null
	evil inject mqttip/10.0.1.2 "$sealed" client=n2 >/dev/null
	evil inject mqttip/255.255.255.255 "$sealed" client=n2 >/dev/null
	settle 2
	expect_rise 2 rx_drop_topic 2
	expect_rise 2 'rx_drop_.*' 4 # a random first byte, which may be that of the native wire
	got 2 bare 0
	same_sessions

	step oversize_message
	mark
	evil inject "$net/$part2/$part1" - >/dev/null
	evil oversize "$net/$part2/$part1" 65537 >/dev/null
	evil oversize "$net/$part2/$part1" 3000000 >/dev/null
	settle 2
	expect_rise 2 rx_drop_too_short 1
	expect_rise 2 rx_drop_too_big 2
	same_sessions
	if ! instrumented; then # which does not limit the memory
		evil oversize "$net/$part2/$part1" 200000000 >/dev/null
		expect_counter n2 disconnects
		wait_up n2
		same_sessions
		expect_memory n2 VmHWM 30000
	fi

	# No broker can do that: n3 is a member of the network.
	step spoofed_inner_source
	if [ "$WIRE" = pubkey ]; then # its own daemon must not know the address of another
		stop n3
		wire_conf 3 "$(peer_conf 1 n1)" >"$tmp/wire-3.conf"
		daemon_start n3 -c "$tmp/wire-3.conf" -n n3 -i mq0 -a 10.0.1.3/24 -b "$broker"
		wait_up n3
	fi
	expect_ping n3 10.0.1.2 1
	ip -n "${prefix}n3" address add 10.0.1.1/32 dev lo
	ip -n "${prefix}n3" address add 10.0.1.77/32 dev lo
	tell 3 10.0.1.255 greeting
	got 2 greeting 1
	mark
	tell 3 10.0.1.2 spoofed --source 10.0.1.1
	tell 3 10.0.1.2 spoofed --source 10.0.1.77
	tell 3 10.0.1.255 spoofed --source 10.0.1.1
	tell 3 10.0.1.255 spoofed --source 10.0.1.77
	expect_ping n3 10.0.1.2 1
	expect_rise 2 rx_drop_spoofed 4
	got 2 spoofed 0
	ip -n "${prefix}n3" address del 10.0.1.1/32 dev lo
	ip -n "${prefix}n3" address del 10.0.1.77/32 dev lo
	expect_ping n1 10.0.1.2 1
	expect_rise 2 handshakes_done 0
	attack_stop
done
