# What a node gets: its configuration and the files that this names, as a tar or a directory.
#
# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2034,SC2154 # the parts share their variables

# The first name of each server.
all_servers()
(
	for _names in "$pki"/servers/*/names; do
		[ ! -f "$_names" ] || head -n 1 "$_names"
	done
)

# broker_sections NODE: FILES is where the node has its files.
broker_sections()
(
	for _server in $(all_servers); do
		is_ipv6 "$_server" && _server="[$_server]"
		printf 'broker "mqtts://%s:%s" {\n' "$_server" "$s_port"
		printf '\tca-file = "%s/ca.crt"\n' "$files"
		[ "$s_access" = password ] ||
		    printf '\tcertificate = "%s/node.crt"\n\tkey = "%s/node.key"\n' "$files" "$files"
		[ "$s_access" = certificate ] ||
		    printf '\tusername = "%s"\n\tpassword-file = "%s/password"\n' "$1" "$files"
		printf '}\n'
	done
)

# Whether others have to be told of the node that load_node read: with keys of their own of all, else of
# those with networks behind them or of the other wire. In a group the key server tells.
is_told()
{
	case $n_kind/$s_wire/$s_mode/$n_routes in
	key-server/*) return 1 ;;
	mqtt_vpn/native/*) return 0 ;;
	native/native/group/*) return 1 ;;
	native/native/pubkey/*) return 0 ;;
	*/) return 1 ;;
	esac
}

# peer_section NODE: how the others know it, as load_node read it.
peer_section()
(
	# shellcheck disable=SC2046 # a list
	printf 'peer "%s" {\n\taddress = %s\n' "$1" "$(list_of $(addresses_of "$1"))"
	# shellcheck disable=SC2086 # a list
	[ -z "$n_routes" ] || printf '\troutes = %s\n' "$(list_of $n_routes)"
	if [ "$n_kind/$s_wire" = mqtt_vpn/native ]; then
		printf '\twire = mqtt_vpn\n'
	elif [ "$s_mode" = pubkey ]; then
		printf '\tpublic-key = "%s"\n' "$(cat "$pki/nodes/$1/public.key")"
	fi
	printf '}\n'
)

# A file for each, of which every configuration has all but the node's own.
write_peer_sections()
{
	rm -rf "$work/peers"
	mkdir "$work/peers"
	for _peer in $(all_nodes); do
		load_node "$_peer"
		! is_told || peer_section "$_peer" >"$work/peers/$_peer"
	done
}

peer_sections()
(
	for _peer in "$work"/peers/*; do
		[ ! -f "$_peer" ] || [ "${_peer##*/}" = "$1" ] || cat "$_peer"
	done
)

member_sections()
(
	for _member in $(nodes_of_kind native); do
		load_node "$_member"
		# shellcheck disable=SC2046 # a list
		printf 'member "%s" {\n\tpublic-key = "%s"\n\tgroups = {"%s"}\n\taddress = %s\n' "$_member" \
		    "$(cat "$pki/nodes/$_member/public.key")" "$s_network" \
		    "$(list_of $(addresses_of "$_member"))"
		# shellcheck disable=SC2086 # a list
		[ -z "$n_routes" ] || printf '\troutes = %s\n' "$(list_of $n_routes)"
		printf '}\n'
	done
)

# What the configurations of all have in common.
conf_head()
(
	printf '# Made by mqtt-vpn-pki for %s.\n' "$1"
	if [ "$s_wire" = native ]; then
		printf 'network = "%s"\nname = "%s"\n' "$s_network" "$1"
		[ "$s_topics" = hashed ] || printf 'topics = plain\n'
	else
		printf 'wire = mqtt_vpn\n'
	fi
	printf 'passphrase-file = "%s/network.key"\n' "$files"
	[ "$s_prefix" = mqttip ] || printf 'topic-prefix = "%s"\n' "$s_prefix"
	[ "$s_mode" = psk ] || printf 'private-key-file = "%s/private.key"\n' "$files"
)

node_conf()
(
	conf_head "$1"
	if [ "$s_wire" = native ]; then
		[ "$s_mode" = psk ] || printf 'mode = %s\n' "$s_mode"
		[ "$s_mode" != group ] ||
		    printf 'key-server = "%s"\n' "$(cat "$pki/nodes/$(key_server)/public.key")"
		[ ! -s "$pki/mqtt_vpn.password" ] || [ -z "$(nodes_of_kind mqtt_vpn)" ] ||
		    printf 'mqtt-vpn-password-file = "%s/mqtt_vpn.password"\n' "$files"
	fi
	# shellcheck disable=SC2086 # a list
	[ -z "$n_forwards" ] || printf 'forward = %s\n' "$(list_of $n_forwards)"
	# shellcheck disable=SC2086 # a list
	printf 'interface "mq0" {\n\taddress = %s\n}\n' "$(list_of $n_addresses)"
	broker_sections "$1"
	peer_sections "$1"
)

key_server_conf()
(
	conf_head "$1"
	[ -z "$n_directory" ] || printf 'store = "%s/keys.db"\n' "$files"
	broker_sections "$1"
	printf 'key-group "%s" { }\n' "$s_network"
	member_sections
)

# bundle_files NODE DIR: all that the node needs, in DIR; its configuration in CONF there.
bundle_files()
{
	_from=$pki/nodes/$1
	cp "$pki/ca/ca.crt" "$2"
	for _file in node.crt node.key password private.key; do
		case $_file/$s_access in
		node.*/password | password/certificate) continue ;;
		esac
		[ ! -s "$_from/$_file" ] || cp "$_from/$_file" "$2"
	done
	case $n_kind/$s_wire in
	key-server/*)
		cp "$pki/network.key" "$2"
		key_server_conf "$1" >"$3"
		;;
	native/* | mqtt_vpn/mqtt_vpn)
		cp "$pki/network.key" "$2"
		node_conf "$1" >"$3"
		;;
	esac
	# A device of MQTT_VPN has its own way to be configured.
	if [ -s "$pki/mqtt_vpn.password" ] && [ -n "$(nodes_of_kind mqtt_vpn)" ]; then
		cp "$pki/mqtt_vpn.password" "$2"
	fi
}

# Without directories, whose modes are not for us to change where it is unpacked.
make_tar()
{
	(
		cd "$1" || exit
		# shellcheck disable=SC2046 # names without spaces
		tar -cf "$2.new" $(find . -type f | sed 's|^\./||' | sort)
	)
	mv -f "$2.new" "$2"
}

# same_tree A B: the same files, with the same content.
same_tree()
{
	[ -d "$1" ] || return 1
	[ "$(cd "$1" && find . -type f | sort)" = "$(cd "$2" && find . -type f | sort)" ] || return 1
	(
		cd "$1" || exit
		find . -type f | while read -r _each; do
			cmp -s "$_each" "$2/$_each" || exit 1
		done
	)
}

bundle_as_tar()
{
	files=/etc/mqtt-vpn
	rm -rf "$work/tree"
	mkdir -p "$work/tree/etc/mqtt-vpn" "$pki/bundles"
	bundle_files "$1" "$work/tree/etc/mqtt-vpn" "$work/tree/etc/$conf"
	rm -rf "$work/old"
	mkdir "$work/old"
	[ ! -f "$pki/bundles/$1.tar" ] || tar -xf "$pki/bundles/$1.tar" -C "$work/old"
	! same_tree "$work/tree" "$work/old" || return 0
	make_tar "$work/tree" "$pki/bundles/$1.tar"
	did "$1: take $pki/bundles/$1.tar there (scp, or a stick; it holds keys), then: tar -C / -xof $1.tar"
}

bundle_as_directory()
{
	files=$2
	rm -rf "$work/tree"
	mkdir -p "$work/tree" "$2"
	bundle_files "$1" "$work/tree" "$work/tree/$conf"
	_news=no
	for _file in "$work/tree"/*; do
		put "$2/${_file##*/}" <"$_file"
		! changed || _news=yes
	done
	[ "$_news" = no ] || did "$1: $2/$conf and its files are ready"
}

# Makes it if it is not there, or differs.
node_bundle()
{
	load_node "$1"
	conf=mqtt-vpn.conf
	[ "$n_kind" != key-server ] || conf=mqtt-vpn-keyd.conf
	if [ -n "$n_directory" ]; then
		bundle_as_directory "$1" "$n_directory"
	else
		bundle_as_tar "$1"
	fi
}
