#!/bin/sh
# TCP through the tunnel, both ways, bare and encrypted: what arrives is what was sent.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
node_new 1 2
broker_start
size=20000000
if instrumented; then
	size=2000000
fi
sum=$(random_file "$tmp/file" $size)
for password in '' 'correct horse'; do
	step "$size bytes ${password:+with a password}"
	node_start 1 ${password:+-k "$password"}
	node_start 2 ${password:+-k "$password"}
	wait_up n1
	wait_up n2
	expect_download n1 n2 10.0.1.2 "$tmp/file" "$sum"
	expect_download n2 n1 10.0.1.1 "$tmp/file" "$sum"
	stop n1
	stop n2
done

step "both ways at once"
node_start 1 -k x
node_start 2 -k x
wait_up n1
wait_up n2
serve n1 10.0.1.1 "$tmp/file"
serve n2 10.0.1.2 "$tmp/file"
fetch n2 10.0.1.1 >"$tmp/sum" &
other=$!
[ "$(fetch n1 10.0.1.2)" = "$sum" ] || fail "the download to n1 is damaged"
wait $other || fail "the download to n2 ended early"
[ "$(cat "$tmp/sum")" = "$sum" ] || fail "the download to n2 is damaged"
wait_up n1 1
wait_up n2 1

step "stats tell of each stage that the packets have passed"
for stage in "tunnel tx_packets" "tunnel rx_packets" "messages tx bytes_per_message" \
    "messages rx packets_per_message" "link path rtt_us"; do
	# shellcheck disable=SC2086 # words
	value=$(json n1 stats stages $stage)
	[ "${value%.*}" -gt 0 ] || fail "stages $stage is '$value'"
done
if [ "$WIRE" != mqtt_vpn ]; then
	for value in window rtt_us rate; do
		[ "$(json n1 stats stages peers address=10.0.1.2 $value)" -gt 0 ] ||
		    fail "the peer has no $value"
	done
fi
ctl n1 stats | grep -q '^Tunnel' || fail "stats shows no stages"
