#!/bin/sh
# Nothing to do: no wake-up but the keepalive and its answer, no message but those, and little
# memory, with TLS.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"
# shellcheck source=tests/pki.sh
. "$srcdir/tests/pki.sh"

begin
need_daemon
need openssl
node_new 1
for each in all default; do
	in_ns n1 sh -c "echo 1 >/proc/sys/net/ipv6/conf/$each/disable_ipv6" 2>/dev/null || true
done
have_ipv6=no
pki_new ca
pki_issue ca server IP:10.99.0.1
pki_issue ca client
broker_conf broker 10.99.0.1 fd99::1
tls_listener broker 8883 server 'require_certificate true'
broker_run broker
node_conf 1 "broker \"mqtts://10.99.0.1\" {
	ca-file = \"$tmp/ca/ca.crt\" certificate = \"$tmp/client.crt\" key = \"$tmp/client.key\"
	keepalive = 5
}"
node_run 1 -k secret
wait_up n1

gauge()
{
	json n1 stats gauges wakeups
}

sent()
{
	echo $(($(counter n1 tx_packets) + $(counter n1 probes_sent)))
}

# The control socket's own wake-ups for one question.
first=$(gauge)
asking=$(($(gauge) - first))
pings=$(counter n1 pings_sent)
messages=$(sent)
begun=$(gauge)
sleep 25 # the time that is watched
woken=$(($(gauge) - begun - asking))
pings=$(($(counter n1 pings_sent) - pings))
messages=$(($(sent) - messages))
echo "25 s: $woken wake-ups, $pings keepalives, $messages messages (a question: $asking wake-ups)"
if ! { [ "$pings" -ge 3 ] && [ "$pings" -le 6 ]; }; then
	fail "$pings keepalives of 5 s in 25 s"
fi
[ "$woken" -le $((pings * 2 + 2)) ] || fail "$woken wake-ups for $pings keepalives"
[ "$messages" -eq 0 ] || fail "$messages messages were sent"
expect_memory n1 RssAnon 4096
expect_memory n1 VmRSS 12288
