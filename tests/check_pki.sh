#!/bin/sh
# mqtt-vpn-pki without a broker, as any user: what it makes, that it makes it once, and that nobody
# else could read any of it for a moment; in each shell that is here. The rest: netns_pki*.sh.
# SPDX-License-Identifier: ISC

set -eu
export LC_ALL=C
srcdir=$(cd "${srcdir:-$(dirname "$0")/..}" && pwd)
builddir=${builddir:-$srcdir}
program=$builddir/contrib/pki/mqtt-vpn-pki
vpnd=$builddir/mqtt-vpnd
MQTT_VPNCTL=$builddir/mqtt-vpnctl
export MQTT_VPNCTL

for command in openssl tar; do
	command -v "$command" >/dev/null || {
		echo "skipped: $command is not installed"
		exit 77
	}
done
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
shells=
for each in dash busybox; do
	! command -v "$each" >/dev/null || shells="$shells $each"
done
shells=${shells:-sh}

fail()
{
	echo "FAIL: $shell: $*" >&2
	[ ! -s "$tmp/out" ] || cat "$tmp/out" >&2
	exit 1
}

# pki COMMAND...
pki()
{
	if [ "$shell" = busybox ]; then
		set -- ash "$program" -D "$tmp/pki" "$@"
	else
		set -- "$program" -D "$tmp/pki" "$@"
	fi
	(
		umask 0
		PATH=$tmp/bin:$PATH
		"$shell" "$@"
	) >"$tmp/out" 2>&1 </dev/null
}

expect()
{
	pki "$@" || fail "mqtt-vpn-pki $*"
}

# refused STATUS PATTERN COMMAND...
refused()
{
	_status=$1
	_pattern=$2
	shift 2
	_got=0
	pki "$@" || _got=$?
	[ "$_got" -eq "$_status" ] || fail "mqtt-vpn-pki $* ends with $_got, not $_status"
	says "$_pattern"
}

says()
{
	grep -q -e "$1" "$tmp/out" || fail "it does not say: $1"
}

# holds FILE PATTERN
holds()
{
	grep -q -e "$2" "$1" || fail "$1 does not have: $2"
}

# Where each tool is called from, under which umask: nothing is created under another than 077, as the
# shell's own redirections have the same. (apply makes directories above its own for everyone.)
watch_umask()
{
	mkdir -p "$tmp/bin"
	: >"$tmp/umasks"
	for _tool in openssl tar cp mv sed awk cat mosquitto_passwd; do
		_real=$(command -v "$_tool" || true)
		[ -n "$_real" ] || continue
		# shellcheck disable=SC2016 # it is the wrapper that knows its arguments
		printf '#!/bin/sh\necho "%s $(umask)" >>%s\nexec %s "$@"\n' "$_tool" "$tmp/umasks" "$_real" \
		    >"$tmp/bin/$_tool"
		chmod 755 "$tmp/bin/$_tool"
	done
}

# The files of a directory: names, modes, times, content.
snapshot()
{
	find "$1" -type f -exec ls -l --full-time {} + | sort
	find "$1" -type f -exec cksum {} + | sort
}

days_of()
{
	openssl x509 -in "$1" -noout -checkend $(($2 * 86400)) >/dev/null
}

check_refusals()
{
	refused 1 'begin with' node n1
	refused 2 "unknown command 'nodes'" nodes
	refused 2 'Usage' # no command
	refused 2 'unknown option --colour' init --colour red
	refused 2 'expected psk, pubkey or group' init --mode open
	refused 2 'expected certificate, password or both' init --access none
	refused 2 'expected one such as 10.0.1.0/24' init --subnet 10.0.1.0/16
	refused 2 'with its value' init --network
	refused 2 "'0': expected a number from 1 to 36500" init --days 0
	refused 2 "'010': expected a number" init --ca-days 010
	refused 2 'from 1 to 65535' init --port 65536
	expect init --network home --topics plain
	says 'made a CA'
	refused 1 "first 'mqtt-vpn-pki server NAME'" node n1
	refused 2 'expected the names' server
	refused 1 'neither a name nor an address' server 'a b'
	expect server broker.example.org 192.0.2.1 fd00::1
	refused 1 'is not a name' node '../x'
	refused 1 'is not a name' node 'a.b'
	refused 1 'length of its network' node n1 --address 10.0.1.1
	refused 1 'is not an address' node n1 --address 10.0.1.256/24
	refused 2 'unknown option' node n1 --size large
	refused 1 'is not a certificate request' node n1 --request /dev/null
	refused 2 'of no use with --mode psk' node n1 --public-key foo
	refused 2 'of no use with --mode psk' node keys --key-server
	refused 1 "there is no node 'nobody'" revoke nobody
	refused 1 'is not a name' revoke ../nodes
	refused 1 'there is no broker yet' broker verify
	refused 1 'broker.tar is not there' broker apply
	refused 2 'expected mosquitto, apply or verify' broker nginx
	refused 2 'expected a port' broker mosquitto --listen 10.0.0.1:99999
	refused 2 'expected an address of this host' broker mosquitto --listen host:8883
	refused 2 'absolute path' broker mosquitto --dir relative
}

check_nodes()
{
	expect node n1 --address 10.0.1.7/24 --address FD00:0::7/64 --directory "$tmp/n1"
	expect node n2
	refused 1 "10.0.1.7 is the address of 'n1' already" node n3 --address 10.0.1.7/24
	refused 1 "fd00::7 is the address of 'n1' already" node n3 --forward fd00::0:7
	holds "$tmp/n1/mqtt-vpn.conf" 'address = {"10.0.1.7/24", "fd00::7/64"}'
	holds "$tmp/n1/mqtt-vpn.conf" 'broker "mqtts://broker.example.org:8883" {'
	[ ! -x "$vpnd" ] || "$vpnd" -t -c "$tmp/n1/mqtt-vpn.conf" >"$tmp/out" 2>&1 ||
	    fail "mqtt-vpnd does not take the configuration"
	tar -tvf "$tmp/pki/bundles/n2.tar" >"$tmp/out"
	[ "$(awk '{ print $1, $NF }' "$tmp/out" | tr '\n' ' ')" = "-rw------- etc/mqtt-vpn.conf -rw------- etc/mqtt-vpn/ca.crt -rw------- etc/mqtt-vpn/network.key -rw------- etc/mqtt-vpn/node.crt -rw------- etc/mqtt-vpn/node.key " ] ||
	    fail "the archive is not as it should be"
	tar -xOf "$tmp/pki/bundles/n2.tar" etc/mqtt-vpn.conf >"$tmp/conf"
	holds "$tmp/conf" 'address = {"10.0.1.1/24"}'
	holds "$tmp/conf" 'key = "/etc/mqtt-vpn/node.key"'
}

check_certificates()
{
	_ca=$tmp/pki/ca/ca.crt
	_server=$tmp/pki/servers/broker.example.org/server.crt
	_node=$tmp/pki/nodes/n1/node.crt
	openssl verify -x509_strict -purpose sslserver -CAfile "$_ca" "$_server" >"$tmp/out" 2>&1 ||
	    fail "the broker's certificate is not one for a server"
	openssl verify -x509_strict -purpose sslclient -CAfile "$_ca" "$_node" >"$tmp/out" 2>&1 ||
	    fail "the node's certificate is not one for a client"
	! openssl verify -purpose sslserver -CAfile "$_ca" "$_node" >"$tmp/out" 2>&1 ||
	    fail "a node can pose as the broker"
	openssl x509 -in "$_server" -noout -ext subjectAltName >"$tmp/out"
	says 'DNS:broker.example.org, IP Address:192.0.2.1, IP Address:FD00:0:0:0:0:0:0:1'
	openssl x509 -in "$_node" -noout -subject >"$tmp/out"
	says 'CN = n1$'
	for _each in "$_ca" "$_server" "$_node"; do
		openssl x509 -in "$_each" -noout -text >"$tmp/out"
		says 'NIST CURVE: P-256'
	done
	! openssl crl -in "$tmp/pki/ca/ca.crl" -noout -text | grep -q 'No Revoked' ||
	    fail "there is no revoked certificate to try the broker with"
}

check_broker_files()
{
	expect broker mosquitto --system debian --listen 192.0.2.1:8883 --listen '[fd00::1]:8884'
	mkdir -p "$tmp/tree"
	tar -xf "$tmp/pki/broker/broker.tar" -C "$tmp/tree"
	_conf=$tmp/tree/etc/mosquitto/conf.d/mqtt-vpn.conf
	[ "$(sed -n '2p' "$_conf")" = 'per_listener_settings true' ] || fail "per_listener_settings is not first"
	awk '/^listener/ { below = 1 }
	/^(acl_file|password_file|allow_|require_|use_|cafile|certfile|keyfile|crlfile)/ { if (!below) exit 1 }' "$_conf" ||
	    fail "a security option stands above the listeners"
	holds "$_conf" '^listener 8883 192.0.2.1$'
	holds "$_conf" '^listener 8884 fd00::1$'
	[ "$(grep -c '^use_identity_as_username true' "$_conf")" -eq 2 ] || fail "a listener without names"
	cat >"$tmp/expected" <<-END
		# Made by mqtt-vpn-pki: each node reads what is for it, and writes as itself.
		# Who is not named may do nothing.

		user n1
		topic read mqttip/home/0a000107/+
		topic write mqttip/home/+/0a000107
		topic read mqttip/home/fd000000000000000000000000000007/+
		topic write mqttip/home/+/fd000000000000000000000000000007
		topic read mqttip/home/broadcast/+

		user n2
		topic read mqttip/home/0a000101/+
		topic write mqttip/home/+/0a000101
		topic read mqttip/home/broadcast/+
	END
	diff "$tmp/expected" "$tmp/tree/etc/mosquitto/mqtt-vpn/acl" >"$tmp/out" || fail "the ACL is another"
	expect broker mosquitto --system raspberrypi
	says 'nothing to do'
	expect broker mosquitto --system openwrt --listen 8883
	tar -xOf "$tmp/pki/broker/broker.tar" etc/config/mosquitto >"$tmp/out"
	says "option use_uci '0'"
	tar -xOf "$tmp/pki/broker/broker.tar" etc/mosquitto/mosquitto.conf >"$tmp/out"
	says '^listener 8883$'
}

# Each command once more changes nothing.
check_again()
{
	snapshot "$tmp/pki" >"$tmp/before"
	snapshot "$tmp/n1" >>"$tmp/before"
	for _command in init 'server broker.example.org 192.0.2.1 fd00::1' 'node n1' 'node n2' renew \
	    'broker mosquitto'; do
		# shellcheck disable=SC2086 # words
		expect $_command
		says 'nothing to do'
	done
	expect list
	expect check
	snapshot "$tmp/pki" >"$tmp/after"
	snapshot "$tmp/n1" >>"$tmp/after"
	diff "$tmp/before" "$tmp/after" >"$tmp/out" || fail "something has changed"
}

check_dates()
{
	_n2=$tmp/pki/nodes/n2/node.crt
	cksum <"$tmp/pki/nodes/n2/node.key" >"$tmp/key"
	rm "$_n2"
	expect node n2 --days 20
	refused 1 'n2: ends on .* in 20 days: mqtt-vpn-pki renew' check
	expect check --within 10
	expect list
	says '^n2  *native  *20[0-9-]*  *20  good'
	expect renew
	says '^n2: made a certificate'
	! grep -q n1 "$tmp/out" || fail "n1 was renewed too"
	days_of "$_n2" 700 || fail "n2 was not renewed"
	cksum <"$tmp/pki/nodes/n2/node.key" | cmp -s - "$tmp/key" || fail "the key of n2 is another"
	expect check
	# One that has expired.
	(umask 077 && cd "$tmp/pki/ca" && export subject_names=DNS:none && openssl req -new -config openssl.cnf -key ../nodes/n2/node.key \
	    -subj /CN=n2 -out ../request && openssl ca -batch -notext -config openssl.cnf \
	    -extensions node -startdate 20200101000000Z -enddate 20200201000000Z -in ../request \
	    -out "$_n2" && rm ../request) >"$tmp/out" 2>&1 || fail "openssl ca"
	refused 1 'n2: expired on 2020-02-01' check
	expect list
	says '^n2 .*2020-02-01 .*-[0-9]*  expired'
	expect node n2
	days_of "$_n2" 700 || fail "n2 was not renewed"

	printf '#!/bin/sh\necho 1970\n' >"$tmp/bin/date"
	chmod 755 "$tmp/bin/date"
	refused 1 'clock says 1970: set it first' node n9
	rm -r "$tmp/bin/date" "$tmp/pki/nodes/n9"
}

check_revocation()
{
	expect node n3
	cp -p "$tmp/pki/ca/ca.crl" "$tmp/old.crl"
	expect revoke n3
	_serial=$(openssl x509 -in "$tmp/pki/nodes/n3/node.crt" -noout -serial | sed 's/.*=//')
	openssl crl -in "$tmp/pki/ca/ca.crl" -noout -text >"$tmp/out"
	says "$_serial"
	[ ! -e "$tmp/pki/bundles/n3.tar" ] || fail "the archive of n3 is still there"
	tar -xOf "$tmp/pki/broker/broker.tar" etc/mosquitto/mqtt-vpn/acl >"$tmp/out"
	[ "$(sed -n '/^user n3/,$p' "$tmp/out" | tr '\n' ' ')" = 'user n3 topic deny # ' ] ||
	    fail "n3 is not denied"
	expect revoke n3
	says 'nothing to do'
	refused 1 'n3 was revoked' node n3
	expect list
	says '^n3 .* revoked'
	expect check
	# As if it had been interrupted before the list was made.
	cp -p "$tmp/old.crl" "$tmp/pki/ca/ca.crl"
	refused 1 'ca.crl lacks a certificate that was revoked' check
	expect revoke n3
	says 'a new list'
	expect check
}

# The key that was made here is not handed out once the node has made its own.
check_requests()
{
	expect node n4
	tar -tf "$tmp/pki/bundles/n4.tar" | grep -q node.key || fail "n4 has no key"
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x \
	    -keyout "$tmp/n4.key" -out "$tmp/n4.csr" 2>"$tmp/out" || fail "openssl req"
	expect node n4 --request "$tmp/n4.csr"
	[ ! -e "$tmp/pki/nodes/n4/node.key" ] || fail "the old key of n4 is still there"
	! tar -tf "$tmp/pki/bundles/n4.tar" | grep -q node.key || fail "the old key is handed out"
	openssl x509 -in "$tmp/pki/nodes/n4/node.crt" -noout -pubkey >"$tmp/out"
	openssl pkey -in "$tmp/n4.key" -pubout | cmp -s - "$tmp/out" ||
	    fail "the certificate is for another key"
	expect check
}

check_problems()
{
	chmod 640 "$tmp/pki/network.key"
	refused 1 'network.key: others may use it' check
	chmod 600 "$tmp/pki/network.key"
	cp "$tmp/pki/nodes/n2/node.key" "$tmp/n2.key"
	cp "$tmp/pki/nodes/n1/node.key" "$tmp/pki/nodes/n2/node.key"
	refused 1 'does not belong to .*: rm .* && mqtt-vpn-pki node n2$' check
	cp "$tmp/n2.key" "$tmp/pki/nodes/n2/node.key"
	mv "$tmp/pki/servers/broker.example.org/server.crt" "$tmp"
	refused 1 'is missing: mqtt-vpn-pki server broker.example.org 192.0.2.1 fd00::1$' check
	mv "$tmp/server.crt" "$tmp/pki/servers/broker.example.org"
	mkdir "$tmp/pki/lock"
	echo $$ >"$tmp/pki/lock/pid"
	refused 1 "in use by process $$" node n1
	echo 4194305 >"$tmp/pki/lock/pid" # no process has that number
	expect node n1
	[ ! -e "$tmp/pki/lock" ] || fail "the lock is still there"
	expect check
}

# With another mode the nodes need other keys, and in a group all the rest waits for the key server.
check_modes()
{
	expect init --mode group
	says "until they have a key server: 'mqtt-vpn-pki node NAME --key-server'"
	refused 1 "first 'mqtt-vpn-pki node NAME --key-server'" node n5
	refused 2 "expected what 'mqtt-vpnctl pubkey' prints" node keys --key-server --public-key foo
	expect node keys --key-server
	holds "$tmp/n1/mqtt-vpn.conf" "key-server = \"$(cat "$tmp/pki/nodes/keys/public.key")\""
	[ ! -x "$vpnd" ] || "$vpnd" -t -c "$tmp/n1/mqtt-vpn.conf" >"$tmp/out" 2>&1 ||
	    fail "mqtt-vpnd does not take the configuration of a member"
	refused 1 "'keys' is the key server already" node keys2 --key-server
	expect check
	expect revoke n4
	says "say 'mqtt-vpnctl evict n4'"
	expect revoke keys
	says "until they have a key server"
	tar -xOf "$tmp/pki/broker/broker.tar" etc/mosquitto/mqtt-vpn/acl >"$tmp/out"
	[ "$(sed -n '/^user keys/{n;p;}' "$tmp/out")" = 'topic deny #' ] || fail "keys is not denied"
	expect init --mode pubkey
	holds "$tmp/n1/mqtt-vpn.conf" 'peer "n2"'
	expect init --mode psk
	expect check
}

# Where the user is no member of another group, the broker's is his own.
check_apply()
{
	_group=$(id -gn)
	grep -q "^$_group:" /etc/group || return 0
	expect broker mosquitto --dir "$tmp/broker" --user "$_group" --listen 127.0.0.1:18883
	cp "$tmp/pki/broker/broker.tar" "$tmp/carried.tar"
	: >"$tmp/umasks"
	expect broker apply --from "$tmp/carried.tar"
	says "mosquitto -c $tmp/broker/mosquitto.conf"
	[ -z "$(find "$tmp/broker" -type f ! -perm 640)" ] || fail "a file has another mode than 640"
	[ -z "$(find "$tmp/broker" -perm -001)" ] || fail "others may enter"
	expect check
	echo "topic read #" >>"$tmp/broker/acl"
	refused 1 'acl is not as it should be' check
	expect broker apply
	says "installed $tmp/broker/acl"
	expect check
}

check_umasks()
{
	[ "$(wc -l <"$tmp/umasks")" -gt 100 ] || fail "the wrappers were not used"
	! grep -v ' 0*077$' "$tmp/umasks" >"$tmp/out" || fail "a tool ran under another umask"
	! find "$tmp/pki" "$tmp/n1" -perm /077 | grep . >"$tmp/out" || fail "others may read that"
}

for shell in $shells; do
	chmod 755 "$tmp"
	rm -rf "${tmp:?}"/*
	watch_umask
	check_refusals
	check_nodes
	check_certificates
	check_broker_files
	check_again
	check_dates
	check_revocation
	check_requests
	check_problems
	check_modes
	check_umasks
	check_apply
	check_umasks
	echo "$shell: in order"
done
