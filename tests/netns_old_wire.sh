#!/bin/sh
# One network with a node that speaks MQTT_VPN's wire from an implementation of its own.
# SPDX-License-Identifier: ISC

WIRE=mqtt_vpn
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
"$python" -c 'import nacl, paho.mqtt' 2>/dev/null || skip "python3-nacl, python3-paho-mqtt are missing"
node_new 1 2 3
broker_start
sum=$(random_file "$tmp/file" 2000000)
six=
[ "$have_ipv6" = no ] || six='-6 fd00:6d71::1'
for password in '' 'correct horse'; do
	step "a foreign node and two of ours ${password:+with a password}"
	# shellcheck disable=SC2086 # a list of words
	spawn n1 peer "$python" "$srcdir/tests/old_wire_peer.py" -i mq0 -a 10.0.1.1 $six 	    -b tcp://10.99.0.1:1883 -t 10.0.1.77 ${password:+-k "$password"}
	node_start 2 ${password:+-k "$password"}
	node_start 3 ${password:+-k "$password"}
	wait_up n2
	wait_up n3
	expect_log peer '^connected'
	ip -n "${prefix}n1" address add 10.0.1.77/32 dev lo
	expect_ping n2 10.0.1.1
	expect_ping n1 10.0.1.3
	expect_ping n2 10.0.1.3
	expect_ping n3 10.0.1.77
	if [ "$have_ipv6" = yes ]; then
		expect_ping n1 fd00:6d71::2
		expect_ping n3 fd00:6d71::1
	fi
	expect_download n2 n1 10.0.1.1 "$tmp/file" "$sum"
	expect_download n1 n3 10.0.1.3 "$tmp/file" "$sum"
	stop peer
	tail -n 1 "$tmp/peer.log"
	tail -n 1 "$tmp/peer.log" | grep -q 'bad=0 too long=0 foreign=0' ||
	    fail "the foreign node dropped messages of ours"
	rm "$tmp/peer.log"
	for drop in rx_drop_auth rx_drop_too_short rx_drop_malformed; do
		[ "$(counter n2 $drop)" -eq 0 ] || fail "n2 dropped messages: $drop"
	done
	stop n2
	stop n3
	ip -n "${prefix}n1" address del 10.0.1.77/32 dev lo
done
