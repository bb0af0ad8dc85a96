#!/bin/sh
# mosquitto with passwords and an ACL.
# SPDX-License-Identifier: ISC

# shellcheck disable=SC2034 # for lib.sh
WIRE=psk
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"
# shellcheck source=tests/lib_brokers.sh
. "$srcdir/tests/lib_brokers.sh"

name=$(dpkg-query -W -f 'mosquitto ${Version}' mosquitto 2>/dev/null | sed 's/-.*//')
denied='delivers nothing'

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
	printf 'user node\ntopic readwrite #\nuser denied\ntopic deny #\n' >"$tmp/acl"
	chmod 600 "$tmp/acl"
	cat >"$tmp/broker$1.conf" <<-END
		per_listener_settings true
		user root
		log_dest stderr
		sys_interval 0
		${limit:+max_packet_size $limit}
		listener 1883 10.99.0.$1
		set_tcp_nodelay true
		allow_anonymous false
		password_file $tmp/passwords
		acl_file $tmp/acl
	END
}

kind_run()
{
	spawn b "broker$1" mosquitto -c "$tmp/broker$1.conf"
}

single
