#!/bin/sh
# Nodes with different passwords, and with none, hear nothing of each other but count it.
# SPDX-License-Identifier: ISC

WIRE=mqtt_vpn
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
node_new 1 2 3
broker_start
node_start 1 -k one
node_start 2 -k two
node_start 3
wait_up n1
wait_up n2
wait_up n3
step "another password: nothing passes"
expect_no_ping n1 10.0.1.2
expect_no_ping n2 10.0.1.1
expect_counter n2 rx_drop_auth
expect_counter n1 rx_drop_auth
[ "$(json n2 status drops rx_drop_auth)" -gt 0 ] || fail "status does not name the drops"

step "bare packets are not taken by a node with a password, nor sealed ones by one without"
expect_no_ping n3 10.0.1.1
expect_no_ping n1 10.0.1.3
expect_counter n3 rx_drop_malformed
json n3 status warnings | grep -q 'not encrypted' || fail "status does not warn"
[ "$(counter n1 rx_packets)" -eq 0 ] || fail "n1 took a packet"
[ "$(counter n3 rx_packets)" -eq 0 ] || fail "n3 took a packet"

step "forged and damaged messages"
before=$(counter n1 rx_drop_too_short)
for payload in x "$(printf '%060d' 0)"; do
	in_ns b mosquitto_pub -h 10.99.0.1 -t mqttip/10.0.1.1 -m "$payload"
done
in_ns b mosquitto_pub -h 10.99.0.1 -t mqttip/10.0.1.1 -n
wait_for 5 counter_above n1 rx_drop_too_short "$before" || fail "n1 does not count short messages"
head -c 1557 /dev/urandom >"$tmp/big"
in_ns b mosquitto_pub -h 10.99.0.1 -t mqttip/10.0.1.1 -f "$tmp/big"
expect_counter n1 rx_drop_too_big
wait_up n1 1
