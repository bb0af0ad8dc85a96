#!/bin/sh
# A network of the native wire, in which one node also knows peers of MQTT_VPN's wire: both reach it,
# and what comes by the old wire is believed of those peers alone.
# SPDX-License-Identifier: ISC

WIRE=${WIRE:-psk}
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
"$python" -c 'import nacl, paho.mqtt' 2>/dev/null || skip "python3-nacl, python3-paho-mqtt are missing"
node_new 1 2 3 4
broker_start
for n in 1 2 3 4; do
	spawn_listener n$n udp$n "$python" "$tool" udp-listen 5000
done
secret_file "$tmp/password" 'correct horse'

# old_section N: of n1's file, for a peer of the old wire.
old_section()
{
	_six=
	[ "$have_ipv6" = no ] || _six=", \"fd00:6d71::$1\""
	echo "peer \"old-$1\" { address = {\"10.0.1.$1\"$_six} wire = mqtt_vpn }"
}

# old_start N
old_start()
{
	_six=
	[ "$have_ipv6" = no ] || _six="-6 fd00:6d71::$1"
	_before=$(log_count "old-$1" '^connected')
	# shellcheck disable=SC2086 # lists of words
	spawn "n$1" "old-$1" "$python" "$srcdir/tests/old_wire_peer.py" -i mq0 -a "10.0.1.$1" $_six \
	    -b tcp://10.99.0.1:1883 ${password:+-k "$password"}
	wait_for 10 log_has_more "old-$1" '^connected' "$_before" || fail "old-$1 does not start"
	wait_for 5 has_interface "n$1" || fail "old-$1 has no interface"
}

# conf_1 SECTION...: n1's file.
conf_1()
{
	[ $# -eq 0 ] || [ -z "$password" ] || set -- "mqtt-vpn-password-file = \"$tmp/password\"" "$@"
	node_conf 1 "broker \"$broker\" { }" '' "$*"
}

# tell N ADDRESS TEXT [OPTION...]
tell()
{
	_from=$1
	_to=$2
	shift 2
	in_ns "n$_from" "$python" "$tool" udp-send --device mq0 "$_to" 5000 "$@"
}

spoofed()
{
	counter_above n1 rx_drop_spoofed "$(($1 - 1))"
}

# poses N: as n2, as nobody, and as n1 itself; n1 believes nothing of that.
poses()
{
	_before=$(counter n1 rx_drop_spoofed)
	for _source in 10.0.1.2 10.0.1.77; do
		ip -n "${prefix}n$1" address add $_source/32 dev lo
		for _to in 10.0.1.1 255.255.255.255; do
			tell "$1" $_to "as-$_source" --source $_source
		done
		ip -n "${prefix}n$1" address del $_source/32 dev lo
	done
	wait_for 5 spoofed $((_before + 4)) || fail "n1 does not count what is spoofed"
	[ "$(log_count udp1 'as-')" -eq 0 ] || fail "n1 believes n$1 that it is another"
}

# reaches_old N: both ways, and broadcasts.
reaches_old()
{
	expect_ping n1 "10.0.1.$1"
	expect_ping "n$1" 10.0.1.1
	if [ "$have_ipv6" = yes ]; then
		expect_ping n1 "fd00:6d71::$1"
		expect_ping "n$1" fd00:6d71::1
	fi
	tell 1 10.0.1.255 "to-all-and-$1"
	expect_log udp2 "to-all-and-$1"
	expect_log "udp$1" "to-all-and-$1"
	tell "$1" 255.255.255.255 "from-$1" # it knows no other
	expect_log udp1 "from-$1"
}

for password in '' 'correct horse'; do
	step "native and old peers ${password:+with a password}"
	conf_1 "$(old_section 3)"
	node_run 1
	node_start 2
	wait_up n1
	wait_up n2
	old_start 3
	expect_ping n1 10.0.1.2
	expect_ping n2 10.0.1.1
	reaches_old 3
	wait_session n1 10.0.1.2
	[ "$(json n1 peers peers name=old-3 wire)" = mqtt_vpn ] || fail "peers does not show its wire"
	ctl n1 status >"$tmp/status"
	if [ -z "$password" ]; then
		grep -q 'not encrypted' "$tmp/status" || fail "the status does not warn"
	elif grep -q 'not encrypted' "$tmp/status"; then
		fail "the status warns in vain"
	fi

	step "what n3 sends as another is dropped"
	poses 3
	expect_ping n1 10.0.1.2

	step "one more by reload"
	conf_1 "$(old_section 3)" "$(old_section 4)"
	ctl n1 reload >/dev/null || fail "the reload fails"
	old_start 4
	reaches_old 4
	expect_ping n1 10.0.1.3
	poses 4

	step "none any more"
	conf_1
	ctl n1 reload >/dev/null || fail "the reload fails"
	expect_no_ping n1 10.0.1.3
	expect_no_ping n4 10.0.1.1
	expect_ping n1 10.0.1.2
	stop n1
	stop old-4

	step "the first of them by reload: none of its packets is seen in the clear"
	node_run 1
	wait_up n1
	expect_ping n1 10.0.1.2
	spawn b sniff mosquitto_sub -h 10.99.0.1 -t 'mqttip/10.0.1.3' -t mqttip/255.255.255.255 -F '%t %x'
	wait_for 5 logged broker ' mqttip/255.255.255.255$' || fail "no sniffer"
	conf_1 "$(old_section 3)"
	ctl n1 reload >/dev/null || fail "the reload fails"
	reaches_old 3
	poses 3
	clear=$(log_count sniff ' [46]5*[0-9a-f]*0a0001')
	echo "$(log_count sniff .) messages, $clear of them in the clear"
	[ -z "$password" ] || [ "$clear" -eq 0 ] || fail "packets in the clear, in spite of a password"
	[ -n "$password" ] || [ "$clear" -gt 0 ] || fail "this is no test"
	stop sniff
	stop old-3
	stop n1
	stop n2
	for log in udp1 udp2 udp3 udp4 sniff; do
		: >"$tmp/$log.log"
	done
done
