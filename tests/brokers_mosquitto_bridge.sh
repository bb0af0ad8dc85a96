#!/bin/sh
# Two mosquittos, of which one is bridged to the other: a network spans both, and the nodes of either
# go over to the other when theirs is killed.
# SPDX-License-Identifier: ISC

# shellcheck disable=SC2034 # for lib.sh
WIRE=psk
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"
# shellcheck source=tests/lib_brokers.sh
. "$srcdir/tests/lib_brokers.sh"

name=$(dpkg-query -W -f 'mosquitto ${Version}' mosquitto 2>/dev/null | sed 's/-.*//')
name="$name, two bridged"

kind_need()
{
	:
}

# The second is the one that connects. Both versions of MQTT, as that of the bridge is its own.
kind_conf()
{
	cat >"$tmp/broker$1.conf" <<-END
		per_listener_settings true
		user root
		log_dest stderr
		sys_interval 0
		listener 1883 10.99.0.$1
		set_tcp_nodelay true
		allow_anonymous true
	END
	[ "$1" = 1 ] || cat >>"$tmp/broker$1.conf" <<-END
		connection first
		address 10.99.0.1:1883
		bridge_protocol_version mqttv50
		try_private true
		restart_timeout 1
		topic mqttip/# both 0
	END
}

kind_run()
{
	spawn b "broker$1" mosquitto -c "$tmp/broker$1.conf"
}

# pair_at SETTINGS: each node at its own broker, with the other as the second of its list.
pair_at()
{
	vpn_start 1 "$(section 1 "${1:-}") $(section 2 "${1:-}")"
	vpn_start 2 "$(section 2 "${1:-}") $(section 1 "${1:-}")"
	wait_uses n1 1
	wait_uses n2 2
	wait_ping n1 10.0.1.2
}

brokers_begin
node_new 1 2
sum=$(random_file "$tmp/file" 3000000)
kind_conf 1
kind_conf 2
broker_start 1 2

for version in 3.1.1 5; do
	step "each node at its own broker, protocol = $version"
	pair_at "protocol = $version"
	traffic
	vpn_stop 1 2
done

step "the one that is connected to is restarted: the bridge comes back"
pair_at
kind_stop 1
wait_uses n1 2
wait_ping n1 10.0.1.2
broker_start 1
vpn_stop 1 2

step "a retained message of the other broker is ignored"
pair_at
vpn_stop 1
publishes 2 node mqttip/test/0a000101/0a000102 -r -m 'an old packet' || fail "cannot be published"
vpn_start 1 "$(section 1 'protocol = 3.1.1')"
wait_uses n1 1
wait_ping n1 10.0.1.2
measured "retained messages that came over the bridge: $(counter n1 rx_drop_retained)"
[ "$(counter n1 rx_drop_retained)" -ge 1 ] || fail "no retained message came"
vpn_stop 1 2

for killed in 1 2; do
	step "broker $killed is killed"
	pair_at
	gap_begin "n$killed" "10.0.1.$((3 - killed))"
	stop "broker$killed" KILL
	wait_uses "n$killed" $((3 - killed))
	gap_end
	measured "broker $killed killed: traffic of its clients after, ms: $gap"
	[ "$gap" -le "$moved_ms" ] || fail "it took $gap ms, more than $moved_ms"
	expect_download n1 n2 10.0.1.2 "$tmp/file" "$sum"
	vpn_stop 1 2
	broker_start "$killed"
done
