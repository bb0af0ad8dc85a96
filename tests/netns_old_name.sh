#!/bin/sh
# Called mqtt_vpn, with the options and the wire of MQTT_VPN.
# SPDX-License-Identifier: ISC

WIRE=mqtt_vpn
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
need mosquitto_passwd
"$python" -c 'import nacl, paho.mqtt' 2>/dev/null || skip "python3-nacl, python3-paho-mqtt are missing"
node_new 1 2
broker_conf broker 10.99.0.1 fd99::1
mosquitto_passwd -b -c "$tmp/passwords" somebody hidden
cat >>"$tmp/broker.conf" <<-END
	listener 1884 10.99.0.1
	password_file $tmp/passwords
	allow_anonymous false
END
broker_run broker
ln -s "$vpnd" "$tmp/mqtt_vpn"
# The old program has no option for the socket: the interface names it, so it must be one of a kind.
interface=mqo$$
six=fd00:6d71::1

# old OPTION...
old()
{
	rm -f "$tmp/n1.log"
	# shellcheck disable=SC2086 # VALGRIND is a list of words
	spawn n1 n1 $VALGRIND "$tmp/mqtt_vpn" -i "$interface" -a 10.0.1.1 "$@"
	ln -sf "/run/mqtt-vpnd/$interface.sock" "$tmp/n1.sock"
	wait_up n1
}

has_address()
{
	ip -n "${prefix}n1" address show dev "$interface" | grep -q -F -e "$1" ||
	    fail "the interface does not have $1"
}

spawn n2 peer "$python" "$srcdir/tests/old_wire_peer.py" -i mq0 -a 10.0.1.2 -k secret \
    -b tcp://10.99.0.1:1883
expect_log peer '^connected'

step "interface, address, broker, password, client id, forward; in the foreground"
old -b tcp://10.99.0.1:1883 -k secret -n myname -t 10.0.1.77 -t 10.0.1.78
has_address 10.0.1.1/24
expect_ping n1 10.0.1.2
expect_ping n2 10.0.1.1
logged broker ' as myname ' || fail "the client id is not the one in -n"
for forward in 10.0.1.77 10.0.1.78; do
	logged broker "mqttip/$forward" || fail "no subscription to $forward"
done
tr '\0' ' ' <"/proc/$(pid_of n1)/cmdline" | grep -q secret && fail "the password is in the arguments"
stop n1
[ "$status" -eq 0 ] || fail "exit status $status"

step "netmask; debug; a random client id; -p as a prefix length where there is no -u"
[ "$have_ipv6" = yes ] || six=
old -b 10.99.0.1 -k secret -m 255.255.0.0 -d ${six:+-6 "$six" -p 60}
has_address 10.0.1.1/16
[ -z "$six" ] || has_address "$six/60"
logged broker ' as MQTT_VPN_[0-9a-zA-Z]* ' || fail "the client id is not MQTT_VPN_..."
expect_ping n1 10.0.1.2
stop n1

step "-u with -p as its password, and -x as the prefix length"
old -b tcp://10.99.0.1:1884 -k secret -u somebody -p hidden ${six:+-6 "$six" -x 56}
[ -z "$six" ] || has_address "$six/56"
tr '\0' ' ' <"/proc/$(pid_of n1)/cmdline" | grep -q hidden && fail "the password is in the arguments"
expect_ping n1 10.0.1.2
stop n1

step "a wrong password is said, not retried in a storm"
rm -f "$tmp/n1.log"
spawn n1 n1 "$tmp/mqtt_vpn" -i "$interface" -a 10.0.1.1 -b tcp://10.99.0.1:1884 -u somebody -p wrong
expect_error n1 'user|authori[sz]ed'
stop n1

step "what is missing is said, with status 1"
for options in "-a 10.0.1.1 -b $broker" "-i $interface -b $broker" "-i $interface -a 10.0.1.1"; do
	code=0
	# shellcheck disable=SC2086 # a list of words
	in_ns n1 "$tmp/mqtt_vpn" $options >"$tmp/usage" 2>&1 || code=$?
	[ "$code" -eq 1 ] || fail "exit status $code for $options"
	[ -s "$tmp/usage" ] || fail "no message for $options"
done
