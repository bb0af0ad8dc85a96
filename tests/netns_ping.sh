#!/bin/sh
# Two hosts and a broker: they reach each other, small packets and the largest, and at the end
# nothing is left behind.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
node_new 1 2
broker_start
node_start 1
node_start 2
wait_up n1
wait_up n2
step "ping both ways"
expect_ping n1 10.0.1.2
expect_ping n2 10.0.1.1
expect_counter n1 tx_packets
expect_counter n1 rx_packets

step "the largest packet passes whole"
in_ns n1 ping -n -c 2 -i 0.2 -W 2 -M "do" -s 1472 10.0.1.2 >/dev/null ||
    fail "a packet of 1500 bytes does not pass"

step "the other node shows among the peers, and status in words says up"
ctl n1 peers | grep -q -F 10.0.1.2 || fail "n1 does not show its peer"
ctl n1 status | grep -q -i -w up || fail "status does not say up"

step "without the other node nothing comes back, and n1 stays up"
stop n2
[ "$status" -eq 0 ] || fail "n2 ended with status $status"
expect_no_ping n1 10.0.1.2
wait_up n1

step "SIGTERM: status 0, no interface, no socket"
stop n1
[ "$status" -eq 0 ] || fail "n1 ended with status $status"
has_interface n1 && fail "the interface is still there"
[ ! -e "$tmp/n1.sock" ] || fail "the control socket is still there"
