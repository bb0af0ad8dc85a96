# shellcheck shell=sh disable=SC2154,SC2034 # tmp and others are lib.sh's; the tests use what is set here
# mqtt-vpn-pki and the broker that it makes, at 10.99.0.1 in namespace b. Sourced after lib.sh.
#
# SPDX-License-Identifier: ISC

pki_program=$builddir/contrib/pki/mqtt-vpn-pki
MQTT_VPNCTL=$vpnctl
export MQTT_VPNCTL

pki_begin()
{
	[ -x "$pki_program" ] || skip "$pki_program is not built"
	need openssl
	grep -q '^mosquitto:' /etc/group || skip "mosquitto has no group of its own here"
	chmod 711 "$tmp" # mosquitto gives up root before it reads its files
}

# pki COMMAND...: where the broker is, with the CA in $tmp/$ca.
ca=ca
pki()
{
	in_ns b "$pki_program" -D "$tmp/$ca" "$@"
}

# expect_pki COMMAND...
expect_pki()
{
	pki "$@" >"$tmp/pki.out" 2>&1 || {
		cat "$tmp/pki.out" >&2
		fail "mqtt-vpn-pki $*"
	}
}

# refused_pki PATTERN COMMAND...: it fails, and says why.
refused_pki()
{
	_pattern=$1
	shift
	! pki "$@" >"$tmp/pki.out" 2>&1 || fail "mqtt-vpn-pki $* succeeds"
	grep -q -e "$_pattern" "$tmp/pki.out" || {
		cat "$tmp/pki.out" >&2
		fail "mqtt-vpn-pki $* does not say: $_pattern"
	}
}

# pki_new [OPTION...]: a CA, a certificate for the broker, and the broker's files in $tmp/$ca-broker.
pki_new()
{
	expect_pki init "$@"
	expect_pki server 10.99.0.1 broker.test
}

# pki_nodes N...: nodes n1, n2, ... with configurations in $tmp/$ca-nN.
pki_nodes()
{
	for _n; do
		expect_pki node "n$_n" --address "10.0.1.$_n/24" --directory "$tmp/$ca-n$_n"
	done
}

pki_broker()
{
	expect_pki broker mosquitto --dir "$tmp/$ca-broker" --listen 10.99.0.1:8883
	expect_pki broker apply
}

listens()
{
	in_ns b "$python" -c 'import socket; socket.create_connection(("10.99.0.1", 8883), 1)'
}

# secured_run_with CONF: mosquitto with this configuration.
secured_run_with()
{
	spawn b broker mosquitto -c "$1"
	wait_for 10 listens || fail "mosquitto does not listen"
}

# The same with what apply installed.
secured_run()
{
	secured_run_with "$tmp/$ca-broker/mosquitto.conf"
}

# member_run N: the daemon of nN, with what mqtt-vpn-pki made for it.
member_run()
{
	daemon_start "n$1" -c "$tmp/$ca-n$1/mqtt-vpn.conf"
}

verify()
{
	pki broker verify --host 10.99.0.1 "$@" >"$tmp/verify.out" 2>&1
}

expect_verified()
{
	verify "$@" || {
		cat "$tmp/verify.out" >&2
		fail "broker verify finds something"
	}
	grep -q '^pass' "$tmp/verify.out" || fail "broker verify proves nothing"
}

# until_silent NODE MILLISECONDS: waits until it has received no packet for so long; when the last one
# came is in $silent_since.
until_silent()
{
	_seen=
	clock
	silent_since=$now
	while [ $((now - silent_since)) -lt "$2" ]; do
		_count=$(counter "$1" rx_packets)
		clock
		if [ "$_count" != "$_seen" ]; then
			_seen=$_count
			silent_since=$now
		fi
		sleep 0.05
	done
}

# download_starts CLIENT SERVER ADDRESS: of a file that takes for ever; returns once it is under way.
download_starts()
{
	truncate -s 200G "$tmp/endless"
	serve "$2" "$3" "$tmp/endless"
	spawn "$1" "fetch-$1" "$python" "$tool" fetch "$3" 8080
	_before=$(counter "$1" rx_packets)
	wait_for 10 counter_above "$1" rx_packets $((_before + 100)) || fail "$1 downloads nothing"
}
