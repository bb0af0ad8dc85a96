# broker mosquitto: its configuration, ACL and what these name, ready to be installed.
#
# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2034,SC2154 # the parts share their variables

# mqtt-vpnd's largest message is 64 KiB; the rest is for topics and headers.
max_packet=131072

# The settings of the broker, into b_...
load_broker()
{
	b_listen=
	while IFS='=' read -r _key _value; do
		case $_key in
		listen) b_listen="$b_listen $_value" ;;
		system) b_system=$_value ;;
		dir) b_dir=$_value ;;
		user) b_user=$_value ;;
		server) b_server=$_value ;;
		esac
	done <"$pki/broker/settings"
	b_listen=${b_listen# }
	b_conf=$(broker_conf_path)
}

# check_listen ADDRESS:PORT
check_listen()
(
	_port=${1##*:}
	case $_port in
	'' | *[!0-9]*) misused "--listen: '$1': expected ADDRESS:PORT, [ADDRESS]:PORT or PORT" ;;
	esac
	{ [ "$_port" -ge 1 ] && [ "$_port" -le 65535 ]; } || misused "--listen: '$1': expected a port from 1 to 65535"
	_bind=$(bind_of "$1")
	[ -z "$_bind" ] || is_ipv4 "$_bind" || is_ipv6 "$_bind" ||
	    misused "--listen: '$1': expected an address of this host"
)

# bind_of LISTEN: the address, or nothing for all of them.
bind_of()
(
	case $1 in
	*:*) _bind=${1%:*} ;;
	*) _bind= ;;
	esac
	_bind=${_bind#[}
	_bind=${_bind%]}
	[ "$_bind" = '*' ] || printf '%s\n' "$_bind"
)

broker_options()
{
	: >"$work/broker"
	while [ $# -gt 0 ]; do
		[ $# -ge 2 ] || misused "broker mosquitto: '$1': expected an option with its value"
		case $1 in
		--listen) check_listen "$2" ;;
		--dir)
			case $2 in
			/*[!A-Za-z0-9_./-]* | [!/]* | '') misused "--dir: '$2': expected an absolute path of letters, digits and '_.-'" ;;
			esac
			echo system=other >>"$work/broker"
			;;
		--system)
			is_one_of "$2" debian raspberrypi openwrt ||
			    misused "--system: '$2': expected debian, raspberrypi or openwrt"
			;;
		--user) check_name "$2" ;;
		--server) [ -d "$(server_dir "$2")" ] || die "there is no server '$2': mqtt-vpn-pki server $2" ;;
		*) misused "broker mosquitto: unknown option $1" ;;
		esac
		printf '%s=%s\n' "${1#--}" "$2" >>"$work/broker"
		shift 2
	done
	# Raspberry Pi OS has the packages and paths of Debian.
	sed -i 's/^system=raspberrypi$/system=debian/' "$work/broker"
}

default_of_broker()
(
	case $1 in
	listen) echo "$s_port" ;;
	system) system_here ;;
	dir) echo /etc/mosquitto/mqtt-vpn ;;
	user) echo mosquitto ;;
	server) all_servers | head -n 1 ;;
	esac
)

write_broker_settings()
{
	for _key in system dir user server listen; do
		_value=$(setting "$work/broker" "$_key" | sort -u)
		[ -n "$_value" ] || _value=$(setting "$pki/broker/settings" "$_key")
		[ -n "$_value" ] || _value=$(default_of_broker "$_key")
		for _line in $_value; do
			printf '%s=%s\n' "$_key" "$_line"
		done
	done | put "$pki/broker/settings"
	changed || :
	load_broker
}

# Where mosquitto has its configuration.
broker_conf_path()
{
	case $b_system in
	debian) echo /etc/mosquitto/conf.d/mqtt-vpn.conf ;;
	openwrt) echo /etc/mosquitto/mosquitto.conf ;;
	*) echo "$b_dir/mosquitto.conf" ;;
	esac
}

# On Debian these stand in the file that includes ours.
conf_of_whole_broker()
(
	case $b_system in
	debian) return ;;
	openwrt) printf 'user %s\nlog_dest syslog\n' "$b_user" ;;
	*)
		printf 'user %s\n' "$b_user"
		printf 'pid_file %s/run/mosquitto.pid\n' "$b_dir"
		printf 'log_dest stderr\n'
		;;
	esac
	cat <<-END
		persistence false
		log_type error
		log_type warning
		log_type notice
		log_type information
	END
)

listener_conf()
(
	_at=$b_dir
	_port=${1##*:}
	_bind=$(bind_of "$1")
	cat <<-END

		listener $_port${_bind:+ $_bind}
		protocol mqtt
		cafile $_at/ca.crt
		certfile $_at/server.crt
		keyfile $_at/server.key
		tls_version tlsv1.2
		allow_anonymous false
		acl_file $_at/acl
	END
	[ "$s_access" = password ] || cat <<-END
		crlfile $_at/ca.crl
		require_certificate true
	END
	case $s_access in
	certificate) echo use_identity_as_username true ;;
	*) echo "password_file $_at/passwd" ;;
	esac
)

# Whatever secures a listener stands below it: above, it would open another one, on port 1883 of all
# addresses and without our ACL.
mosquitto_conf()
(
	printf '# Made by mqtt-vpn-pki: change it there, not here.\nper_listener_settings true\n'
	conf_of_whole_broker
	cat <<-END
		sys_interval 0
		set_tcp_nodelay true
		max_packet_size $max_packet
		max_queued_messages 200
		max_keepalive 120
	END
	for _listen in $b_listen; do
		listener_conf "$_listen"
	done
)

openwrt_config()
{
	cat <<-'END'
		# Made by mqtt-vpn-pki: mosquitto reads /etc/mosquitto/mosquitto.conf.
		config owrt 'owrt'
			option use_uci '0'
	END
}

# The files of the broker under their paths, in $work/broker-tree.
broker_tree()
{
	_tree=$work/broker-tree
	_at=$_tree$b_dir
	rm -rf "$_tree"
	mkdir -p "$_at" "$_tree$(dirname "$b_conf")"
	cp "$pki/broker/settings" "$_tree/settings"
	echo "conf=$b_conf" >>"$_tree/settings"
	mosquitto_conf >"$_tree$b_conf"
	acl_text >"$_at/acl"
	_server=$(server_dir "$b_server")
	cp "$pki/ca/ca.crt" "$_server/server.crt" "$_server/server.key" "$_at"
	[ "$s_access" = password ] || cp "$pki/ca/ca.crl" "$_at"
	if [ "$s_access" != certificate ]; then
		: >"$_at/passwd"
		for _node in $(all_nodes); do
			cat "$pki/nodes/$_node/passwd" >>"$_at/passwd"
		done
	fi
	if [ "$b_system" = openwrt ]; then
		mkdir -p "$_tree/etc/config"
		openwrt_config >"$_tree/etc/config/mosquitto"
	fi
}

make_broker_files()
{
	[ -s "$(server_dir "$b_server")/server.crt" ] ||
	    die "there is no certificate for the broker: mqtt-vpn-pki server NAME..."
	for _each in $(all_nodes); do
		make_password "$_each"
	done
	broker_tree
	rm -rf "$work/old"
	mkdir "$work/old"
	[ ! -f "$pki/broker/broker.tar" ] || tar -xf "$pki/broker/broker.tar" -C "$work/old"
	! same_tree "$work/broker-tree" "$work/old" || return 0
	make_tar "$work/broker-tree" "$pki/broker/broker.tar"
	did "the broker's files have changed: 'mqtt-vpn-pki broker apply' here, or take $pki/broker/broker.tar to its host and apply --from that"
}

run_broker_mosquitto()
{
	require_ca
	need "$vpnctl"
	broker_options "$@"
	[ -n "$(all_servers)" ] || die "there is no certificate for the broker: first 'mqtt-vpn-pki server NAME...'"
	take_lock
	mkdir -p "$pki/broker"
	write_broker_settings
	refresh
}

run_broker()
{
	[ $# -gt 0 ] || misused "broker: expected mosquitto, apply or verify"
	_what=$1
	shift
	case $_what in
	mosquitto) run_broker_mosquitto "$@" ;;
	apply) run_apply "$@" ;;
	verify) run_verify "$@" ;;
	*) misused "broker: '$_what': expected mosquitto, apply or verify" ;;
	esac
}
