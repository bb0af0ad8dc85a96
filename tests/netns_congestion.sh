#!/bin/sh
# Over a short way to the broker BBR paces itself into pauses: the connection does not use it, though
# the host does.
# SPDX-License-Identifier: ISC

# shellcheck disable=SC2034 # for lib.sh
WIRE=psk
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
need ss
node_new 1
in_ns n1 sh -c 'echo bbr >/proc/sys/net/ipv4/tcp_congestion_control' 2>/dev/null ||
    skip "the kernel allows no BBR here"
broker_start
node_start 1
wait_up n1
used=$(in_ns n1 ss -tin state established dport = :1883 | grep -o -w -e bbr -e cubic -e reno)
echo "the host has BBR, the connection $used"
case $used in
cubic | reno) ;;
*) fail "expected cubic or reno" ;;
esac
