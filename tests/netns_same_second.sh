#!/bin/sh
# Two nodes that start in the same second, again and again: no nonce ever repeats.
# SPDX-License-Identifier: ISC

WIRE=mqtt_vpn
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
node_new 1 2
broker_start
spawn b sniff mosquitto_sub -h 10.99.0.1 -t '#' -F %x
wait_for 5 logged broker ' #$' || fail "no sniffer"
for round in 1 2 3 4; do
	step "start $round"
	node_start 1 -k secret
	node_start 2 -k secret
	wait_up n1
	wait_up n2
	expect_ping n1 10.0.1.2 5
	stop n1
	stop n2
done
stop sniff
cut -c 1-48 "$tmp/sniff.log" >"$tmp/nonces"
count=$(wc -l <"$tmp/nonces")
echo "$count messages"
[ "$count" -ge 40 ] || fail "only $count messages were seen"
[ -z "$(sort "$tmp/nonces" | uniq -d)" ] || fail "a nonce was used twice"
if grep -v -q '^.\{48\}0\{32\}' "$tmp/sniff.log"; then
	fail "a message without the 16 zero bytes"
fi
