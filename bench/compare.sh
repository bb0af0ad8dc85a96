#!/bin/sh
# Measures mqtt-vpnd against another program, in one run and in turns, so that a noisy machine
# disturbs both alike. Two hosts and a mosquitto in network namespaces; for each round and each
# program: TCP throughput (iperf3), 64-byte UDP packets delivered per second, ping.
#
# Usage: bench/compare.sh [--rounds N] [--seconds S] [--password WORD] -- 'COMMAND'
#
# COMMAND starts the other program in the foreground. In it %i is replaced by the interface, %a by
# the IPv4 address (the network is a /24), %b by the broker as tcp://ADDRESS:1883, %k by the
# password and %n by the number of the host (MQTT_VPN needs a client id: two that start in the same
# second choose the same one), for example
#
#   bench/compare.sh --password x -- '/usr/local/bin/mqtt_vpn -i %i -a %a -b %b -k %k -n old%n'
#
# Needs root, iperf3 and a built tree; builddir names it where it is not the source tree. Set
# NODELAY=false to leave Nagle's algorithm on in the broker, as it is by default there.
#
# SPDX-License-Identifier: ISC

usage()
{
	sed -n '2,/^# SPDX/s/^# \{0,1\}//p' "$0" | grep -v SPDX
	exit "$1"
}

rounds=5
seconds=5
password=
while [ $# -gt 0 ]; do
	case $1 in
	--rounds) rounds=$2 && shift ;;
	--seconds) seconds=$2 && shift ;;
	--password) password=$2 && shift ;;
	--help | -h) usage 0 ;;
	--) shift && break ;;
	*) usage 1 >&2 ;;
	esac
	shift
done
[ $# -eq 1 ] || usage 1 >&2
other=$1

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
need iperf3
node_new 1 2
broker_start
sed -i "s/^set_tcp_nodelay .*/set_tcp_nodelay ${NODELAY:-true}/" "$tmp/broker.conf"
stop broker
broker_run broker

# start PROGRAM N
start()
{
	if [ "$1" = new ]; then
		node_start "$2" ${password:+-k "$password"}
		return
	fi
	_command=$(echo "$other" |
	    sed "s|%i|mq0|g; s|%a|10.0.1.$2|g; s|%b|tcp://10.99.0.1:1883|g; s|%k|$password|g; s|%n|$2|g")
	# shellcheck disable=SC2086 # a list of words
	spawn "n$2" "n$2" $_command
}

reaches()
{
	in_ns n1 ping -n -c 1 -W 1 10.0.1.2
}

# result PROGRAM METRIC VALUE
result()
{
	echo "$1 $2 $3" >>"$tmp/results"
	echo "  $1: $2 $3"
}

# iperf OPTION...: its server may still be at the last test's end, and says so in the JSON alone.
iperf()
{
	wait_for 30 iperf_once "$@" || fail "iperf3: $("$python" "$tool" json error <"$tmp/iperf.json")"
}

iperf_once()
{
	in_ns n1 iperf3 -c 10.0.1.2 -t "$seconds" -J "$@" >"$tmp/iperf.json" &&
	    "$python" "$tool" json end streams 0 <"$tmp/iperf.json" | grep -q bytes
}

# measure PROGRAM
measure()
{
	start "$1" 1
	start "$1" 2
	wait_for 15 reaches || fail "$1: the hosts do not reach each other"
	spawn n2 iperf iperf3 -s -B 10.0.1.2
	wait_for 5 in_ns n1 iperf3 -c 10.0.1.2 -n 1K || fail "iperf3 does not start"
	iperf
	result "$1" tcp_mbit "$("$python" "$tool" json end sum_received bits_per_second \
	    <"$tmp/iperf.json" | awk '{ printf "%.1f", $1 / 1e6 }')"
	iperf -u -b 0 -l 64
	result "$1" udp_packets "$("$python" - "$tmp/iperf.json" <<-END
		import json, sys
		total = json.load(open(sys.argv[1]))["end"]["sum"]
		print(round((total["packets"] - total["lost_packets"]) / total["seconds"]))
	END
	)"
	wait_for 10 reaches || fail "$1: no ping after the flood"
	in_ns n1 ping -n -i 0.01 -c 300 10.0.1.2 | sed -n 's/.*time=\([0-9.]*\) ms/\1/p' |
	    sort -n >"$tmp/times"
	result "$1" ping_median_ms "$(quantile 50)"
	result "$1" ping_p90_ms "$(quantile 90)"
	stop iperf
	stop n1
	stop n2
}

# quantile PERCENT of the sorted $tmp/times
quantile()
{
	sed -n "$((($(wc -l <"$tmp/times") * $1 + 99) / 100))p" "$tmp/times"
}

round=1
while [ "$round" -le "$rounds" ]; do
	echo "round $round of $rounds"
	# Who begins changes, too.
	if [ $((round % 2)) -eq 1 ]; then
		measure new
		measure old
	else
		measure old
		measure new
	fi
	round=$((round + 1))
done

"$python" - "$tmp/results" <<'END'
import statistics
import sys

values = {}
for line in open(sys.argv[1]):
    program, metric, value = line.split()
    values.setdefault(metric, {}).setdefault(program, []).append(float(value))
print(f"\n{'':16}{'program':9}{'median':>10}{'min':>10}{'max':>10}  ratio new/old, pair by pair")
for metric, programs in values.items():
    ratios = sorted(new / old for new, old in zip(programs["new"], programs["old"]))
    pairs = " ".join(f"{ratio:.2f}" for ratio in ratios)
    for program in ("new", "old"):
        numbers = programs[program]
        tail = f"  {statistics.median(ratios):.2f} ({pairs})" if program == "new" else ""
        print(f"{metric if program == 'new' else '':16}{program:9}"
              f"{statistics.median(numbers):10.2f}{min(numbers):10.2f}{max(numbers):10.2f}{tail}")
END
