# shellcheck shell=sh
# What the tests of queues and limits share: slow links, traffic that fills them, and what a ping
# says meanwhile. Sourced.
#
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

# limit NODE DEVICE MBIT: what leaves there, with a queue of 100 ms as in many a router.
limit()
{
	in_ns "$1" tc qdisc replace dev "$2" root tbf rate "$3mbit" burst 32768 \
	    limit $(($3 * 12500)) 2>"$tmp/tc.err" || skip "tc cannot limit a link: $(cat "$tmp/tc.err")"
}

unlimit()
{
	in_ns "$1" tc qdisc delete dev "$2" root
}

# load_start FROM TO ADDRESS FLOWS: TCP, as much as gets through, until load_stop.
load_start()
{
	spawn_listener "$2" sink "$python" "$tool" sink "$3" 9
	spawn "$1" source "$python" "$tool" source "$3" 9 600 --flows "$4"
}

# What their kernels still hold is of no interest to the sink's any longer.
load_stop()
{
	stop source
	stop sink
}

# flood_start FROM TO ADDRESS MBIT: UDP, whether it gets through or not, until flood_stop.
flood_start()
{
	spawn "$2" receiver "$builddir/bench/udp_rate" receive 5301 --seconds 600
	expect_log receiver '^ready=1'
	spawn "$1" flood "$builddir/bench/udp_rate" send "$3" 5301 --size 1000 \
	    --rate $(($4 * 1000 / 8)) --seconds 600
}

flood_stop()
{
	stop flood
	stop receiver
	rm "$tmp/receiver.log"
}

# received NODE: bytes out of the tunnel so far.
received()
{
	counter "$1" rx_bytes
}

# ping_times NODE ADDRESS COUNT INTERVAL: how many of 100 were answered goes to $answered, the
# round trips to $median and $worst, in ms.
ping_times()
{
	in_ns "$1" ping -n -c "$3" -i "$4" -W 2 "$2" >"$tmp/ping.out" 2>&1 || true
	ping_figures "$tmp/ping.out"
}

# ping_figures FILE: the same, of what a ping has printed.
# shellcheck disable=SC2034 # for the tests
ping_figures()
{
	sed -n 's/.* time=\([0-9.]*\) ms$/\1/p' "$1" | sort -n >"$tmp/ping.times"
	_sent=$(sed -n 's/^\([0-9]*\) packets transmitted.*/\1/p' "$1")
	answered=$(($(wc -l <"$tmp/ping.times") * 100 / ${_sent:-1}))
	[ "$answered" -gt 0 ] || {
		cat "$1" >&2
		fail "no ping is answered"
	}
	median=$(awk '{ t[NR] = $1 } END { printf "%.0f", t[int((NR + 1) / 2)] }' "$tmp/ping.times")
	worst=$(awk '{ t = $1 } END { printf "%.0f", t }' "$tmp/ping.times")
}
