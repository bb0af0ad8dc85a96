# server and node: certificates, and what is handed to a node.
#
# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2034,SC2154 # the parts share their variables

# The SAN of names and addresses: "DNS:a,IP:1.2.3.4". An address is checked as IP only, RFC 6125.
subject_names_of()
(
	_sep=
	for _name; do
		if is_ipv4 "$_name" || is_ipv6 "$_name"; then
			printf '%sIP:%s' "$_sep" "$_name"
		else
			printf '%sDNS:%s' "$_sep" "$_name"
		fi
		_sep=,
	done
	echo
)

check_server_name()
{
	is_ipv6 "$1" && return
	case $1 in
	'' | -* | .* | *[!A-Za-z0-9.-]*) die "'$1' is neither a name nor an address that nodes could connect to" ;;
	esac
}

# A server's directory: its first name, with a '-' for each ':' of an address.
server_dir()
{
	printf '%s/servers/%s\n' "$pki" "$(printf %s "$1" | tr : -)"
}

# Is the certificate there, and good for some time?
is_good()
{
	if [ ! -s "$1" ] || ! is_signed "$1"; then
		return 1
	fi
	_left=$(days_left "$1")
	[ "${_left:-0}" -gt 0 ]
}

issue_server()
{
	_dir=$1
	# shellcheck disable=SC2046 # a list
	subject_names=$(subject_names_of $(cat "$_dir/names"))
	issue server "$(head -n 1 "$_dir/names")" "$_dir/server.key" "$_dir/server.crt"
	subject_names=DNS:none
	did "made a certificate for the broker: $(tr '\n' ' ' <"$_dir/names")until $(expiry "$_dir/server.crt")"
}

run_server()
{
	require_ca
	days=$s_days
	while [ $# -gt 0 ]; do
		case $1 in
		--days)
			check_days --days "${2:-}"
			days=$2
			shift
			;;
		-*) misused "server: unknown option $1" ;;
		*) break ;;
		esac
		shift
	done
	[ $# -gt 0 ] || misused "server: expected the names and addresses by which nodes reach the broker"
	for _name; do
		check_server_name "$_name"
	done
	take_lock
	_server=$(server_dir "$1")
	mkdir -p "$_server"
	printf '%s\n' "$@" | put "$_server/names"
	if changed || ! is_good "$_server/server.crt"; then
		issue_server "$_server"
	fi
	refresh
}

# The first free address of the subnet.
free_address()
(
	_subnet=$s_subnet
	_net=${_subnet%.0/24}
	cat "$pki"/nodes/*/node 2>/dev/null | sed -n 's/^address=//p; s/^forward=//p' | sed 's|/.*||' \
	    >"$work/taken"
	_host=1
	while [ "$_host" -lt 255 ]; do
		if ! grep -qxF "$_net.$_host" "$work/taken"; then
			echo "$_net.$_host/24"
			return
		fi
		_host=$((_host + 1))
	done
	die "no address of $_subnet is free"
)

# Two nodes with one address would read each other's traffic.
check_free()
{
	sed -n 's/^address=//p; s/^forward=//p' "$work/node" | sed 's|/.*||' | sort >"$work/wanted"
	for _other in $(all_nodes); do
		[ "$_other" != "$1" ] || continue
		_plain=$(addresses_of "$_other" | grep -xF -f "$work/wanted" | head -n 1) || :
		[ -z "$_plain" ] || die "$_plain is the address of '$_other' already"
	done
}

# canonical ADDRESS: as mqtt-vpnd writes it, so that one address has one form.
canonical()
(
	"$vpnctl" topics wire=mqtt_vpn topic-prefix=x address="$1" >"$work/canonical" ||
	    die "'$1' is not an address"
	sed -n '1s|^read x/||p' "$work/canonical"
)

node_options()
{
	: >"$work/node"
	request=
	node_kind=
	public_key=
	days=$s_days
	while [ $# -gt 0 ]; do
		case $1 in
		--key-server)
			node_kind=key-server
			shift
			continue
			;;
		--tar)
			echo directory= >>"$work/node"
			shift
			continue
			;;
		esac
		[ $# -ge 2 ] || misused "node: '$1': expected an option with its value"
		case $1 in
		--address | --route)
			check_address "$2"
			echo "${1#--}=$(canonical "${2%/*}")/${2##*/}" >>"$work/node"
			;;
		--forward)
			check_address "$2/0"
			echo "forward=$(canonical "$2")" >>"$work/node"
			;;
		--wire)
			is_one_of "$2" native mqtt_vpn || misused "--wire: '$2': expected native or mqtt_vpn"
			node_kind=$2
			;;
		--directory)
			case $2 in
			/*[!A-Za-z0-9_./-]* | [!/]* | '') misused "--directory: '$2': expected an absolute path of letters, digits and '_.-'" ;;
			esac
			echo "directory=$2" >>"$work/node"
			;;
		--request) request=$2 ;;
		--public-key) public_key=$2 ;;
		--days)
			check_days --days "$2"
			days=$2
			;;
		*) misused "node: unknown option $1" ;;
		esac
		shift 2
	done
}

# What does not fit the network would be in its files for good, and every command stumble over it.
check_options()
{
	if [ -n "$public_key" ]; then
		[ "$s_mode" != psk ] || misused "--public-key: of no use with --mode psk, where no node has a key of its own"
		"$vpnctl" topics network=x key-server="$public_key" public-key="$public_key" >/dev/null 2>&1 ||
		    misused "--public-key: '$public_key': expected what 'mqtt-vpnctl pubkey' prints, 44 characters"
	fi
	[ "$node_kind" = key-server ] || return 0
	[ "$s_mode" = group ] || misused "--key-server: of no use with --mode $s_mode: first 'mqtt-vpn-pki init --mode group'"
	_known=$(key_server)
	[ -z "$_known" ] || [ "$_known" = "$1" ] ||
	    die "'$_known' is the key server already: to have another one, revoke it first"
}

# What is known of a node: as the options say, else as before, else as usual.
write_node()
{
	_file=$pki/nodes/$1/node
	_kind=${node_kind:-$(setting "$_file" kind)}
	_kind=${_kind:-$s_wire}
	for _key in address forward route directory; do
		grep -q "^$_key=" "$work/node" || [ ! -f "$_file" ] ||
		    grep "^$_key=" "$_file" >>"$work/node" || :
	done
	if [ "$_kind" != key-server ] && ! grep -q '^address=' "$work/node"; then
		echo "address=$(free_address)" >>"$work/node"
	fi
	grep -q '^address=[0-9A-Fa-f.:]*/[0-9]*$' "$work/node" || [ "$_kind" = key-server ] ||
	    die "no address is free for $1"
	check_free "$1"
	{
		echo "kind=$_kind"
		sort "$work/node"
	} | put "$_file"
	changed || return 0
	rm -f "$pki/nodes/$1/topics"
	did "$1: $(sed -n 's/^address=//p' "$_file" | tr '\n' ' ')$_kind"
}

# The keys of the VPN itself, which the broker has nothing to do with.
make_vpn_keys()
{
	_dir=$pki/nodes/$1
	if [ -n "${public_key:-}" ]; then
		printf '%s\n' "$public_key" | put "$_dir/public.key"
		return
	fi
	[ "$s_mode" != psk ] && [ ! -s "$_dir/public.key" ] || return 0
	[ "$(kind_of "$1")" != mqtt_vpn ] || return 0
	"$vpnctl" genkey >"$_dir/private.key.new" || die "mqtt-vpnctl genkey failed"
	mv "$_dir/private.key.new" "$_dir/private.key"
	"$vpnctl" pubkey <"$_dir/private.key" | put "$_dir/public.key"
}

# What the old wire is sealed with, between these devices and the native nodes.
make_old_password()
{
	[ "$(kind_of "$1")/$s_wire" = mqtt_vpn/native ] && [ ! -s "$pki/mqtt_vpn.password" ] || return 0
	openssl rand -hex 16 | put "$pki/mqtt_vpn.password"
	did "made the password that devices of MQTT_VPN share, $pki/mqtt_vpn.password"
}

# The password for the broker, and what mosquitto is told of it.
make_password()
{
	_dir=$pki/nodes/$1
	[ "$s_access" != certificate ] && [ ! -s "$_dir/passwd" ] || return 0
	need mosquitto_passwd
	[ -s "$_dir/password" ] || openssl rand -base64 24 | put "$_dir/password"
	printf '%s:%s\n' "$1" "$(cat "$_dir/password")" >"$work/passwd"
	mosquitto_passwd -U "$work/passwd" || die "mosquitto_passwd failed"
	put "$_dir/passwd" <"$work/passwd"
	rm -f "$work/passwd"
}

issue_node()
{
	_dir=$pki/nodes/$1
	issue node "$1" "$_dir/node.key" "$_dir/node.crt" "${request:-}"
	# One that was made here would overwrite the node's own.
	[ -z "${request:-}" ] || rm -f "$_dir/node.key"
	did "$1: made a certificate, good until $(expiry "$_dir/node.crt")"
}

require_key_server()
{
	if [ "$s_mode" = group ] && [ "$node_kind" != key-server ] && [ -z "$(key_server)" ]; then
		die "members need the public key of their key server: first 'mqtt-vpn-pki node NAME --key-server'"
	fi
}

run_node()
{
	require_ca
	need "$vpnctl"
	[ $# -gt 0 ] || misused "node: expected a name"
	check_name "$1"
	node=$1
	shift
	_dir=$pki/nodes/$node
	[ ! -e "$_dir/revoked" ] || die "$node was revoked: give the new one another name, as the broker denies this one"
	node_options "$@"
	[ -n "$(all_servers)" ] || die "a node needs to know the broker: first 'mqtt-vpn-pki server NAME'"
	take_lock
	check_options "$node"
	require_key_server
	mkdir -p "$_dir"
	write_node "$node"
	make_vpn_keys "$node"
	public_key= # that of no other
	make_old_password "$node"
	make_password "$node"
	if [ "$s_access" != password ]; then
		if [ -n "$request" ] || ! is_good "$_dir/node.crt"; then
			issue_node "$node"
		fi
	fi
	refresh "$node"
}

# On the node itself: the key never leaves it.
run_request()
{
	need openssl
	[ $# -eq 1 ] || misused "request: expected the name of this node"
	check_name "$1"
	make_work_dir
	mkdir -p /etc/mqtt-vpn
	make_key /etc/mqtt-vpn/node.key
	ca_config >"$work/openssl.cnf"
	openssl req -new -config "$work/openssl.cnf" -key /etc/mqtt-vpn/node.key -subj "/CN=$1"
}
