#!/bin/sh
# A node that is started anew while a download runs through it: the download goes on within two
# seconds, whichever end it was, as nobody waits for a session that is dead to be missed.
#
# SPDX-License-Identifier: ISC
WIRE=${WIRE:-psk}
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
expect_ping n1 10.0.1.2
sum=$(random_file "$tmp/file" 500000000)
serve n2 10.0.1.2 "$tmp/file"
spawn n1 fetch timeout 120 "$python" "$tool" fetch 10.0.1.2 8080

# Bytes that n1's tunnel has got; 0 while it is not there.
received()
{
	in_ns n1 cat /sys/class/net/mq0/statistics/rx_bytes 2>/dev/null || echo 0
}

flows()
{
	[ "$(received)" -gt $((${1:-0} + 500000)) ]
}

limit=2000
if instrumented; then
	limit=8000
fi

# restart N
restart()
{
	stop "n$1" KILL
	before=0
	node_start "$1"
	[ "$1" -eq 1 ] || before=$(received)
	clock
	began=$now
	wait_for 20 flows "$before" || fail "the download does not go on"
	clock
	echo "n$1 started anew: data after $((now - began)) ms"
	[ $((now - began)) -le $limit ] || fail "it took more than $limit ms"
	alive "$(pid_of fetch)" || fail "the download is at its end: the test's file is too small"
}

wait_for 10 flows || fail "no download"
for _ in 1 2; do
	step "the end that sends"
	restart 2
	step "the end that receives"
	restart 1
done
step "what came is what was sent"
reap_download()
{
	dead "$(pid_of fetch)"
}
wait_for 100 reap_download || fail "the download does not end"
grep -q "$sum" "$tmp/fetch.log" || fail "the download is damaged"
