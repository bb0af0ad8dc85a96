#!/bin/sh
# Each kind of access and of network that mqtt-vpn-pki knows: the broker is verified, the nodes meet
# through it, and a revoked one does not come back.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"
# shellcheck source=tests/lib_pki.sh
. "$srcdir/tests/lib_pki.sh"

begin
need_daemon
pki_begin
node_new 1 2 3

# meet: n1 and n2 do, through a verified broker.
meet()
{
	pki_broker
	expect_pki check
	secured_run
	expect_verified n1 n2
	member_run 1
	member_run 2
	wait_up n1
	wait_up n2
	wait_for 20 pings n1 10.0.1.2 || expect_ping n1 10.0.1.2
}

# part: n2 is revoked, and cut off while it is connected.
part()
{
	download_starts n2 n1 10.0.1.1
	clock
	_began=$now
	expect_pki revoke n2
	expect_pki broker apply
	until_silent n2 1500
	echo "n2 was cut off after $((silent_since - _began)) ms"
	[ $((silent_since - _began)) -lt 5000 ] || fail "n2 went on"
	is_up n1 || fail "n1 was cut off too"
	expect_verified n1
	for _name in fetch-n2 serve-n1; do
		stop "$_name" KILL
	done
	stop n2
	stop n1
}

step "a user name and a password over TLS"
ca=password
pki_new --network home --access password
pki_nodes 1 2
meet
grep -q 'pass  no access without a password' "$tmp/verify.out" || fail "it was not tried without a password"
part
! verify n2 || fail "n2 can be verified though it was revoked"
stop broker

step "a certificate and a password"
ca=both
pki_new --network home --access both --mode pubkey
pki_nodes 1 2
meet
grep -q 'pass  no access with a revoked certificate' "$tmp/verify.out" || fail "no certificate was tried"
grep -q 'pass  no access with a wrong password' "$tmp/verify.out" || fail "no password was tried"
part
grep -q n2 "$tmp/both-n1/mqtt-vpn.conf" && fail "n1 still has n2 as a peer"
stop broker

step "a key that was made on the node"
ca=request
pki_new --network home --topics plain --topic-prefix site/vpn
(umask 077 && openssl ecparam -name prime256v1 -genkey -noout -out "$tmp/own.key" &&
    openssl req -new -key "$tmp/own.key" -subj /CN=whoever -out "$tmp/own.csr")
pki_nodes 1
expect_pki node n2 --address 10.0.1.2/24 --address fd00:6d71::2/64 --directory "$tmp/request-n2" \
    --request "$tmp/own.csr"
[ ! -e "$tmp/request-n2/node.key" ] || fail "there is a key that is not ours"
cp -p "$tmp/own.key" "$tmp/request-n2/node.key"
meet
stop n1
stop n2
stop broker

step "members of a group, and their key server"
ca=group
pki_new --network home --mode group
expect_pki node keyd --key-server --directory "$tmp/group-keyd"
pki_nodes 1 2
pki_broker
secured_run
spawn b keyd "$builddir/mqtt-vpn-keyd" -f -s "$tmp/keyd.sock" -c "$tmp/group-keyd/mqtt-vpn-keyd.conf"
wait_up keyd
expect_verified n1 n2 keyd
member_run 1
member_run 2
wait_up n1
wait_up n2
wait_for 20 pings n1 10.0.1.2 || expect_ping n1 10.0.1.2
stop n1
stop n2
stop keyd
stop broker

step "a device of MQTT_VPN beside native nodes"
ca=mixed
pki_new --network home
pki_nodes 1 2
expect_pki node sensor --wire mqtt_vpn --address 10.0.1.3/24 --directory "$tmp/mixed-sensor"
meet
expect_verified n1 sensor
expect_verified sensor n1
cat >"$tmp/mixed-sensor/sensor.conf" <<-END
	wire = mqtt_vpn
	passphrase-file = "$tmp/mixed-sensor/mqtt_vpn.password"
	interface "mq0" { address = "10.0.1.3/24" }
	broker "mqtts://10.99.0.1" {
		ca-file = "$tmp/mixed-sensor/ca.crt"
		certificate = "$tmp/mixed-sensor/node.crt"
		key = "$tmp/mixed-sensor/node.key"
	}
END
daemon_start n3 -c "$tmp/mixed-sensor/sensor.conf"
wait_up n3
expect_ping n1 10.0.1.3
expect_ping n3 10.0.1.2
stop n1
stop n2
stop n3
stop broker

step "a network of MQTT_VPN"
ca=old
pki_new --wire mqtt_vpn
pki_nodes 1 2
meet
