# The Debian packages that mqtt-vpnd needs, and what contrib/demo.sh and contrib/check.sh share:
# both source this file. It runs nothing by itself.
#
# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the lists are used, and tree is set, by those who source it

# To build and install the programs.
packages_build='
	autoconf automake gcc libc6-dev make pkg-config xz-utils
	libcap-ng-dev libcjson-dev libconfuse-dev libevent-dev libmnl-dev libmosquitto-dev
	libsodium-dev libsqlite3-dev libssl-dev libzxcvbn-dev
'

# To show them at work: a broker and what it sees, hosts in namespaces, a download.
packages_demo='
	curl iproute2 iputils-ping mosquitto mosquitto-clients openssl python3
'

# To run every test: unit tests, namespaces, the checks of style and manuals, sanitizers, fuzzing.
packages_test='
	check clang clang-format libclang-rt-14-dev llvm mandoc shellcheck universal-ctags valgrind
	busybox ethtool iproute2 iputils-ping mosquitto mosquitto-clients nftables openssl procps python3
	python3-dissononce python3-nacl python3-paho-mqtt python3-zeroconf
'

# To run over every broker (contrib/check.sh --brokers). The servers are started by the tests alone.
# npm is large, and often there from elsewhere.
packages_brokers='
	ejabberd erlang-base mosquitto mosquitto-clients nats-server rabbitmq-server
'
command -v npm >/dev/null || packages_brokers="$packages_brokers nodejs npm"

# To measure (bench/run): what it runs on, and the programs that it compares with.
packages_bench='
	ethtool iperf3 iproute2 iputils-ping mosquitto openssl python3 python3-matplotlib
	n2n nebula openvpn tinc wireguard-go wireguard-tools
'

say()
{
	printf '%s\n' "== $*"
}

die()
{
	printf '%s\n' "${0##*/}: $*" >&2
	exit 1
}

require_machine()
{
	[ "$(id -u)" -eq 0 ] || die "namespaces and packages need root: sudo $0"
	if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
		die "this is for Debian and its relatives (no apt-get here); README tells what to install"
	fi
	[ -c /dev/net/tun ] ||
		die "/dev/net/tun is missing: modprobe tun, or give it to this container"
	(: <>/dev/net/tun) 2>/dev/null ||
		die "/dev/net/tun may not be opened: in a container, allow that device"
}

require_namespaces()
{
	netns_dir_was_there=yes
	[ -d /run/netns ] || netns_dir_was_there=no
	probe=mqtt-vpn-probe-$$
	ip netns add "$probe" ||
		die "no network namespace can be made (in a container: run it privileged)"
	ip netns delete "$probe"
}

# ip-netns(8) makes that directory and mounts it onto itself.
leave_netns_dir()
{
	if [ "${netns_dir_was_there:-yes}" = no ] && umount /run/netns; then
		rmdir /run/netns
	fi
}

is_installed()
{
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Packages whose servers nobody asked for.
services='ejabberd mosquitto nats-server rabbitmq-server'
policy=/usr/sbin/policy-rc.d
policy_mark='# mqtt-vpnd: put here for the time of one installation'

# Takes our policy away, one that an interrupted run left too; anybody else's stays.
allow_services()
{
	if grep -qsxF "$policy_mark" "$policy"; then
		rm -f "$policy"
	fi
}

# Installing a broker must not start a public one: no service starts while packages are installed.
forbid_services()
{
	[ -e "$policy" ] && return
	printf '#!/bin/sh\n%s\nexit 101\n' "$policy_mark" >"$policy"
	chmod 755 "$policy"
}

# Installs those of its arguments that are missing. Call it before traps that replace its own.
install_packages()
{
	missing=
	for package in "$@"; do
		is_installed "$package" || missing="$missing $package"
	done
	allow_services
	if [ -z "$missing" ]; then
		say "All Debian packages that are needed are installed"
		return
	fi
	say "Installing Debian packages:$missing"
	trap allow_services EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	forbid_services
	apt_get update || die "apt-get update failed"
	# shellcheck disable=SC2086 # a list
	apt_get install --no-install-recommends $missing || die "apt-get could not install:$missing"
	allow_services
	trap - EXIT INT TERM HUP
	for package in $services; do
		case " $missing " in
		*" $package "*) disable_new_service "$package" ;;
		esac
	done
}

apt_get()
{
	DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=120 "$@" </dev/null
}

# The package would start a server for everybody at the next boot.
disable_new_service()
{
	if command -v systemctl >/dev/null; then
		systemctl disable "$1.service" >/dev/null 2>&1 || true
	else
		update-rc.d "$1" disable >/dev/null 2>&1 || true
	fi
	say "The package $1 is new here; its own service was neither started nor enabled"
}

# Sets build to a fresh, empty directory: NAME in the source tree, or in TMPDIR if that is read-only.
make_build_dir()
{
	build=$tree/$1
	if ! rm -rf "$build" 2>/dev/null || ! mkdir "$build" 2>/dev/null; then
		build=${TMPDIR:-/tmp}/mqtt-vpnd-$1
		rm -rf "$build"
		mkdir "$build" || die "no place to build: neither $tree nor $build can be written"
	fi
}

# Copies the source, so that autoreconf writes nothing into the tree, and makes its configure.
copy_source()
{
	mkdir "$build/source"
	(cd "$tree" && tar -cf - --exclude=./.git --exclude='./build-*' --exclude=./build \
		--exclude=./autom4te.cache .) | (cd "$build/source" && tar --no-same-owner -xf -)
	cd "$build/source" || return
	if [ -f config.status ]; then # the tree was built in; its objects would be taken for ours
		make -s distclean >/dev/null 2>&1 || die "run 'make distclean' in $tree first"
	fi
	autoreconf -fi || die "autoreconf failed"
	cd "$tree" || return
}

# What root built must not stand in the way of the tree's owner.
give_build_dir_away()
{
	[ ! -d "${build:-}" ] || chown -R --reference="$tree" "$build"
}
