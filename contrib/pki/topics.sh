# Who may read and write which topics: the ACL file of mosquitto.
#
# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2034,SC2154 # the parts share their variables

# Nodes of a kind, oldest name first; "all" leaves out those that were revoked.
all_nodes()
(
	for _dir in "$pki"/nodes/*/; do
		[ ! -f "${_dir}node" ] || [ -e "${_dir}revoked" ] || basename "$_dir"
	done
)

revoked_nodes()
(
	for _dir in "$pki"/nodes/*/; do
		[ ! -e "${_dir}revoked" ] || basename "$_dir"
	done
)

of_node()
{
	setting "$pki/nodes/$1/node" "$2"
}

# native, mqtt_vpn or key-server.
kind_of()
{
	of_node "$1" kind
}

nodes_of_kind()
(
	for _one in $(all_nodes); do
		[ "$(kind_of "$_one")" != "$1" ] || echo "$_one"
	done
)

key_server()
{
	nodes_of_kind key-server | head -n 1
}

# Addresses of a node, and those that it receives for others, without lengths.
addresses_of()
(
	{ of_node "$1" address; of_node "$1" forward; } | sed 's|/.*||'
)

ask_topics()
{
	"$vpnctl" topics network="$(ours network)" topics="$(ours topics)" \
	    topic-prefix="$(ours topic-prefix)" passphrase-file="$pki/network.key" "$@" ||
	    die "mqtt-vpnctl topics failed, see above"
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
	_prefix=$(ours topic-prefix)
	with_addresses "$1" ask_topics wire=mqtt_vpn | grep '^read '
	for _old in $(nodes_of_kind mqtt_vpn); do
		with_addresses "$_old" ask_topics wire=mqtt_vpn
	done | sed -n 's/^read /write /p' | sort -u
)

# topics_of NODE: lines "read TOPIC" and "write TOPIC".
topics_of()
(
	_key=
	[ ! -s "$pki/nodes/$1/public.key" ] || _key=$(cat "$pki/nodes/$1/public.key")
	case $(kind_of "$1")/$(ours mode) in
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
	if [ "$(kind_of "$1")" = native ] && [ -n "$(nodes_of_kind mqtt_vpn)" ]; then
		beside_old_topics "$1"
	fi
)

acl_text()
(
	cat <<-END
		# Made by mqtt-vpn-pki: each node reads what is for it, and writes as itself.
		# Who is not named may do nothing.
	END
	for _node in $(all_nodes); do
		printf '\nuser %s\n' "$_node"
		topics_of "$_node" >"$work/topics"
		sed 's/^/topic /' "$work/topics"
	done
	# The certificate does not end a connection that is there; this does.
	for _node in $(revoked_nodes); do
		printf '\nuser %s\ntopic deny #\n' "$_node"
	done
)
