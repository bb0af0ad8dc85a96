#!/bin/sh
# The broker at the paths of Debian and OpenWrt: mqtt-vpn-pki installs it there, has it started anew or
# reloaded, and refuses where another file would open it.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"
# shellcheck source=tests/lib_pki.sh
. "$srcdir/tests/lib_pki.sh"

begin
need_daemon
pki_begin
need unshare

# What is done here is done to a copy of /etc, and nothing of the host is started or stopped.
cp -a /etc "$tmp/etc"
rm -rf "$tmp/etc/mosquitto"
mkdir -p "$tmp/etc/mosquitto/conf.d" "$tmp/etc/init.d" "$tmp/etc/config" "$tmp/bin"
chmod 755 "$tmp/etc/mosquitto" "$tmp/etc/mosquitto/conf.d" "$tmp/etc/config"
printf 'log_dest stderr\ninclude_dir /etc/mosquitto/conf.d\n' >"$tmp/etc/mosquitto/mosquitto.conf"
chmod 644 "$tmp/etc/mosquitto/mosquitto.conf"
for each in bin/systemctl bin/service etc/init.d/mosquitto; do
	printf '#!/bin/sh\necho "%s $*" >>%s\n' "$each" "$tmp/restarted" >"$tmp/$each"
	chmod 755 "$tmp/$each"
done

# in_etc NODE COMMAND...: with that copy as its /etc.
in_etc()
{
	_node=$1
	shift
	# shellcheck disable=SC2016 # it is the other shell that knows them
	in_ns "$_node" unshare -m sh -c 'mount --bind "$0" /etc && PATH=$1:$PATH && shift && exec "$@"' \
	    "$tmp/etc" "$tmp/bin" "$@"
}

pki()
{
	in_etc b "$pki_program" -D "$tmp/$ca" "$@"
}

restarted()
{
	[ -s "$tmp/restarted" ] || fail "the broker was not started anew"
	rm "$tmp/restarted"
}

start_here()
{
	# shellcheck disable=SC2016 # it is the other shell that knows them
	spawn b broker unshare -m sh -c 'mount --bind "$0" /etc && exec mosquitto -c /etc/mosquitto/mosquitto.conf' \
	    "$tmp/etc"
	wait_for 10 listens || fail "mosquitto does not listen"
}

# take_over: what was made is applied, proved, and a revoked node put out by a reload.
take_over()
{
	expect_pki broker apply
	restarted
	start_here
	expect_pki check
	expect_verified n1 n2
	expect_pki revoke n3
	expect_pki broker apply
	grep -q 'takes what is new' "$tmp/pki.out" || fail "the broker was not told"
	[ ! -e "$tmp/restarted" ] || fail "the broker was started anew for that"
	expect_verified n1 n2
	stop broker
}

# system_new SYSTEM: a CA, three nodes, and a broker that has been set up where that has it.
system_new()
{
	pki_new --network home
	for _each in n1 n2 n3; do
		expect_pki node "$_each"
	done
	expect_pki broker mosquitto --system "$1" --listen 10.99.0.1:8883
	take_over
}

step "Debian and Raspberry Pi OS"
system_new raspberrypi
[ "$(stat -c '%a %G' "$tmp/etc/mosquitto/mqtt-vpn/server.key")" = '640 mosquitto' ] ||
    fail "the key is not the broker's alone"
[ "$(stat -c %a "$tmp/etc/mosquitto/mqtt-vpn")" = 750 ] || fail "others may enter"

step "a node that makes its own key"
node_new 1
in_etc n1 "$pki_program" request own >"$tmp/own.csr" 2>"$tmp/pki.out" || fail "mqtt-vpn-pki request"
[ "$(stat -c %a "$tmp/etc/mqtt-vpn/node.key")" = 600 ] || fail "others can read the key"
sum=$(sha256sum <"$tmp/etc/mqtt-vpn/node.key")
expect_pki node own --address 10.0.1.9/24 --request "$tmp/own.csr"
in_etc n1 tar -C / -xof "$tmp/$ca/bundles/own.tar"
[ "$(sha256sum <"$tmp/etc/mqtt-vpn/node.key")" = "$sum" ] || fail "the key is another now"
in_etc n1 "$vpnd" -t -c /etc/mqtt-vpn.conf >"$tmp/pki.out" 2>&1 || {
	cat "$tmp/pki.out" >&2
	fail "mqtt-vpnd does not take what was made"
}
expect_pki broker apply

step "another file there would open the broker"
for each in 'listener 1883' 'allow_anonymous true' 'password_file /etc/mosquitto/passwd' 'port 1883'; do
	echo "$each" >"$tmp/etc/mosquitto/conf.d/default.conf"
	refused_pki "default.conf:1:$each: such settings outside" broker apply
done
echo "connection_messages true" >"$tmp/etc/mosquitto/conf.d/default.conf"
expect_pki broker apply
restarted

step "and a security setting in a file before ours keeps it from starting"
echo "allow_anonymous true" >"$tmp/etc/mosquitto/conf.d/default.conf"
# shellcheck disable=SC2016 # it is the other shell that knows them
spawn b broker unshare -m sh -c 'mount --bind "$0" /etc && exec mosquitto -c /etc/mosquitto/mosquitto.conf' \
    "$tmp/etc"
reap broker
[ "$status" -ne 0 ] || fail "mosquitto starts"
logged broker 'per_listener_settings must be set before' || fail "mosquitto does not say why"
rm "$tmp/etc/mosquitto/conf.d/default.conf"

step "OpenWrt"
ca=openwrt
system_new openwrt
grep -q "use_uci '0'" "$tmp/etc/config/mosquitto" || fail "mosquitto would read another configuration"
