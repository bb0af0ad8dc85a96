#!/bin/sh
# evil_broker.py, whom the tests of attacks rely on, does what it is told: seen by clients that are
# not ours, of MQTT 3.1.1 and 5.
# SPDX-License-Identifier: ISC

PROXY=yes
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
broker_start

# listen ID VERSION TOPIC...: a client that logs "topic retain qos payload" of each message.
listen()
{
	_id=$1
	_version=$2
	shift 2
	_topics=
	for _topic; do
		_topics="$_topics -t $_topic"
	done
	_before=$(log_count broker " $_id 2 $_topic\$")
	# shellcheck disable=SC2086 # a list of words
	spawn b "$_id" mosquitto_sub -h 10.99.0.1 -i "$_id" -V "$_version" -q 2 $_topics -F '%t %r %q %x'
	wait_for 5 log_has_more broker " $_id 2 $_topic\$" "$_before" || fail "$_id does not subscribe"
}

# publish TOPIC TEXT..., one message each
publish()
{
	_topic=$1
	shift
	printf '%s\n' "$@" | in_ns b mosquitto_pub -h 10.99.0.1 -t "$_topic" -l -V "${version:-mqttv311}"
}

# got ID COUNT [PATTERN]: so many matching messages, and no more
got()
{
	wait_for 5 counts_to "$1" "$2" "${3:-.}" || fail "$1 got $(log_count "$1" "${3:-.}"), not $2"
	sleep 0.1 # one too many would come right behind
	counts_to "$1" "$2" "${3:-.}" || fail "$1 got more than $2"
}

counts_to()
{
	[ "$(log_count "$1" "$3")" -eq "$2" ]
}

forget()
{
	for _log in "$tmp/one.log" "$tmp/two.log"; do
		: >"$_log"
	done
}

refused()
{
	if evil "$@" >/dev/null 2>&1; then
		fail "it takes: $*"
	fi
}

hex()
{
	printf %s "$1" | od -An -v -tx1 | tr -d ' \n'
}

listen one mqttv311 'p/net/one/+' 'p/net/all/+' old/10.0.0.1
listen two mqttv5 'p/net/two/+' 'p/net/all/+' 'x/net/two/+' old/10.0.0.2

step "harmless: all arrives, with and without topic aliases"
evil harmless
publish p/net/one/two a b c
version=mqttv5
publish p/net/two/one a b c
got one 3
got two 3

step "capture, filters, topic aliases"
forget
evil capture on
printf 'abcde\nf\n' | in_ns b mosquitto_pub -V 5 -i three -h 10.99.0.1 -t p/net/two/one -l \
    -D publish topic-alias 7
publish p/net/all/two g
publish old/10.0.0.1 old
in_ns b mosquitto_pub -h 10.99.0.1 -t p/net/one/two -m "$(printf '\221\020xyz')"
got two 3
got one 3
evil capture off
publish p/net/two/one unseen
got two 4
evil list dir=any
[ "$(evil count)" -eq 6 ] || fail "not 6 were captured on the way down"
[ "$(evil count dir=up)" -eq 5 ] || fail "not 5 were captured on the way up"
[ "$(evil count dir=up client=three to=two from=one)" -eq 2 ] || fail "an alias was not followed"
[ "$(evil count type=0x10)" -eq 1 ] || fail "the native message was not recognised"
[ "$(evil count to=10.0.0.1)" -eq 1 ] || fail "the old message was not recognised"
[ "$(evil count to=all client=two)" -eq 1 ] || fail "the broadcast was not recognised"
[ "$(evil count 'topic=p/+/two/#')" -eq 2 ] || fail "a wildcard does not match"
[ "$(evil show to=two last=1)" = "$(hex f)" ] || fail "the last one is another"
refused replay to=nobody
refused nonsense
refused replay index=x
refused hold maybe

step "replay, to the one who got it; when that is gone, to who subscribes"
forget
evil replay to=all client=one 2
got one 2 "^p/net/all/two 0 0 $(hex g)$"
got two 0
evil replay dir=up to=all
got one 3
got two 1
stop one
listen uno mqttv5 'p/net/one/+'
forget
evil replay type=0x10
got uno 1
stop uno
refused replay type=0x10
listen one mqttv311 'p/net/one/+' 'p/net/all/+' old/10.0.0.1

step "flip, truncate, patch, reroute, reflect, retain, qos"
forget
[ "$(evil flip last=1 to=two)" -eq 1 ] || fail "a byte is a message"
got two 1 ' 0 0 67$'
forget
evil flip dir=up client=three
got two 6
[ "$(sort -u "$tmp/two.log" | wc -l)" -eq 6 ] || fail "two changes were the same"
forget
evil truncate to=two
got two 6
counts_to two 2 '0 0 $' || fail "no empty message"
forget
evil patch type=0x10 1 2274
evil reroute type=0x10 p/net/two/nobody
evil reroute type=0x10 all
evil reflect type=0x10
evil retain type=0x10
evil qos type=0x10
evil qos type=0x10 2
got one 5
got two 3
counts_to one 1 '^p/net/one/two 0 0 912274797a$' || fail "not patched"
counts_to one 1 '^p/net/one/two 1 0 911078797a$' || fail "not retained"
counts_to one 1 '^p/net/one/two 0 1 911078797a$' || fail "not with QoS 1"
counts_to one 1 '^p/net/one/two 0 2 911078797a$' || fail "not with QoS 2"
counts_to one 1 '^p/net/all/two 0 0 911078797a$' || fail "not to all"
counts_to two 1 '^p/net/two/nobody 0 0 911078797a$' || fail "not under another topic"
counts_to two 1 '^p/net/two/one 0 0 911078797a$' || fail "not reflected"
refused reflect to=10.0.0.1
refused patch type=0x10 4 0000

step "inject, oversize, flood"
forget
evil inject p/net/two/x 0011
evil inject p/net/two/x -
got two 1 '^p/net/two/x 0 0 0011$'
got two 1 '^p/net/two/x 0 0 $'
evil inject p/net/nobody/x 0022 client=one
got one 1 '^p/net/nobody/x 0 0 0022$'
refused inject p/net/nobody/x 00
refused inject p/net/nobody/x 00 client=nobody
evil oversize p/net/two/x 3000000
publish p/net/two/one after
got two 4
[ "$(awk '{ if (length($4) > n) n = length($4) } END { print n }' "$tmp/two.log")" -eq 6000000 ] ||
    fail "the large message is not whole"
refused oversize p/net/two/x 268435455
forget
sent=$(evil flood to=two last=1 500 1)
echo "$sent messages in 1 s"
if [ "$sent" -lt 250 ] || [ "$sent" -gt 500 ]; then
	fail "$sent messages, not 500"
fi
got two "$sent"

step "drop, duplicate, delay, reorder, hold, remap"
forget
evil drop 1 to=two
publish p/net/two/one lost
publish p/net/one/two kept
got one 1
got two 0
evil drop 0
evil drop 0.5
# shellcheck disable=SC2046 # a list of words
publish p/net/two/one $(seq 200)
evil harmless
publish p/net/two/one last
wait_for 5 logged two " $(hex last)$" || fail "nothing more arrives"
count=$(log_count two .)
if [ "$count" -lt 60 ] || [ "$count" -gt 140 ]; then
	fail "$count of 200 arrived"
fi
forget
evil duplicate 2
publish p/net/two/one a b
got two 6
evil harmless
forget
evil delay 700
clock
begun=$now
publish p/net/two/one late later
counts_to two 0 . || fail "it is not late"
got two 2
clock
[ $((now - begun)) -ge 700 ] || fail "it is late by $((now - begun)) ms only"
publish p/net/two/one soon
evil harmless
got two 3
forget
evil reorder 50
# shellcheck disable=SC2046 # a list of words
publish p/net/two/one $(seq 1000 1199)
got two 200
cut -d ' ' -f 4 "$tmp/two.log" >"$tmp/order"
sort -c "$tmp/order" 2>/dev/null && fail "all in order"
[ "$(sort -u "$tmp/order" | wc -l)" -eq 200 ] || fail "not each once"
publish p/net/two/one alone
got two 201
evil harmless
forget
evil hold on to=two
publish p/net/two/one held
publish p/net/one/two passes
got one 1
got two 0
evil hold off
got two 1
forget
evil remap p x
publish p/net/two/one a
got two 1 '^x/net/two/one'
evil remap off
publish p/net/two/one a
got two 1 '^p/net/two/one'

step "what is no MQTT passes, or ends, and harms nobody else"
# shellcheck disable=SC2016 # for python
in_ns b "$python" -c '
import random, socket
random.seed(7)
for size in (1, 5, 100, 5000, 300000):
    for head in (b"", b"\x10\xff\xff\xff\xff\xff", b"\x10\x0e\x00\x04MQTT\x05\x00\x00\x3c\x00\x00\x05ab",
                 b"\x82\x04\x00\x01\x00\xff", b"\x30\xff\xff\xff\x7f", b"\x30\x05\xff\xff\x00\x00\x00"):
        sock = socket.create_connection(("10.99.0.1", 1883))
        try:
            sock.sendall(head + random.randbytes(size))
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
        except OSError:
            pass
        sock.close()
'
forget
evil capture on
evil capture clear
publish p/net/two/one alive
got two 1
evil harmless
counts_to broker-proxy 0 'Traceback' || fail "it stumbled"

step "a client that reads nothing: no more memory than its share, and nobody else waits"
size()
{
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$(pid_of broker-proxy)/status"
}
before=$(size)
listen slow mqttv311 'p/net/slow/+'
kill -STOP "$(pid_of slow)"
# millions COUNT TOPIC: so many messages of 1 MB
millions()
{
	head -c 1000000 /dev/zero >"$tmp/million"
	in_ns b mosquitto_pub -h 10.99.0.1 -t "$2" -f "$tmp/million" --repeat "$1"
}
millions 20 p/net/slow/x
evil hold on to=two
millions 30 p/net/two/x
publish p/net/one/two passes
got one 1 "$(hex passes)"
echo "$(($(size) - before)) kB more for 50 MB"
[ $(($(size) - before)) -lt 40000 ] || fail "$(($(size) - before)) kB more"
evil hold off
kill -CONT "$(pid_of slow)"

step "the broker goes: clients are refused; it comes back"
pub()
{
	in_ns b mosquitto_pub -h 10.99.0.1 -t p/net/one/two -m back 2>"$tmp/pub.err"
}
stop broker KILL
wait_for 5 logged broker-proxy 'is away' || fail "it does not notice"
pub && fail "there is no broker, and a client connects"
grep -q -i refused "$tmp/pub.err" || fail "not refused: $(cat "$tmp/pub.err")"
refused ready
broker_run broker
pub || fail "no client connects"
alive "$(pid_of broker-proxy)" || fail "it is dead"
counts_to broker-proxy 0 'Traceback' || fail "it stumbled"
