#!/bin/sh
# A broker that counts: n1 keeps to max-rate, max-bandwidth and max-message, as another client of
# the broker sees it. What has to wait goes in fewer and larger messages and is not lost; other
# limits are a matter of a reload.
# SPDX-License-Identifier: ISC

# shellcheck disable=SC2034 # for lib.sh
WIRE=psk
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

rate=20

begin
need_daemon
# shellcheck disable=SC2034 # so that nobody sends anything but what the test wants
have_ipv6=no
node_new 1 2
broker_start
broker_conf strict 10.99.0.2 fd99::2
echo 'message_size_limit 1700' >>"$tmp/strict.conf"
broker_run strict

# conf BROKER [LIMITS]: of both nodes; the limits are n1's.
conf()
{
	node_conf 1 "broker \"mqtt://$1\" { ${2:-} }" '' 'topics = plain'
	node_conf 2 "broker \"mqtt://$1\" { }" '' 'topics = plain'
}

# relimit LIMITS: those of n1, from now on.
relimit()
{
	conf 10.99.0.1 "$1"
	ctl n1 reload >/dev/null || fail "the reload fails"
	[ "$(counter n1 connects)" -eq 1 ] || fail "the reload cost the connection"
}

# watch_start: another client notes when which message of n1 came.
watch_start()
{
	_before=$(log_count broker ' watch 0 ')
	spawn b watch mosquitto_sub -V mqttv5 -i watch -h 10.99.0.1 -t 'mqttip/test/+/0a000101' \
	    -F '%U %t %l'
	wait_for 5 log_has_more broker ' watch 0 ' "$_before" || fail "mosquitto_sub does not subscribe"
}

# watch_stop: how many $messages there were, how many $bytes with their headers, the $longest of
# them, and in how many $ms.
watch_stop()
{
	stop watch
	awk '{
		bytes += $3 + length($2) + 8
		longest = $3 > longest ? $3 : longest
		first = NR == 1 ? $1 : first
		last = $1
	} END {
		print NR, bytes, longest, int((last - first) * 1000)
	}' "$tmp/watch.log" >"$tmp/watched"
	rm "$tmp/watch.log"
	read -r messages bytes longest ms <"$tmp/watched"
	echo "$messages messages in $ms ms, $bytes bytes, the longest had $longest"
}

# expect_below VALUE PER_SECOND BURST: in all of $ms; a tenth more for what waited on the way here.
expect_below()
{
	[ "$1" -le $(($2 * ms * 11 / 10000 + $3)) ] || fail "$1 in $ms ms, more than $2 a second"
}

lost()
{
	ctl n1 stats | awk '/^tx_drop_/ { lost += $2 } END { print lost + 0 }'
}

# datagrams COUNT RATE: from n1 to n2; all of them come.
datagrams()
{
	spawn_listener n2 udp "$python" "$tool" udp-listen 5000
	in_ns n1 "$python" "$tool" udp-send 10.0.1.2 5000 "$(printf %060d 0)" --count "$1" --rate "$2"
	wait_for 10 log_has_more udp '^10.0.1.1 0' $(($1 - 1)) ||
	    fail "of $1 datagrams came $(log_count udp '^10.0.1.1 0'), n1 counts $(lost) as lost"
	stop udp
	rm "$tmp/udp.log"
	[ "$(lost)" -eq 0 ] || fail "n1 counts $(lost) packets as lost"
}

conf 10.99.0.1 "max-rate = $rate"
node_run 1
node_run 2
wait_up n1
wait_up n2
expect_ping n1 10.0.1.2

step "max-rate = $rate: 500 datagrams at once go in few messages"
before=$(counter n1 tx_messages)
watch_start
datagrams 500 100000
watch_stop
expect_below "$messages" $rate 5
[ "$messages" -le 20 ] || fail "they took $messages messages"
[ $(($(counter n1 tx_messages) - before)) -le "$messages" ] || fail "n1 counts too many messages"
[ "$(counter n1 tx_paced)" -gt 0 ] || fail "n1 does not count that it waited"

step "pings, 100 a second for two seconds"
watch_start
in_ns n1 ping -n -q -c 200 -i 0.005 -W 2 10.0.1.2 >"$tmp/ping.out" || true
tail -n 2 "$tmp/ping.out"
grep -q ' 0% packet loss' "$tmp/ping.out" || fail "pings were lost"
watch_stop
expect_below "$messages" $rate 5
[ "$messages" -ge 20 ] || fail "they took only $messages messages"

step "2000 datagrams a second for two seconds"
watch_start
datagrams 4000 2000
watch_stop
expect_below "$messages" $rate 5

step "a download is slower, and of use"
sum=$(random_file "$tmp/file" 1000000)
watch_start
clock
begun=$now
expect_download n2 n1 10.0.1.1 "$tmp/file" "$sum"
clock
watch_stop
expect_below "$messages" $rate 5
[ $((now - begun)) -le 5000 ] || fail "1 MB took $((now - begun)) ms"

step "what n1 is asked while it receives a flood, it answers at its rate"
watch_start
in_ns n2 "$python" "$tool" udp-send 10.0.1.1 5000 "$(printf %060d 0)" --count 20000 --rate 8000
watch_stop
expect_below "$messages" $rate 5
expect_ping n1 10.0.1.2

step "max-bandwidth = 200k, after a reload"
relimit 'max-bandwidth = 200k'
watch_start
expect_download n2 n1 10.0.1.1 "$tmp/file" "$sum"
watch_stop
expect_below "$bytes" 200000 20000
[ "$bytes" -ge 1000000 ] || fail "that is less than the file"

step "max-message = 1700, after a reload"
relimit 'max-message = 1700'
too_big=$(counter n1 tx_drop_too_big)
watch_start
expect_download n2 n1 10.0.1.1 "$tmp/file" "$sum"
watch_stop
[ "$longest" -le 1700 ] || fail "there was a message of $longest bytes"
[ "$(counter n1 tx_drop_too_big)" -eq "$too_big" ] || fail "n1 makes messages that it cannot send"

step "no limits, after a reload"
relimit ""
watch_start
expect_download n2 n1 10.0.1.1 "$tmp/file" "$sum"
watch_stop
[ "$longest" -gt 10000 ] || fail "the longest message had no more than $longest bytes"

step "max-message = 1700, at a broker that refuses longer ones"
conf 10.99.0.2 'max-message = 1700'
ctl n1 reload >/dev/null || fail "the reload fails"
ctl n2 reload >/dev/null || fail "the reload fails"
on_strict()
{
	[ "$(json "$1" status link broker)" = mqtt://10.99.0.2 ] && is_up "$1"
}
wait_for 15 on_strict n1 || fail "n1 does not change to the other broker"
wait_for 15 on_strict n2 || fail "n2 does not change to the other broker"
expect_download n2 n1 10.0.1.1 "$tmp/file" "$sum"
[ "$(counter n1 connects)" -eq 2 ] || fail "the broker disconnected n1"
