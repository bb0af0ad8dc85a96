#!/bin/sh
# mqtt-vpn-pki: certificates for the nodes of a VPN over MQTT, a broker that only they may use, and
# the proof of it. See mqtt-vpn-pki(8). The installed file is made of the parts in contrib/pki/, so
# that it can be copied alone. POSIX shell, openssl and what every system has, BusyBox too.
#
# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2034,SC2154 # the parts share their variables

# The body of a function that only prints or tests stands in parentheses: a shell of its own keeps its
# variables from those of its callers.

# Nothing that is made here is for others, not for a moment.
umask 077
set -eu
export LC_ALL=C
export subject_names=DNS:none # openssl reads it, whatever it makes

version=@version@
pki=${MQTT_VPN_PKI:-/etc/mqtt-vpn-pki}
vpnctl=${MQTT_VPNCTL:-mqtt-vpnctl}
work=       # files of this run only; gone at the end
has_lock=no
sane_from=2025 # no certificate in use is older: a clock before it was never set
warn_days=30

die()
{
	printf 'mqtt-vpn-pki: %s\n' "$*" >&2
	exit 1
}

misused()
{
	printf 'mqtt-vpn-pki: %s\nTry mqtt-vpn-pki -h\n' "$*" >&2
	exit 2
}

warn()
{
	printf 'mqtt-vpn-pki: warning: %s\n' "$*" >&2
}

# What was done. A run that had nothing to do says nothing but that.
did_something=no
did()
{
	did_something=yes
	printf '%s\n' "$*"
}

leave()
{
	_status=$?
	trap '' EXIT HUP INT TERM
	[ -z "$work" ] || end_background
	[ -z "$work" ] || rm -rf "$work"
	[ "$has_lock" = no ] || rm -rf "$pki/lock"
	exit "$_status"
}

make_work_dir()
{
	[ -z "$work" ] || return 0
	work=$(mktemp -d "${TMPDIR:-/tmp}/mqtt-vpn-pki.XXXXXX") || die "no place for temporary files"
	trap leave EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# One at a time: two would give out the same serial number or address.
take_lock()
{
	mkdir "$pki/lock" 2>/dev/null || {
		_owner=$(cat "$pki/lock/pid" 2>/dev/null || true)
		if [ -n "$_owner" ] && kill -0 "$_owner" 2>/dev/null; then
			die "$pki is in use by process $_owner"
		fi
		rm -rf "$pki/lock"
		mkdir "$pki/lock" 2>/dev/null || die "$pki: cannot be written"
	}
	echo $$ >"$pki/lock/pid"
	has_lock=yes
}

# system: debian (Raspberry Pi OS too), openwrt or other.
system_here()
{
	if [ -e /etc/openwrt_release ]; then
		echo openwrt
	elif [ -e /etc/debian_version ]; then
		echo debian
	else
		echo other
	fi
}

# The package that has a command, by the names of the system that we are on.
package_of()
{
	case $(system_here)/$1 in
	openwrt/openssl) echo "opkg install openssl-util" ;;
	openwrt/mosquitto | openwrt/mosquitto_passwd) echo "opkg install mosquitto-ssl" ;;
	openwrt/mosquitto_*) echo "opkg install mosquitto-client-ssl" ;;
	debian/openssl) echo "apt-get install openssl" ;;
	debian/mosquitto | debian/mosquitto_passwd) echo "apt-get install mosquitto" ;;
	debian/mosquitto_*) echo "apt-get install mosquitto-clients" ;;
	*/mqtt-vpnctl) echo "install mqtt-vpnd" ;;
	*) echo "install it first" ;;
	esac
}

need()
{
	for _command; do
		command -v "$_command" >/dev/null ||
		    die "$_command is not installed: $(package_of "$_command")"
	done
}

check_clock()
{
	_year=$(date -u +%Y)
	[ "$_year" -ge "$sane_from" ] ||
	    die "this machine's clock says $_year: set it first, no certificate can be made or checked without it"
}

# setting FILE KEY: the value, or nothing.
setting()
{
	[ ! -f "$1" ] || sed -n "s/^$2=//p" "$1"
}

# The settings of the network, into s_...; no process for each of them.
load_settings()
{
	while IFS='=' read -r _key _value; do
		case $_key in
		network) s_network=$_value ;;
		mode) s_mode=$_value ;;
		wire) s_wire=$_value ;;
		topics) s_topics=$_value ;;
		topic-prefix) s_prefix=$_value ;;
		access) s_access=$_value ;;
		port) s_port=$_value ;;
		subnet) s_subnet=$_value ;;
		days) s_days=$_value ;;
		ca-days) s_ca_days=$_value ;;
		crl-days) s_crl_days=$_value ;;
		esac
	done <"$pki/settings"
}

# put FILE: standard input becomes its content, at once and as a whole, if it differs. Then changed
# succeeds, once.
put()
{
	make_work_dir
	rm -f "$work/changed"
	cat >"$1.new"
	if [ -f "$1" ] && cmp -s "$1" "$1.new"; then
		rm -f "$1.new"
		return 0
	fi
	mv -f "$1.new" "$1"
	: >"$work/changed"
}

changed()
{
	[ -e "$work/changed" ] || return 1
	rm -f "$work/changed"
}

# Is WORD one of the others?
is_one_of()
(
	_word=$1
	shift
	for _other; do
		[ "$_word" != "$_other" ] || return 0
	done
	return 1
)

# check_name NAME: for users of the broker, who are levels of topics and lines of files.
check_name()
{
	case $1 in
	'' | [!A-Za-z0-9]* | *[!A-Za-z0-9_-]*)
		die "'$1' is not a name: expected letters, digits, '-' and '_', beginning with one of the first two" ;;
	esac
	[ "${#1}" -le 63 ] || die "'$1' is too long: expected 63 characters at most"
}

is_ipv4()
{
	printf '%s\n' "$1" | awk -F. '
	NF != 4 { exit 1 }
	{ for (i = 1; i <= 4; i++) if ($i !~ /^[0-9]+$/ || length($i) > 3 || $i > 255) exit 1 }'
}

# Colons and hexadecimal: enough to tell it from a name; openssl and mqtt-vpnctl read the rest.
is_ipv6()
{
	case $1 in
	*[!0-9A-Fa-f:.]*) return 1 ;;
	*:*:*) return 0 ;;
	*) return 1 ;;
	esac
}

# check_address TEXT: ADDRESS/LENGTH.
check_address()
{
	_address=${1%/*}
	_length=${1##*/}
	case $1 in
	*/*) ;;
	*) _length= ;;
	esac
	case $_length in
	'' | *[!0-9]*) die "'$1' is not an address with the length of its network: expected one such as 10.0.1.1/24" ;;
	esac
	if is_ipv4 "$_address"; then
		[ "$_length" -le 32 ] || die "'$1': expected a length from 0 to 32"
	elif is_ipv6 "$_address"; then
		[ "$_length" -le 128 ] || die "'$1': expected a length from 0 to 128"
	else
		die "'$1' is not an address: expected one such as 10.0.1.1/24 or fd00:6d71::1/64"
	fi
}

# check_number OPTION VALUE LEAST MOST
check_number()
{
	case $2 in
	'' | *[!0-9]* | 0?* | ???????*) misused "$1: '$2': expected a number from $3 to $4" ;;
	esac
	{ [ "$2" -ge "$3" ] && [ "$2" -le "$4" ]; } || misused "$1: '$2': expected a number from $3 to $4"
}

# A hundred years.
check_days()
{
	check_number "$1" "$2" 1 36500
}

# list_of WORD...: {"a", "b"}, a list in a configuration file.
list_of()
(
	_sep=
	printf '{'
	for _item; do
		printf '%s"%s"' "$_sep" "$_item"
		_sep=', '
	done
	printf '}'
)