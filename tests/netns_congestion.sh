#!/bin/sh
# TCP to the broker: little waits unsent in the kernel when the line is slow; and no BBR over a short
# way, where it is in its own way.
# SPDX-License-Identifier: ISC

# shellcheck disable=SC2034 # for lib.sh
WIRE=psk
# shellcheck source=tests/load.sh
. "${srcdir:-$(dirname "$0")/..}/tests/load.sh"

longer_max=70 # ms

begin
need_daemon
need ss
node_new 1 2
broker_start

# congestion NODE: of its connection to the broker.
congestion()
{
	in_ns "$1" ss -tin state established dport = :1883 | grep -o -w -e bbr -e cubic -e reno
}

congestion_is()
{
	[ "$(congestion "$1")" = "$2" ]
}

step "a slow line: a ping beside a download"
node_start 1
node_start 2
wait_up n1
wait_up n2
limit n1 up0 1
ping_times n1 10.0.1.2 10 0.2
idle=$median
load_start n1 n2 10.0.1.2 2
ping_times n1 10.0.1.2 80 0.1
echo "idle: $idle ms; loaded: $answered % answered, median $median ms, worst $worst ms"
load_stop
unlimit n1 up0
instrumented || [ "$median" -le $((idle + longer_max)) ] || fail "that is $longer_max ms longer"

step "the host's congestion control is BBR"
in_ns n1 sh -c 'echo bbr >/proc/sys/net/ipv4/tcp_congestion_control' 2>/dev/null ||
    skip "the kernel allows no BBR here"
stop n1
node_run 1
wait_up n1
echo "over the short way: $(congestion n1)"
congestion_is n1 bbr && fail "it is BBR still"
congestion_is n1 cubic || congestion_is n1 reno || fail "it is neither Cubic nor Reno"
