#!/bin/sh
# TLS with client certificates: it works, and whatever is wrong with a certificate is said in words
# that help.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"
# shellcheck source=tests/pki.sh
. "$srcdir/tests/pki.sh"

begin
need_daemon
need openssl
node_new 1 2
pki_new ca
pki_new other
pki_issue ca server DNS:broker.test,IP:10.99.0.1
pki_issue ca elsewhere DNS:elsewhere.test
pki_issue ca expired DNS:broker.test,IP:10.99.0.1 20200101000000Z 20200201000000Z
pki_issue ca future DNS:broker.test,IP:10.99.0.1 20900101000000Z 20910101000000Z
pki_issue ca revoked DNS:broker.test,IP:10.99.0.1
pki_issue ca client
pki_issue ca expired-client '' 20200101000000Z 20200201000000Z
pki_issue other stranger
pki_revoke ca revoked
pki_crl ca "$tmp/ca.crl"
pki_crl ca "$tmp/old.crl" 20200101000000Z 20200201000000Z
pki_crl other "$tmp/other.crl"
openssl pkey -in "$tmp/client.key" -aes256 -passout pass:hidden -out "$tmp/locked.key"
chmod 600 "$tmp/locked.key"
secret_file "$tmp/key-passphrase" hidden
secret_file "$tmp/bad-passphrase" wrong

broker_conf broker 10.99.0.1 fd99::1
for each in 8883:server 8884:elsewhere 8885:expired 8886:revoked 8887:future; do
	tls_listener broker "${each%:*}" "${each#*:}" 'require_certificate true'
done
broker_run broker
spawn b old-tls openssl s_server -accept 10.99.0.1:8888 -tls1_2 -www -cert "$tmp/server.crt" \
    -key "$tmp/server.key"

ca="ca-file = \"$tmp/ca/ca.crt\" timeout = 3"
mine="certificate = \"$tmp/client.crt\" key = \"$tmp/client.key\""

# tls_node N URL SETTINGS
tls_node()
{
	node_conf "$1" "broker \"$2\" { $3 }"
	node_run "$1"
}

# refused TEXT PATTERN URL SETTINGS: n1 does not connect, and says why.
refused()
{
	step "$1"
	tls_node 1 "$3" "$4"
	expect_error n1 "$2"
	last_error n1
	is_up n1 >/dev/null && fail "n1 is up"
	logged n1 'warning.*try\|try' || fail "the log says nothing"
	stop n1
	[ "$status" -eq 0 ] || fail "n1 ended with status $status"
}

step "certificates on both sides, one key with a passphrase, one name checked in place of the address"
tls_node 1 mqtts://10.99.0.1 "$ca $mine crl-file = \"$tmp/ca.crl\""
tls_node 2 mqtts://10.99.0.1 "$ca certificate = \"$tmp/client.crt\" key = \"$tmp/locked.key\"
    key-passphrase-file = \"$tmp/key-passphrase\" tls-name = \"broker.test\" tls-min-version = \"1.3\""
wait_up n1
wait_up n2
expect_ping n1 10.0.1.2
sum=$(random_file "$tmp/file" 3000000)
expect_download n1 n2 10.0.1.2 "$tmp/file" "$sum"
[ "$(json n1 status link tls version)" = TLSv1.3 ] || fail "status does not name TLS 1.3"
[ "$(json n1 status link tls days_left)" -ge 28 ] || fail "status does not say how long it is valid"
json n1 status link tls name | grep -q server || fail "status does not name the broker"
stop n1
stop n2

step "a session is resumed after a lost connection"
ip -n "${prefix}b" address add 10.99.0.3/32 dev lo
spawn_listener b relay "$python" "$tool" relay 10.99.0.3 8883 10.99.0.1
tls_node 1 mqtts://10.99.0.3 "$ca $mine tls-name = \"broker.test\""
wait_up n1
[ "$(json n1 status link tls resumed)" = false ] || fail "resumed at once?"
stop relay KILL
wait_down n1
spawn_listener b relay "$python" "$tool" relay 10.99.0.3 8883 10.99.0.1
wait_up n1
[ "$(json n1 status link tls resumed)" = true ] || fail "the session was not resumed"
stop n1

refused "a CA that is not the broker's" 'not signed by a CA that we trust' \
    mqtts://10.99.0.1 "ca-file = \"$tmp/other/ca.crt\" $mine"
refused "the broker's certificate has expired" 'expired on 2020' mqtts://10.99.0.1:8885 "$ca $mine"
refused "it is not valid yet: the clock" 'clock' mqtts://10.99.0.1:8887 "$ca $mine"
refused "it is for another host" 'is for elsewhere.test.*10\.99\.0\.1' mqtts://10.99.0.1:8884 "$ca $mine"
refused "it has been revoked" 'revoked' mqtts://10.99.0.1:8886 "$ca $mine crl-file = \"$tmp/ca.crl\""
refused "the revocation list is too old" 'revocation list.*expired' mqtts://10.99.0.1 \
    "$ca $mine crl-file = \"$tmp/old.crl\""
refused "the revocation list is another CA's" 'no revocation list' mqtts://10.99.0.1 \
    "$ca $mine crl-file = \"$tmp/other.crl\""
refused "no client certificate" 'certificate' mqtts://10.99.0.1 "$ca"
refused "a client certificate of another CA" 'certificate' mqtts://10.99.0.1 \
    "$ca certificate = \"$tmp/stranger.crt\" key = \"$tmp/stranger.key\""
refused "an expired client certificate" 'certificate' mqtts://10.99.0.1 \
    "$ca certificate = \"$tmp/expired-client.crt\" key = \"$tmp/expired-client.key\""
refused "only TLS 1.2 where 1.3 is wanted" 'version' mqtts://10.99.0.1:8888 \
    "$ca tls-min-version = \"1.3\""
refused "TLS to a port without TLS" 'TLS' mqtts://10.99.0.1:1883 "$ca"
refused "no TLS to a port with TLS" 'mqtts|TLS|closed' mqtt://10.99.0.1:8883 'timeout = 3'

step "reloaded twice under the connection, which is then lost"
node_conf 1 "broker \"mqtts://10.99.0.1\" { $ca $mine }"
node_run 1
wait_up n1
ctl n1 reload >/dev/null || fail "mqtt-vpnctl reload"
ctl n1 reload >/dev/null || fail "mqtt-vpnctl reload"
is_up n1 || fail "the connection was lost"
stop broker KILL
wait_down n1
broker_run broker
wait_up n1
stop n1
[ "$status" -eq 0 ] || fail "the daemon ended with status $status"

# wrong_file TEXT PATTERN SETTINGS: a start that fails.
wrong_file()
{
	step "$1"
	node_conf 1 "broker \"mqtts://10.99.0.1\" { $3 }"
	rm -f "$tmp/n1.log"
	node_run 1
	reap n1
	[ "$status" -eq 1 ] || fail "exit status $status, not 1"
	logged n1 "$2" || fail "the message does not say: $2"
}

wrong_file "the wrong passphrase" 'passphrase' "$ca certificate = \"$tmp/client.crt\"
    key = \"$tmp/locked.key\" key-passphrase-file = \"$tmp/bad-passphrase\""
wrong_file "a key that is not the certificate's" 'does not belong' \
    "$ca certificate = \"$tmp/client.crt\" key = \"$tmp/server.key\""
wrong_file "a CA file that is none" 'ca-file' "ca-file = \"$tmp/broker.conf\""
chmod 644 "$tmp/client.key"
wrong_file "a key that others can read" 'chmod' "$ca $mine"
