# broker apply: installs what broker mosquitto made, and has the running broker take it.
#
# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2034,SC2154 # the parts share their variables

# What the archive says of itself.
of_archive()
{
	setting "$work/apply/settings" "$1"
}

# What else is read with our file: its listeners would be open to everyone, or security settings there
# would take hold of ours.
check_conf_dir()
{
	[ "$(of_archive system)" = debian ] || return 0
	for _file in /etc/mosquitto/mosquitto.conf /etc/mosquitto/conf.d/*.conf; do
		{ [ -f "$_file" ] && [ "$_file" != "$(of_archive conf)" ]; } || continue
		_line=$(grep -n -E '^[[:space:]]*(listener|port|bind_address|acl_file|password_file|psk_file|allow_[a-z_]*|auth_[a-z_]*|plugin|per_listener_settings|use_[a-z_]*|require_certificate|cafile|certfile)([[:space:]]|$)' \
		    "$_file" | head -n 1)
		[ -z "$_line" ] ||
		    die "$_file:$_line: such settings outside of our file open the broker, or keep it from starting: take them out, or move the file away"
	done
}

# install_file FROM TO: root's, and the broker's to read; whole from the first moment.
install_file()
{
	if [ -f "$2" ] && cmp -s "$1" "$2" && [ -n "$(find "$2" -perm 640 -group "$group")" ]; then
		return
	fi
	cp "$1" "$2.new"
	chgrp "$group" "$2.new" || die "$2: cannot be given to group $group; run this as root"
	chmod 640 "$2.new"
	mv -f "$2.new" "$2"
	echo "$2" >>"$work/installed"
}

# A directory that only the broker may enter, below one that everyone may.
install_dir()
{
	[ ! -d "$1" ] || return 0
	(umask 022 && mkdir -p "$(dirname "$1")")
	[ -n "${2:-}" ] || {
		(umask 022 && mkdir -p "$1")
		return
	}
	mkdir -p "$1"
	{ chgrp "$group" "$1" && chmod "$2" "$1"; } || die "$1: cannot be given to group $group; run this as root"
}

install_files()
{
	: >"$work/installed"
	install_dir "$(of_archive dir)" 750
	if [ "$(of_archive system)" = other ]; then
		install_dir "$(of_archive dir)/run" 770
	fi
	(cd "$work/apply" && find . -type f) | sed 's|^\.||' | sort >"$work/files"
	while read -r _file; do
		[ "$_file" != /settings ] || continue
		install_dir "$(dirname "$_file")"
		install_file "$work/apply$_file" "$_file"
	done <"$work/files"
}

restart_broker()
{
	case $(of_archive system) in
	debian)
		if [ -d /run/systemd/system ]; then
			systemctl enable mosquitto && systemctl restart mosquitto
		else
			service mosquitto restart
		fi || die "mosquitto does not start; its log tells why (/var/log/mosquitto/mosquitto.log)"
		;;
	openwrt)
		{ /etc/init.d/mosquitto enable && /etc/init.d/mosquitto restart; } ||
		    die "mosquitto does not start: logread -e mosquitto"
		;;
	*)
		if [ -n "$running" ]; then
			did "its configuration is another: end process $running, then: mosquitto -c $(of_archive conf)"
		else
			did "the broker is not running: mosquitto -c $(of_archive conf)"
		fi
		return
		;;
	esac
	did "mosquitto was started anew"
}

# Certificates, the list of revoked ones, ACL and passwords are read again on SIGHUP; listeners are
# not.
reload_broker()
{
	running=$(broker_pid "$(of_archive listen | head -n 1)")
	if [ -z "$running" ] || grep -qxF "$(of_archive conf)" "$work/installed"; then
		restart_broker
	elif [ -s "$work/installed" ]; then
		kill -HUP "$running" || die "process $running, mosquitto, cannot be told to reload; run this as root"
		did "mosquitto (process $running) takes what is new"
	fi
}

run_apply()
{
	archive=$pki/broker/broker.tar
	while [ $# -gt 0 ]; do
		case $1 in
		--from) archive=${2:-} ;;
		*) misused "broker apply: unknown option $1" ;;
		esac
		[ $# -ge 2 ] || misused "--from: expected a file"
		shift 2
	done
	[ -s "$archive" ] || die "$archive is not there: first 'mqtt-vpn-pki broker mosquitto'"
	make_work_dir
	mkdir "$work/apply"
	tar -xf "$archive" -C "$work/apply" || die "$archive cannot be unpacked"
	[ -s "$work/apply/settings" ] || die "$archive is not of 'mqtt-vpn-pki broker mosquitto'"
	group=$(of_archive user)
	grep -q "^$group:" /etc/group ||
	    die "there is no group $group: $(package_of mosquitto)"
	check_conf_dir
	install_files
	sed 's/^/installed /' "$work/installed"
	[ ! -s "$work/installed" ] || did_something=yes
	reload_broker
}
