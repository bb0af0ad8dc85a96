#!/bin/sh
# The traps of a secured mosquitto, each sprung: broker verify and check notice every one, and a node
# says what is wrong.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"
# shellcheck source=tests/lib_pki.sh
. "$srcdir/tests/lib_pki.sh"

begin
need_daemon
pki_begin
node_new 1 2
pki_new --network home --topics plain
pki_nodes 1 2
pki_broker
conf=$tmp/ca-broker/mosquitto.conf
part1=0a000101
part2=0a000102

# broken SED [FILE]: $tmp/ca-broker as it was, but for what SED does to its configuration, or to FILE.
broken()
{
	rm -rf "$tmp/broken"
	cp -a "$tmp/ca-broker" "$tmp/broken"
	sed -i "s|$tmp/ca-broker|$tmp/broken|" "$tmp/broken/mosquitto.conf"
	sed -i -e "$1" "$tmp/broken/${2:-mosquitto.conf}"
	chgrp mosquitto "$tmp/broken/${2:-mosquitto.conf}"
}

# found PATTERN...: broker verify fails in these points, one line each, and in no others.
found()
{
	! verify n1 n2 || fail "broker verify is content"
	for _pattern; do
		grep -q -e "^FAIL  $_pattern" "$tmp/verify.out" || {
			cat "$tmp/verify.out" >&2
			fail "broker verify does not find: $_pattern"
		}
	done
	[ "$(grep -c '^FAIL' "$tmp/verify.out")" -eq $# ] || {
		cat "$tmp/verify.out" >&2
		fail "broker verify finds more than it should"
	}
}

# hole TEXT SED FILE PATTERN...: a broker with that hole.
hole()
{
	step "$1"
	broken "$2" "$3"
	shift 3
	secured_run_with "$tmp/broken/mosquitto.conf"
	found "$@"
	stop broker
}

step "without a hole all pass"
secured_run
expect_verified n1 n2
stop broker

: >"$tmp/nobody"
chmod 644 "$tmp/nobody"
hole "a security option before the listener opens another one" \
    "/^listener/i password_file $tmp/nobody" mosquitto.conf \
    "the broker listens on nothing but 10.99.0.1:8883: it does on port 1883 at all"
hole "a listener too many" "\$a listener 9001 127.0.0.1\nallow_anonymous true" mosquitto.conf \
    'the broker listens on nothing but .* port 9001 at 127.0.0.1'
hole "the list of revoked certificates is not used" /^crlfile/d mosquitto.conf \
    'no access with a revoked certificate'
hole "certificates are not required" \
    's/^require_certificate.*//; s/^use_identity.*//; s/^allow_anonymous.*/allow_anonymous true/; /^acl_file/d' \
    mosquitto.conf 'no access without a certificate' 'no access with a certificate of a foreign CA' \
    'no access with a revoked certificate' "n1 cannot read what is for n2" "n1 cannot read '#'" \
    'n1 cannot send as n2 to n2' 'n1 cannot send as n2 to all' "n2 cannot read what is for n1" \
    "n2 cannot read '#'" 'n2 cannot send as n1 to n1' 'n2 cannot send as n1 to all'
hole "TLS 1.1" 's/^tls_version.*/tls_version tlsv1.1\nciphers ALL:@SECLEVEL=0/' mosquitto.conf \
    'no access with TLS 1.1'
hole "a node may read another's topics" \
    "/^user n1/a topic read mqttip/home/$part2/+" acl 'n1 cannot read what is for n2' "n1 cannot read '#'"
hole "a node may read all" '/^user n2/a topic read #' acl 'n2 cannot read what is for n1' "n2 cannot read '#'"
hole "a node may send as another to it" "/^user n1/a topic write mqttip/home/+/$part2" acl \
    'n1 cannot send as n2 to n2' 'n1 cannot send as n2 to all'
hole "a node may send as another to all" "/^user n2/a topic write mqttip/home/broadcast/$part1" acl \
    'n2 cannot send as n1 to all'
hole "no limit to messages" /^max_packet_size/d mosquitto.conf 'a message above 131072 bytes is refused'
hole "too low a limit" 's/^max_packet_size.*/max_packet_size 50000/' mosquitto.conf \
    "a message of mqtt-vpnd's largest size"

step "passwords that nobody checks"
ca=pw
pki_new --network home --topics plain --access password
pki_nodes 1 2
pki_broker
cp -a "$tmp/pw-broker" "$tmp/ok"
secured_run
expect_verified n1 n2
stop broker
sed -i '/^password_file/d; s/^allow_anonymous.*/allow_anonymous true/; /^acl_file/d' "$tmp/pw-broker/mosquitto.conf"
secured_run
! verify n1 || fail "broker verify is content"
grep -q '^FAIL  no access without a password' "$tmp/verify.out" || fail "anonymous access is not found"
grep -q '^FAIL  no access with a wrong password' "$tmp/verify.out" || fail "a wrong password is not found"
stop broker
ca=ca

step "a subscription that is granted and delivers nothing"
broken "/^user n1/,/^user n2/{s/^topic read.*//}" acl
secured_run_with "$tmp/broken/mosquitto.conf"
member_run 1
expect_error n1 'delivers nothing.*ACL' 30
stop n1
! verify n1 n2 || fail "broker verify is content"
grep -q 'the control did not arrive' "$tmp/verify.out" || fail "broker verify does not say that nothing arrives"
stop broker

step "keys that only root can read"
chmod 600 "$tmp/ca-broker/server.key"
chgrp root "$tmp/ca-broker/server.key"
refused_pki 'expected mode 640 and group mosquitto' check
spawn b broker mosquitto -c "$conf"
reap broker
[ "$status" -ne 0 ] || fail "mosquitto starts"
logged broker 'server key' || fail "mosquitto does not name the key"
expect_pki broker apply
expect_pki check

step "keys that others can read"
chmod 644 "$tmp/ca-broker/server.key"
refused_pki 'server.key: expected mode 640' check
expect_pki broker apply
chmod 644 "$tmp/ca/ca/ca.key"
refused_pki 'ca.key: others may use it' check
chmod 600 "$tmp/ca/ca/ca.key"
expect_pki check

step "a list of revoked certificates that has expired refuses everyone"
cp "$tmp/ca/ca/ca.crl" "$tmp/good.crl"
(umask 077 && cd "$tmp/ca/ca" && subject_names=DNS:none openssl ca -config openssl.cnf -gencrl \
    -crl_lastupdate 20200101000000Z -crl_nextupdate 20200201000000Z -out ca.crl 2>/dev/null)
refused_pki 'revoked certificates.*expired on 2020-02-01' check
expect_pki broker mosquitto
expect_pki broker apply
secured_run
found 'n1 gets in'
member_run 1
expect_error n1 'certificate|expired'
expect_pki renew
expect_pki broker apply
grep -q 'takes what is new' "$tmp/pki.out" || fail "the broker was not told"
wait_up n1
expect_pki check
expect_verified n1 n2
stop n1

step "a certificate that is not for the address"
expect_pki server 10.99.0.1 broker.test fd99::1
expect_pki broker apply
expect_pki check
expect_verified n1 n2
expect_pki server broker.test
expect_pki broker mosquitto --server broker.test
expect_pki broker apply
found 'n1 gets in: .*its certificate is for DNS:broker.test'
member_run 1
expect_error n1 'is for broker.test'
expect_pki broker mosquitto --server 10.99.0.1
expect_pki broker apply
wait_up n1
stop n1

step "a clock in 1970"
if ! instrumented && command -v cc >/dev/null; then
	cc -shared -fPIC -o "$tmp/1970.so" "$srcdir/tests/clock_1970.c" || fail "cc"
	spawn n1 n1 env LD_PRELOAD="$tmp/1970.so" "$vpnd" -f -s "$tmp/n1.sock" -c "$tmp/ca-n1/mqtt-vpn.conf"
	expect_error n1 '1970.*set the clock first'
	in_ns b env LD_PRELOAD="$tmp/1970.so" "$pki_program" -D "$tmp/ca" node n3 >"$tmp/pki.out" 2>&1 &&
	    fail "a certificate was made in 1970"
	grep -q 'clock says 1970: set it first' "$tmp/pki.out" || fail "the clock is not blamed"
fi
