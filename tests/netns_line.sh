#!/bin/sh
# A long and slow line between n1 and the broker: a download gets most of what it gets there without
# a tunnel, in either direction, and a ping meanwhile takes little longer than on the idle line.
# SPDX-License-Identifier: ISC

# shellcheck disable=SC2034 # for lib.sh
WIRE=psk
# shellcheck source=tests/load.sh
. "${srcdir:-$(dirname "$0")/..}/tests/load.sh"

line=$builddir/bench/line
size=8000000
# Of what plain TCP gets, in 100. It is 70 to 85: TCP within TCP takes longer to find its speed.
share_min=60
longer_max=100 # ms
if instrumented; then
	size=1000000
fi

begin
need_daemon
need ethtool
[ -x "$line" ] || skip "$line is not built"
have_ipv6=no
node_new 1 2
in_ns b sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'

# real_frames NODE DEVICE: none that is larger than the MTU or has no checksum, as on a real line.
real_frames()
{
	in_ns "$1" ethtool -K "$2" rx off tx off sg off tso off gso off gro off >/dev/null 2>&1 ||
	    fail "ethtool cannot set $2 of $1"
	ip -n "$prefix$1" link set "$2" up
}

# The far end of n1's link, and a new link from there to the broker.
bare_new line
ip -n "${prefix}b" link set to1 netns "${prefix}line" name la
ip link add name to1 netns "${prefix}b" type veth peer name lb netns "${prefix}line"
ip -n "${prefix}b" address add 10.99.1.1/24 dev to1
real_frames n1 up0
real_frames line la
real_frames line lb
real_frames b to1
spawn line line "$line" --rate 20M --delay 75 --queue 250K la lb
expect_log line '^ready=1'

broker_start
node_start 1
node_start 2
wait_up n1
wait_up n2
expect_ping n1 10.0.1.2
sum=$(random_file "$tmp/file" $size)

# timed CLIENT SERVER ADDRESS: how long the download takes goes to $took, in ms.
timed()
{
	clock
	_began=$now
	expect_download "$1" "$2" "$3" "$tmp/file" "$sum"
	clock
	took=$((now - _began))
}

# compare CLIENT SERVER: through the tunnel, with what it took without.
compare()
{
	spawn n1 ping ping -n -i 0.1 10.0.1.2
	timed "$1" "$2" "10.0.1.${2#n}"
	stop ping INT
	ping_figures "$tmp/ping.log"
	rm "$tmp/ping.log"
	echo "$took ms; ping: $answered % answered, median $median ms, worst $worst ms"
	[ "$answered" -ge 80 ] || fail "pings were lost" # the last ones are still on the way
	instrumented && return
	[ $((plain * 100 / took)) -ge $share_min ] || fail "that is too long"
	[ "$median" -le $((idle + longer_max)) ] || fail "the ping takes $longer_max ms longer"
}

ping_times n1 10.0.1.2 5 0.2
idle=$median
timed n2 n1 10.99.1.2
plain=$took
echo "idle ping: $idle ms; $size bytes without a tunnel: $plain ms"
[ "$idle" -ge 150 ] || fail "that is no long line"

step "from n1, through the tunnel"
compare n2 n1
step "to n1, through the tunnel"
compare n1 n2
stop line
cat "$tmp/line.log"
