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
		printf 'broker "mqtts://%s:%s" {\n' "$_server" "$(ours port)"
		printf '\tca-file = "%s/ca.crt"\n' "$files"
		[ "$(ours access)" = password ] ||
		    printf '\tcertificate = "%s/node.crt"\n\tkey = "%s/node.key"\n' "$files" "$files"
		[ "$(ours access)" = certificate ] ||
		    printf '\tusername = "%s"\n\tpassword-file = "%s/password"\n' "$1" "$files"
		printf '}\n'
	done
)

# peer_section NODE: how the others know it.
peer_section()
(
	_addresses=$(of_node "$1" address | sed 's|/.*||')
	# shellcheck disable=SC2086 # a list
	printf 'peer "%s" {\n\taddress = %s\n' "$1" "$(list_of $_addresses)"
	_routes=$(of_node "$1" route)
	# shellcheck disable=SC2086 # a list
	[ -z "$_routes" ] || printf '\troutes = %s\n' "$(list_of $_routes)"
	if [ "$(kind_of "$1")/$(ours wire)" = mqtt_vpn/native ]; then
		printf '\twire = mqtt_vpn\n'
	elif [ "$(ours mode)" = pubkey ]; then
		printf '\tpublic-key = "%s"\n' "$(cat "$pki/nodes/$1/public.key")"
	fi
	printf '}\n'
)

# Those that a node has to be told of: with keys of their own all, else who has networks behind it
# or speaks the other wire. In a group the key server tells.
peer_sections()
(
	for _peer in $(all_nodes); do
		[ "$_peer" != "$1" ] || continue
		case $(kind_of "$_peer")/$(ours mode)/$(of_node "$_peer" route) in
		key-server/* | native/group/* | native/psk/ | mqtt_vpn/psk/)
			[ "$(kind_of "$_peer")/$(ours wire)" = mqtt_vpn/native ] || continue
			;;
		esac
		peer_section "$_peer"
	done
)

member_sections()
(
	for _member in $(nodes_of_kind native); do
		_addresses=$(addresses_of "$_member")
		# shellcheck disable=SC2086 # a list
		printf 'member "%s" {\n\tpublic-key = "%s"\n\tgroups = {"%s"}\n\taddress = %s\n' "$_member" \
		    "$(cat "$pki/nodes/$_member/public.key")" "$(ours network)" \
		    "$(list_of $_addresses)"
		_routes=$(of_node "$_member" route)
		# shellcheck disable=SC2086 # a list
		[ -z "$_routes" ] || printf '\troutes = %s\n' "$(list_of $_routes)"
		printf '}\n'
	done
)

# What the configurations of all have in common.
conf_head()
(
	printf '# Made by mqtt-vpn-pki for %s.\n' "$1"
	if [ "$(ours wire)" = native ]; then
		printf 'network = "%s"\nname = "%s"\n' "$(ours network)" "$1"
		[ "$(ours topics)" = hashed ] || printf 'topics = plain\n'
	else
		printf 'wire = mqtt_vpn\n'
	fi
	printf 'passphrase-file = "%s/network.key"\n' "$files"
	[ "$(ours topic-prefix)" = mqttip ] || printf 'topic-prefix = "%s"\n' "$(ours topic-prefix)"
	[ ! -s "$pki/nodes/$1/public.key" ] || printf 'private-key-file = "%s/private.key"\n' "$files"
)

node_conf()
(
	conf_head "$1"
	if [ "$(ours wire)" = native ]; then
		[ "$(ours mode)" = psk ] || printf 'mode = %s\n' "$(ours mode)"
		[ "$(ours mode)" != group ] ||
		    printf 'key-server = "%s"\n' "$(cat "$pki/nodes/$(key_server)/public.key")"
		[ ! -s "$pki/mqtt_vpn.password" ] || [ -z "$(nodes_of_kind mqtt_vpn)" ] ||
		    printf 'mqtt-vpn-password-file = "%s/mqtt_vpn.password"\n' "$files"
	fi
	_forwards=$(of_node "$1" forward)
	# shellcheck disable=SC2086 # a list
	[ -z "$_forwards" ] || printf 'forward = %s\n' "$(list_of $_forwards)"
	# shellcheck disable=SC2046 # a list
	printf 'interface "mq0" {\n\taddress = %s\n}\n' "$(list_of $(of_node "$1" address))"
	broker_sections "$1"
	peer_sections "$1"
)

key_server_conf()
(
	conf_head "$1"
	broker_sections "$1"
	printf 'key-group "%s" { }\n' "$(ours network)"
	member_sections
)

# bundle_files NODE DIR: all that the node needs, in DIR; its configuration in CONF there.
bundle_files()
{
	_from=$pki/nodes/$1
	cp "$pki/ca/ca.crt" "$2"
	for _file in node.crt node.key password private.key; do
		case $_file/$(ours access) in
		node.*/password | password/certificate) continue ;;
		esac
		[ ! -s "$_from/$_file" ] || cp "$_from/$_file" "$2"
	done
	case $(kind_of "$1")/$(ours wire) in
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

conf_name()
{
	if [ "$(kind_of "$1")" = key-server ]; then
		echo mqtt-vpn-keyd.conf
	else
		echo mqtt-vpn.conf
	fi
}

bundle_as_tar()
{
	files=/etc/mqtt-vpn
	rm -rf "$work/tree"
	mkdir -p "$work/tree/etc/mqtt-vpn" "$pki/bundles"
	bundle_files "$1" "$work/tree/etc/mqtt-vpn" "$work/tree/etc/$(conf_name "$1")"
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
	bundle_files "$1" "$work/tree" "$work/tree/$(conf_name "$1")"
	_news=no
	for _file in "$work/tree"/*; do
		put "$2/${_file##*/}" <"$_file"
		! changed || _news=yes
	done
	[ "$_news" = no ] || did "$1: $2/$(conf_name "$1") and its files are ready"
}

# Makes it if it is not there, or differs.
node_bundle()
{
	_directory=$(of_node "$1" directory)
	if [ -n "$_directory" ]; then
		bundle_as_directory "$1" "$_directory"
	else
		bundle_as_tar "$1"
	fi
}
