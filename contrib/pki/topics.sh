# What is known of the nodes, and who may read and write which topics: the ACL file of mosquitto.
#
# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2034,SC2154 # the parts share their variables

# All but those that were revoked.
all_nodes()
(
	for _dir in "$pki"/nodes/*/; do
		{ [ -f "${_dir}node" ] && [ ! -e "${_dir}revoked" ]; } || continue
		_dir=${_dir%/}
		printf '%s\n' "${_dir##*/}"
	done
)

revoked_nodes()
(
	for _dir in "$pki"/nodes/*/; do
		[ -e "${_dir}revoked" ] || continue
		_dir=${_dir%/}
		printf '%s\n' "${_dir##*/}"
	done
)

# load_node NAME: what its file says, into n_...: kind (native, mqtt_vpn or key-server), addresses and
# routes with their lengths, forwards.
load_node()
{
	n_kind=
	n_addresses=
	n_forwards=
	n_routes=
	n_directory=
	while IFS='=' read -r _key _value; do
		case $_key in
		kind) n_kind=$_value ;;
		address) n_addresses="$n_addresses $_value" ;;
		forward) n_forwards="$n_forwards $_value" ;;
		route) n_routes="$n_routes $_value" ;;
		directory) n_directory=$_value ;;
		esac
	done <"$pki/nodes/$1/node"
}

kind_of()
(
	load_node "$1"
	printf '%s\n' "$n_kind"
)

nodes_of_kind()
(
	for _one in $(all_nodes); do
		load_node "$_one"
		[ "$n_kind" != "$1" ] || printf '%s\n' "$_one"
	done
)

key_server()
{
	nodes_of_kind key-server | head -n 1
}

# without_lengths ADDRESS...
without_lengths()
(
	for _one; do
		printf '%s\n' "${_one%/*}"
	done
)

# Its addresses, and those that it receives for others, without lengths.
addresses_of()
(
	load_node "$1"
	# shellcheck disable=SC2086 # lists
	without_lengths $n_addresses $n_forwards
)

ask_topics()
{
	"$vpnctl" topics network="$s_network" topics="$s_topics" topic-prefix="$s_prefix" \
	    passphrase-file="$pki/network.key" "$@" || die "mqtt-vpnctl topics failed, see above"
}

# with_addresses NODE COMMAND...: the command with address=ADDRESS for each of its addresses.
with_addresses()
(
	_whose=$1
	shift
	for _a in $(addresses_of "$_whose"); do
		set -- "$@" "address=$_a"
	done
	"$@"
)

# A native node that has peers of the old wire: it writes to these and to all, no further.
beside_old_topics()
(
	with_addresses "$1" ask_topics wire=mqtt_vpn | grep '^read '
	for _old in $old_nodes; do
		with_addresses "$_old" ask_topics wire=mqtt_vpn
	done | sed -n 's/^read /write /p' | sort -u
)

# compute_topics NODE: lines "read TOPIC" and "write TOPIC".
compute_topics()
(
	load_node "$1"
	_key=
	[ ! -s "$pki/nodes/$1/public.key" ] || _key=$(cat "$pki/nodes/$1/public.key")
	case $n_kind/$s_mode in
	mqtt_vpn/*)
		with_addresses "$1" ask_topics wire=mqtt_vpn
		return
		;;
	key-server/*) ask_topics key-server="$_key" public-key="$_key" ;;
	native/group)
		ask_topics key-server="$(cat "$pki/nodes/$(key_server)/public.key")" public-key="$_key"
		;;
	native/*) with_addresses "$1" ask_topics ;;
	esac
	old_nodes=$(nodes_of_kind mqtt_vpn)
	[ -z "$old_nodes" ] || [ "$n_kind" != native ] || beside_old_topics "$1"
)

# make_topics NODE: keeps them beside it until something changes that they follow from.
make_topics()
{
	[ ! -s "$pki/nodes/$1/topics" ] || return 0
	compute_topics "$1" >"$work/topics"
	put "$pki/nodes/$1/topics" <"$work/topics"
}

topics_of()
{
	cat "$pki/nodes/$1/topics"
}

acl_text()
(
	cat <<-END
		# Made by mqtt-vpn-pki: each node reads what is for it, and writes as itself.
		# Who is not named may do nothing.
	END
	for _node in $(all_nodes); do
		printf '\nuser %s\n' "$_node"
		sed 's/^/topic /' "$pki/nodes/$_node/topics"
	done
	# That its certificate was revoked does not end a connection; that it may do nothing does.
	for _node in $(revoked_nodes); do
		printf '\nuser %s\ntopic deny #\n' "$_node"
	done
)
