# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # of lib.sh and lib_brokers.sh: tmp, limit, what is known
# mosquitto with passwords and an ACL, for tests/brokers_mosquitto.sh and bench/brokers. Sourced, after lib_brokers.sh.
#
# SPDX-License-Identifier: ISC

name=$(dpkg-query -W -f 'mosquitto ${Version}' mosquitto 2>/dev/null | sed 's/-.*//')
denied='delivers nothing'
bridged=no # yes: the others connect to the first

kind_need()
{
	need mosquitto_passwd
}

kind_conf()
{
	rm -f "$tmp/passwords"
	touch "$tmp/passwords"
	chmod 600 "$tmp/passwords"
	for _user in node denied; do
		mosquitto_passwd -b "$tmp/passwords" "$_user" "$_user"
	done
	printf 'user node\ntopic readwrite mqttip/#\ntopic readwrite bench/#\nuser denied\n' >"$tmp/acl"
	chmod 600 "$tmp/acl"
	cat >"$tmp/broker$1.conf" <<-END
		per_listener_settings true
		user root
		log_dest stderr
		sys_interval 0
		max_keepalive 120
		max_packet_size ${limit:-131072}
		max_queued_messages 200
		listener 1883 10.99.0.$1
		set_tcp_nodelay true
		allow_anonymous false
		password_file $tmp/passwords
		acl_file $tmp/acl
	END
	[ "$bridged" = no ] || [ "$1" = 1 ] || cat >>"$tmp/broker$1.conf" <<-END
		connection first
		address 10.99.0.1:1883
		remote_username node
		remote_password node
		bridge_protocol_version mqttv50
		try_private true
		restart_timeout 1
		notifications false
		topic mqttip/# both 0
	END
}

kind_run()
{
	spawn b "broker$1" mosquitto -c "$tmp/broker$1.conf"
}
