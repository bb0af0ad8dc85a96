# The broker that runs here, and where it listens, out of /proc: not every system has ss(8).
#
# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2034,SC2154 # the parts share their variables

# Processes named mosquitto that share our network: those of other namespaces are not ours.
broker_pids()
(
	for _proc in /proc/[0-9]*; do
		[ "$(cat "$_proc/comm" 2>/dev/null)" = mosquitto ] || continue
		[ "$(readlink "$_proc/ns/net")" = "$(readlink /proc/self/ns/net)" ] || continue
		echo "${_proc#/proc/}"
	done
)

# sockets_of PID: the inodes of its open sockets, a line each.
sockets_of()
(
	for _fd in /proc/"$1"/fd/*; do
		readlink "$_fd" 2>/dev/null || :
	done | sed -n 's/^socket:\[\([0-9]*\)\]$/\1/p'
)

# listens_of PID: "HEX-ADDRESS:HEX-PORT" of each TCP port that it listens on, as the kernel has it,
# and the paths of unix sockets.
listens_of()
(
	sockets_of "$1" >"$work/inodes"
	cat "/proc/$1/net/tcp" "/proc/$1/net/tcp6" 2>/dev/null |
	    awk 'NR == FNR { ours[$1]; next } $4 == "0A" && ($10 in ours) { print $2 }' "$work/inodes" -
	awk 'NR == FNR { ours[$1]; next } $4 == "00010000" && ($7 in ours) { print $8 == "" ? "@" : $8 }' \
	    "$work/inodes" "/proc/$1/net/unix" 2>/dev/null || :
)

# has_port PID PORT
has_port()
{
	listens_of "$1" | grep -q ":$(printf %04X "$2")\$"
}

# The broker that listens on the port of the first --listen given as $1; nothing if there is none.
broker_pid()
(
	for _pid in $(broker_pids); do
		if has_port "$_pid" "${1##*:}"; then
			echo "$_pid"
			return
		fi
	done
)

# The kernel writes an address as numbers of 32 bits in the order of the machine, and many routers are
# big-endian: the sixth byte of a program tells.
is_big_endian()
{
	[ "$(dd if=/proc/self/exe bs=1 skip=5 count=1 2>/dev/null)" = "$(printf '\002')" ]
}

# as_kernel HEX: bytes in the order of the network as the kernel writes them, and the other way round.
as_kernel()
{
	if is_big_endian; then
		printf '%s\n' "$1"
	else
		printf '%s\n' "$1" | sed 's/\(..\)\(..\)\(..\)\(..\)/\4\3\2\1/g'
	fi
}

# hex_of ADDRESS: 7F000001, or 32 digits for IPv6.
hex_of()
{
	printf '%s\n' "$1" | awk -F : '
	!/:/ {
		split($0, part, ".")
		printf "%02X%02X%02X%02X\n", part[1], part[2], part[3], part[4]
		next
	}
	{
		missing = 8
		for (i = 1; i <= NF; i++)
			missing -= $i != ""
		for (i = 1; i <= NF; i++) {
			if ($i != "")
				text = text substr("0000" toupper($i), length($i) + 1)
			else
				for (; missing > 0; missing--)
					text = text "0000"
		}
		print text
	}'
}

# readable LISTENER: for people, what listens_of prints.
readable()
(
	case $1 in
	*:*) ;;
	*)
		printf 'the socket %s' "$1"
		return
		;;
	esac
	_hex=$(as_kernel "${1%:*}")
	case $_hex in
	*[!0]*) ;;
	*)
		printf 'port %d at all addresses' "0x${1##*:}"
		return
		;;
	esac
	printf 'port %d at ' "0x${1##*:}"
	if [ ${#_hex} -eq 8 ]; then
		for _byte in $(printf '%s' "$_hex" | sed 's/../ 0x&/g'); do
			printf '%d.' "$_byte"
		done | sed 's/\.$//'
	else
		printf '%s' "$_hex" | sed 's/..../:&/g; s/^://'
	fi
)

# is_wanted LISTENER: whether --listen asked for it. Without an address that is all of them.
is_wanted()
(
	for _listen in $b_listen; do
		_bind=$(bind_of "$_listen")
		_port=$(printf %04X "${_listen##*:}")
		case $1 in
		"$(as_kernel "$(hex_of "$_bind")"):$_port") return 0 ;;
		*":$_port") [ -n "$_bind" ] || return 0 ;;
		esac
	done
	return 1
)
