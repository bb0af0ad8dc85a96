# revoke, crl, renew, list, check.
#
# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2034,SC2154 # the parts share their variables

# What a node that was revoked at the broker can do in another way.
what_is_left_of()
{
	case $s_mode/$(kind_of "$1") in
	group/key-server) echo "Its groups end with their lease: make another key server" ;;
	group/native) echo "On the host of the key server, say 'mqtt-vpnctl evict $1' as well" ;;
	pubkey/native) echo "The others know its key until they have taken their new configurations" ;;
	*) echo "It still has the secret of the network: all others need a new one to be safe from it elsewhere" ;;
	esac
}

run_revoke()
{
	require_ca
	need "$vpnctl"
	[ $# -eq 1 ] || misused "revoke: expected the name of a node"
	check_name "$1"
	[ -d "$pki/nodes/$1" ] || die "there is no node '$1'"
	take_lock
	if [ ! -e "$pki/nodes/$1/revoked" ]; then
		: >"$pki/nodes/$1/revoked"
		rm -f "$pki/bundles/$1.tar"
		did "$1: revoked. $(what_is_left_of "$1")"
	fi
	# Also what an interrupted run left.
	revoke_all "$1"
	if ! lists_all_revoked; then
		make_crl
		did "a new list of revoked certificates is in $pki/ca/ca.crl"
	fi
	refresh
}

run_crl()
{
	require_ca
	[ $# -eq 0 ] || misused "crl takes no argument"
	take_lock
	make_crl
	did "a new list of revoked certificates, good until $(expiry "$pki/ca/ca.crl"), is in $pki/ca/ca.crl"
	refresh
}

# ends_soon FILE
ends_soon()
{
	_left=$(days_left "$1")
	[ -z "$_left" ] || [ "$_left" -le "$within" ]
}

within_option()
{
	within=$warn_days
	[ $# -gt 0 ] || return 0
	{ [ "$1" = --within ] && [ $# -eq 2 ]; } || misused "expected --within DAYS"
	check_number --within "$2" 0 36500
	within=$2
}

run_renew()
{
	require_ca
	need "$vpnctl"
	within_option "$@"
	take_lock
	days=$s_days
	set --
	! ends_soon "$pki/ca/ca.crt" ||
	    warn "the CA itself ends on $(expiry "$pki/ca/ca.crt"): begin a new one in another directory, and hand it out in time"
	for _names in "$pki"/servers/*/names; do
		{ [ -f "$_names" ] && ends_soon "${_names%/names}/server.crt"; } || continue
		issue_server "${_names%/names}"
	done
	for _node in $(all_nodes); do
		{ [ -s "$pki/nodes/$_node/node.crt" ] && ends_soon "$pki/nodes/$_node/node.crt"; } || continue
		if [ ! -s "$pki/nodes/$_node/node.key" ]; then
			warn "$_node: its certificate ends on $(expiry "$pki/nodes/$_node/node.crt"), and its key is not here: mqtt-vpn-pki node $_node --request FILE"
			continue
		fi
		issue_node "$_node"
		set -- "$@" "$_node"
	done
	if ends_soon "$pki/ca/ca.crl"; then
		make_crl
		did "a new list of revoked certificates, good until $(expiry "$pki/ca/ca.crl")"
	fi
	refresh "$@"
}

# list_line NAME KIND FILE [STATE]
list_line()
{
	_left=$(days_left "$3")
	_state=good
	[ -n "$_left" ] || _state='no certificate'
	[ "${_left:-0}" -ge 0 ] || _state=expired
	printf '%-20s %-11s %-10s %6s  %s\n' "$1" "$2" "$(expiry "$3")" "$_left" "${4:-$_state}"
}

run_list()
{
	require_ca
	[ $# -eq 0 ] || misused "list takes no argument"
	printf '%-20s %-11s %-10s %6s  %s\n' NAME KIND UNTIL DAYS STATE
	list_line ca CA "$pki/ca/ca.crt"
	list_line ca.crl revocations "$pki/ca/ca.crl"
	for _names in "$pki"/servers/*/names; do
		[ ! -f "$_names" ] || list_line "$(head -n 1 "$_names")" broker "${_names%/names}/server.crt"
	done
	for _node in $(all_nodes); do
		list_line "$_node" "$(kind_of "$_node")" "$pki/nodes/$_node/node.crt"
	done
	for _node in $(revoked_nodes); do
		list_line "$_node" "$(kind_of "$_node")" "$pki/nodes/$_node/node.crt" revoked
	done
	did_something=yes
}

problems=0

problem()
{
	problems=$((problems + 1))
	printf '%s\n' "$*"
}

# check_certificate NAME CERTIFICATE KEY [COMMAND]: which makes it, where it is not there or not good.
check_certificate()
{
	[ -s "$2" ] || {
		problem "$1: $2 is missing${4:+: $4}"
		return
	}
	is_signed "$2" || problem "$1: $2 is not of our CA${4:+: $4}"
	[ ! -s "$3" ] || same_key "$2" "$3" || problem "$1: $3 does not belong to $2${4:+: rm $2 && $4}"
	check_end "$1" "$2"
}

# check_end NAME FILE
check_end()
{
	_left=$(days_left "$2")
	if [ -z "$_left" ]; then
		problem "$1: $2 cannot be read"
	elif [ "$_left" -lt 0 ]; then
		problem "$1: expired on $(expiry "$2"): mqtt-vpn-pki renew"
	elif [ "$_left" -le "$within" ]; then
		problem "$1: ends on $(expiry "$2"), in $_left days: mqtt-vpn-pki renew"
	fi
}

# What anybody but the owner could read or write.
check_modes()
{
	find "$@" ! -type l \( -perm -040 -o -perm -020 -o -perm -010 -o -perm -004 -o -perm -002 -o -perm -001 \) \
	    >"$work/open"
	while read -r _open; do
		problem "$_open: others may use it: chmod -R go= $_open"
	done <"$work/open"
}

# The broker's copies, where the broker is here: not for others, and for the broker to read.
check_installed()
{
	[ -f "$pki/broker/settings" ] || return 0
	load_broker
	_at=$b_dir
	[ -d "$_at" ] || return 0
	broker_tree
	(cd "$work/broker-tree" && find . -type f) | sed 's|^\.||' | sort >"$work/files"
	while read -r _file; do
		[ "$_file" != /settings ] || continue
		if ! cmp -s "$work/broker-tree$_file" "$_file"; then
			problem "$_file is not as it should be: mqtt-vpn-pki broker apply"
		elif [ -z "$(find "$_file" -perm 640 -group "$b_user")" ]; then
			problem "$_file: expected mode 640 and group $b_user, as the broker reads it after it gave up root: mqtt-vpn-pki broker apply"
		fi
	done <"$work/files"
}

check_nodes()
{
	for _node in $(all_nodes); do
		[ "$s_access" = password ] || check_certificate "$_node" \
		    "$pki/nodes/$_node/node.crt" "$pki/nodes/$_node/node.key" "mqtt-vpn-pki node $_node"
		[ "$s_access" = certificate ] || [ -s "$pki/nodes/$_node/passwd" ] ||
		    problem "$_node: has no password: mqtt-vpn-pki node $_node"
	done
	for _node in $(revoked_nodes); do
		awk -F '\t' -v name="/CN=$_node" '$1 == "V" && $6 == name { found = 1 } END { exit !found }' \
		    "$pki/ca/index.txt" || continue
		problem "$_node: one of its certificates is not revoked: mqtt-vpn-pki revoke $_node"
	done
	lists_all_revoked ||
	    problem "$pki/ca/ca.crl lacks a certificate that was revoked: mqtt-vpn-pki crl"
}

check_servers()
{
	for _names in "$pki"/servers/*/names; do
		[ -f "$_names" ] || continue
		_server=$(head -n 1 "$_names")
		_command="mqtt-vpn-pki server $(tr '\n' ' ' <"$_names" | sed 's/ $//')"
		check_certificate "$_server" "${_names%/names}/server.crt" "${_names%/names}/server.key" "$_command"
		[ -s "${_names%/names}/server.crt" ] || continue
		while read -r _name; do
			is_for "${_names%/names}/server.crt" "$_name" ||
			    problem "$_server: its certificate is not for $_name: $_command"
		done <"$_names"
	done
}

run_check()
{
	require_ca
	need "$vpnctl"
	within_option "$@"
	check_clock
	check_modes "$pki"
	check_certificate CA "$pki/ca/ca.crt" "$pki/ca/ca.key"
	openssl crl -in "$pki/ca/ca.crl" -noout -CAfile "$pki/ca/ca.crt" >/dev/null 2>&1 ||
	    problem "$pki/ca/ca.crl is not of our CA: mqtt-vpn-pki crl"
	check_end "the list of revoked certificates (once it has expired, the broker refuses everyone)" \
	    "$pki/ca/ca.crl"
	check_servers
	check_nodes
	check_installed
	[ "$problems" -eq 0 ] || exit 1
	did "everything is in order"
}
