# init: the settings of the network, and what follows from them.
#
# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2034,SC2154 # the parts share their variables

setting_keys='network mode wire topics topic-prefix access port subnet days ca-days crl-days'

default_of()
{
	case $1 in
	network) echo vpn ;;
	mode) echo psk ;;
	wire) echo native ;;
	topics) echo hashed ;;
	topic-prefix) echo mqttip ;;
	access) echo certificate ;;
	port) echo 8883 ;;
	subnet) echo 10.0.1.0/24 ;;
	days) echo 730 ;;
	ca-days) echo 3650 ;;
	crl-days) echo 365 ;;
	esac
}

# check_setting KEY VALUE
check_setting()
{
	case $1 in
	network)
		case $2 in
		'' | *[!A-Za-z0-9_.-]*) misused "--network: '$2': expected letters, digits, '-', '_' and '.'" ;;
		esac
		;;
	topic-prefix)
		case $2 in
		'' | /* | */ | *//* | *[!A-Za-z0-9_/-]*)
			misused "--topic-prefix: '$2': expected letters, digits, '-' and '_', with single '/' between them" ;;
		esac
		;;
	mode) is_one_of "$2" psk pubkey group || misused "--mode: '$2': expected psk, pubkey or group" ;;
	wire) is_one_of "$2" native mqtt_vpn || misused "--wire: '$2': expected native or mqtt_vpn" ;;
	topics) is_one_of "$2" hashed plain || misused "--topics: '$2': expected hashed or plain" ;;
	access)
		is_one_of "$2" certificate password both ||
		    misused "--access: '$2': expected certificate, password or both"
		;;
	subnet)
		case $2 in
		*.0/24) is_ipv4 "${2%/24}" ;;
		*) false ;;
		esac || misused "--subnet: '$2': expected one such as 10.0.1.0/24; for others give each node its --address"
		;;
	port) check_number --port "$2" 1 65535 ;;
	ca-days) check_number --ca-days "$2" 2 36500 ;; # one more than the certificates of verify
	*) check_days "--$1" "$2" ;;
	esac
}

# What the options gave, then what was there, then what is usual.
write_settings()
{
	for _key in $setting_keys; do
		_value=$(setting "$work/options" "$_key")
		[ -n "$_value" ] || _value=$(setting "$pki/settings" "$_key")
		[ -n "$_value" ] || _value=$(default_of "$_key")
		printf '%s=%s\n' "$_key" "$_value"
	done | put "$pki/settings"
	! changed || did "settings are in $pki/settings"
	load_settings
}

make_secret()
{
	[ ! -s "$pki/network.key" ] || return 0
	"$vpnctl" genpsk >"$pki/network.key.new" || die "mqtt-vpnctl genpsk failed"
	mv "$pki/network.key.new" "$pki/network.key"
	did "made the secret of the network, $pki/network.key"
}

# take_secret OPTION FILE NAME: a secret that somebody has already.
take_secret()
{
	[ -s "$2" ] || die "$1: $2 cannot be read, or is empty"
	put "$pki/$3" <"$2"
	! changed || did "took $2 as $pki/$3"
}

init_options()
{
	: >"$work/options"
	secret_file=
	old_secret_file=
	while [ $# -gt 0 ]; do
		[ $# -ge 2 ] || misused "init: '$1': expected an option with its value"
		case $1 in
		--passphrase-file) secret_file=$2 ;;
		--mqtt-vpn-password-file) old_secret_file=$2 ;;
		--*)
			# shellcheck disable=SC2086 # a list
			is_one_of "${1#--}" $setting_keys || misused "init: unknown option $1"
			check_setting "${1#--}" "$2"
			printf '%s=%s\n' "${1#--}" "$2" >>"$work/options"
			;;
		*) misused "init: '$1' is not an option" ;;
		esac
		shift 2
	done
}

run_init()
{
	need openssl "$vpnctl"
	make_work_dir
	init_options "$@"
	check_clock
	mkdir -p "$pki/nodes" "$pki/servers" || die "$pki cannot be made"
	chmod 700 "$pki"
	take_lock
	write_settings
	if [ "$s_topics" = plain ]; then
		case $s_network in
		*.*) die "--network: with plain topics expected a name without '.'" ;;
		esac
	fi
	[ -z "$secret_file" ] || take_secret --passphrase-file "$secret_file" network.key
	[ -z "$old_secret_file" ] ||
	    take_secret --mqtt-vpn-password-file "$old_secret_file" mqtt_vpn.password
	make_secret
	make_ca
	make_revoked
	refresh
}

# What all configurations and rules follow from, beside a node's own file.
common_state()
(
	cat "$pki/settings"
	all_servers
	openssl dgst -sha256 <"$pki/network.key"
	openssl dgst -sha256 <"$pki/ca/ca.crt"
	[ ! -s "$pki/mqtt_vpn.password" ] || openssl dgst -sha256 <"$pki/mqtt_vpn.password"
	for _told in $(nodes_of_kind mqtt_vpn) $(key_server); do
		echo "$_told"
		cat "$pki/nodes/$_told/node" "$pki/nodes/$_told/public.key" 2>/dev/null || :
	done
	cat "$work"/peers/* 2>/dev/null || :
)

# What follows from these nodes, and from all if something has changed that everything follows from.
remake()
{
	write_peer_sections
	common_state | put "$pki/common"
	if changed; then
		rm -f "$pki"/nodes/*/topics
		# shellcheck disable=SC2046 # a list
		set -- $(all_nodes)
	fi
	for _each in $(all_nodes); do
		make_topics "$_each"
	done
	for _each; do
		node_bundle "$_each"
	done
	[ "$s_mode" != group ] || [ -z "$(key_server)" ] || node_bundle "$(key_server)"
}

# refresh [NODE...]: everything anew that is not as it should be. With another mode than before, nodes
# may need keys that they had not.
# shellcheck disable=SC2120 # other parts name nodes
refresh()
{
	for _keyless in $(all_nodes); do
		make_vpn_keys "$_keyless"
	done
	if [ "$s_mode" = group ] && [ -n "$(all_nodes)" ] && [ -z "$(key_server)" ]; then
		did "nothing is made for the nodes until they have a key server: 'mqtt-vpn-pki node NAME --key-server'"
	else
		remake "$@"
	fi
	if [ -f "$pki/broker/settings" ]; then
		load_broker
		make_broker_files
	fi
}

# Whatever needs a CA.
require_ca()
{
	need openssl
	[ -s "$pki/ca/ca.crt" ] || die "there is no CA in $pki: begin with 'mqtt-vpn-pki init', or name another directory with -D"
	load_settings
	make_work_dir
}
