#!/bin/sh
# Doubles of hosted brokers, each with the limits that its provider publishes: with its profile a
# node stays within all of them under load, and without it does not.
# SPDX-License-Identifier: ISC

# shellcheck disable=SC2034 # for lib.sh
WIRE=psk
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

aws='payload=131072 rate=100 bandwidth=512000 filters=8 subscriptions=50 topic=256 slashes=7
    client-id=128 keepalive-min=30 keepalive-max=1200'
emqx='payload=1048576 rate=10 subscriptions=10 slashes=9'
azure='payload=524288 rate=1000 bandwidth=1000000 subscriptions=50 topic=256 slashes=7 client-id=128
    keepalive-max=1160'
hivemq='payload=61440'
shiftr='payload=65536 rate=25 subscriptions=100 topic=128 client-id=64 keepalive-min=1
    keepalive-max=300 version=4'

begin
need_daemon
need openssl
node_new 1 2
sum=$(random_file "$tmp/file" 1000000)
hosts='"10.0.2.1", "10.0.2.2", "10.0.2.3", "10.0.2.4", "10.0.2.5", "10.0.2.6", "10.0.2.7"'

# double NAME ADDRESS OPTION...: that broker.
double()
{
	_name=$1
	_address=$2
	shift 2
	# shellcheck disable=SC2086 # options
	ip -n "${prefix}b" address replace "$_address/32" dev lo
	spawn_listener b "$_name" "$python" "$srcdir/tests/hostile_broker.py" -l "$_address" "$@"
}

# pair BROKER: both nodes there, with more topics than fit into one SUBSCRIBE.
pair()
{
	for _n in 1 2; do
		node_conf "$_n" "$1" '' "$2"
		node_run "$_n"
	done
}

# load: whatever makes messages, many and large ones. What it loses does not matter.
load()
{
	in_ns n1 "$python" "$tool" udp-send 10.0.1.2 5000 "$(printf %01000d 0)" --count 3000 --rate 3000
	serve n2 10.0.1.2 "$tmp/file"
	fetch n1 10.0.1.2 "${1:-60}" >"$tmp/got" || true
	stop serve-n2
	in_ns n1 ping -n -q -c 200 -i 0.005 -W 2 10.0.1.2 >"$tmp/ping.out" || true
}

over()
{
	grep -h 'over the limit' "$tmp/$1.log"
}

# keeps NAME PROFILE ADDRESS LIMITS [SETTINGS]
keeps()
{
	step "$2"
	# shellcheck disable=SC2086 # options
	double "$1" "$3" limited $4
	pair "broker \"mqtt://$3\" { profile = $2 ${5:-} }" 'topics = plain'
	wait_up n1
	wait_up n2
	expect_ping n1 10.0.1.2
	load
	over "$1" && fail "that is more than $2 takes"
	[ "$(cat "$tmp/got")" = "$sum" ] || fail "the download did not pass"
	for _n in n1 n2; do
		[ "$(counter "$_n" connects)" -eq 1 ] || fail "$_n was disconnected"
	done
	stop n1
	stop n2
	stop "$1" KILL
}

keeps aws aws-iot 10.99.0.11 "$aws"
keeps emqx emqx-serverless 10.99.0.12 "$emqx"
keeps azure azure-event-grid 10.99.0.13 "$azure"
keeps hivemq hivemq 10.99.0.14 "$hivemq"
keeps shiftr shiftr 10.99.0.15 "$shiftr"

step "ten subscriptions, not more than eight at once"
# shellcheck disable=SC2086 # options
double many 10.99.0.16 limited filters=8 subscriptions=10
pair 'broker "mqtt://10.99.0.16" { profile = emqx-serverless }' "forward = {$hosts}"
wait_up n1
wait_up n2
over many && fail "that is too many"
[ "$(log_count many ': SUBSCRIBE')" -ge 4 ] || fail "they fit into one SUBSCRIBE"
stop n1
stop n2

step "the protocol that AWS wants on port 443"
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=aws.test -addext subjectAltName=IP:10.99.0.17 \
    -days 30 -keyout "$tmp/tls.pem" -out "$tmp/tls.crt" 2>/dev/null
cat "$tmp/tls.crt" >>"$tmp/tls.pem"
double tls 10.99.0.17 -p 443 -t "$tmp/tls.pem" limited alpn=x-amzn-mqtt-ca
pair "broker \"mqtts://10.99.0.17:443\" { profile = aws-iot ca-file = \"$tmp/tls.crt\" }" ''
wait_up n1
over tls && fail "no ALPN"
stop n1
stop n2

settled()
{
	over "$1" || is_up n1
}

# exceeds WHAT LIMIT SETTINGS [REST]: the double does notice.
number=20
exceeds()
{
	step "the double notices $1"
	number=$((number + 1))
	double "double$number" "10.99.0.$number" limited "$2"
	pair "broker \"mqtt://10.99.0.$number\" { timeout = 1 $3 }" "${4:-}"
	wait_for 10 settled "double$number" || fail "neither accepted nor refused"
	is_up n1 >/dev/null && load 5
	wait_for 5 over "double$number" >/dev/null || fail "it does not"
	stop n1
	stop n2
	stop "double$number" KILL
}

exceeds "a long payload" payload=20000 ''
exceeds "a high rate" rate=100 'max-rate = 200'
exceeds "a wide band" bandwidth=512000 'max-bandwidth = 1M'
exceeds "many subscriptions" subscriptions=2 ''
exceeds "a long topic" topic=32 ''
exceeds "a deep topic" slashes=2 ''
exceeds "a long client id" client-id=5 ''
exceeds "a short keepalive" keepalive-min=30 'keepalive = 20'
exceeds "a long keepalive" keepalive-max=300 'keepalive = 400'
exceeds "MQTT 5" version=4 ''
