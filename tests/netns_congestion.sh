#!/bin/sh
# The connection to the broker has the congestion control that is configured. Where none is, it does
# without BBR over a short way, though the host has it: there BBR paces itself into pauses.
# SPDX-License-Identifier: ISC

# shellcheck disable=SC2034 # for lib.sh
WIRE=psk
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
need ss
node_new 1
broker_start

# used_with SETTINGS: what the connection of n1 has in $used, with these in its broker section.
used_with()
{
	node_conf 1 "broker \"$broker\" { $1 }"
	node_run 1
	wait_up n1
	used=$(in_ns n1 ss -tin state established dport = :1883 | grep -o -w -e bbr -e cubic -e reno | head -n 1)
}

used_with ''
kernels=$used
other=reno
[ "$kernels" != reno ] || other=cubic
stop n1
used_with "congestion-control = $other"
echo "the kernel's choice is $kernels, configured is $other, the connection has $used"
[ "$used" = "$other" ] || fail "it has not what is configured"
stop n1
used_with 'congestion-control = nosuch'
[ "$used" = "$kernels" ] || fail "it has not the kernel's choice"
logged n1 'congestion-control nosuch: the kernel has no such module' || fail "nothing is said of that"
stop n1

in_ns n1 sh -c 'echo bbr >/proc/sys/net/ipv4/tcp_congestion_control' 2>/dev/null ||
    skip "the kernel allows no BBR here"
used_with ''
echo "the host has BBR, the connection $used"
case $used in
cubic | reno) ;;
*) fail "expected cubic or reno" ;;
esac
stop n1
used_with 'congestion-control = bbr'
[ "$used" = bbr ] || fail "it has $used, though bbr is configured"
