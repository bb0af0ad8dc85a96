#!/bin/sh
# mqtt-vpn-pki makes a CA, a broker and three nodes; the broker is verified, the nodes meet through it,
# and one that is revoked while it downloads is cut off within 5 s, without harm to the others.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"
# shellcheck source=tests/lib_pki.sh
. "$srcdir/tests/lib_pki.sh"

# stayed NODE: it has been connected ever since it started.
stayed()
{
	[ "$(counter "$1" connects)" = 1 ] || fail "$1 was disconnected"
}

begin
need_daemon
pki_begin
node_new 1 2 3

step "a CA, a broker and three nodes"
pki_new --network home
pki_nodes 1 2 3
pki_broker
secured_run
expect_pki check

step "the broker is proved to be safe"
expect_verified n1 n2
grep -q "pass  n2 cannot send as n1 to n1" "$tmp/verify.out" || fail "it was not tried to send as another"
[ "$(grep -c '^pass' "$tmp/verify.out")" -eq 16 ] || fail "not all was tried"
for n in 1 2 3; do
	member_run "$n"
done

step "the nodes meet through it"
for n in 1 2 3; do
	wait_up "n$n"
done
expect_ping n1 10.0.1.2
expect_ping n2 10.0.1.3

step "it is verified while they talk, and does them no harm"
expect_verified n1 n3
stayed n1
stayed n3

step "n2 is revoked while it downloads from n1"
sum=$(random_file "$tmp/file" 3000000)
download_starts n2 n1 10.0.1.1
clock
began=$now
expect_pki revoke n2
expect_pki broker apply
until_silent n2 2000
took=$((silent_since - began))
echo "n2 was cut off after $took ms"
[ "$took" -lt 5000 ] || fail "n2 went on for $took ms"
[ -z "$(peer_state n1 10.0.1.2)" ] || expect_no_ping n1 10.0.1.2
expect_ping n1 10.0.1.3
expect_download n1 n3 10.0.1.3 "$tmp/file" "$sum"
stayed n1
stayed n3

step "it does not come back"
stop n2
member_run 2
expect_error n2 'certificate|revoked'
expect_verified n1 n3
refused_pki 'was revoked' node n2

step "what is renewed takes effect without a restart"
expect_pki renew --within 1000
expect_pki broker apply
grep -q 'takes what is new' "$tmp/pki.out" || fail "the broker was not told"
has_new_certificate()
{
	_served=$(in_ns b openssl s_client -connect 10.99.0.1:8883 </dev/null 2>/dev/null |
	    openssl x509 -noout -serial)
	[ "$_served" = "$(openssl x509 -in "$tmp/ca-broker/server.crt" -noout -serial)" ]
}
wait_for 10 has_new_certificate || fail "the broker still has the old certificate"
expect_verified n1 n3
expect_pki broker apply
grep -q 'nothing to do' "$tmp/pki.out" || fail "applied twice"
for n in 1 3; do
	stayed "n$n"
	stop "n$n"
	[ "$status" -eq 0 ] || fail "n$n ended with status $status"
done
