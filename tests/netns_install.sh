#!/bin/sh
# make install: every file in its place, a configuration that was edited stays; and uninstall.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

need_daemon
need make
[ -f "$builddir/Makefile" ] || skip "no Makefile in $builddir"
tmp=$(mktemp -d "${TMPDIR:-/tmp}/netns_install.XXXXXX")
trap finish EXIT
root=$tmp/root

# A "make" around this one must not hand its job server or variables down.
run_make()
{
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -C "$builddir" DESTDIR="$root" "$@" \
	    >"$tmp/make.log" 2>&1 || fail "make $* failed"
}

# variable NAME: its value in the Makefile, with what it refers to.
variable()
{
	# shellcheck disable=SC2016 # expanded by make
	printf 'include Makefile\nprint-variable:\n\t@echo $(%s)\n' "$1" >"$tmp/variable.mk"
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -C "$builddir" -f "$tmp/variable.mk" \
	    print-variable 2>/dev/null
}

sbin=$root$(variable sbindir)
bin=$root$(variable bindir)
etc=$root$(variable sysconfdir)
man=$root$(variable mandir)
state=$root$(variable localstatedir)/lib/mqtt-vpn-keyd

step "install"
run_make install
for file in "$sbin/mqtt-vpnd" "$sbin/mqtt_vpn" "$sbin/mqtt-vpn-keyd" "$sbin/mqtt-vpn-pki" \
    "$bin/mqtt-vpnctl"; do
	[ -x "$file" ] || fail "$file is not installed"
done
for page in man8/mqtt-vpnd.8 man8/mqtt-vpn-keyd.8 man8/mqtt-vpnctl.8 man8/mqtt-vpn-pki.8 man5/mqtt-vpn.conf.5 \
    man5/mqtt-vpn-keyd.conf.5 man7/mqtt-vpn-protocol.7; do
	[ -s "$man/$page" ] || fail "$page is not installed"
done
for file in "$etc/mqtt-vpn.conf" "$etc/mqtt-vpn-keyd.conf"; do
	[ -f "$file" ] || fail "$file is not installed"
	[ "$(stat -c %a "$file")" = 640 ] || fail "the mode of $file is $(stat -c %a "$file")"
done
for file in mqtt-vpnd mqtt-vpn-keyd; do
	[ -x "$etc/init.d/$file" ] || fail "the init script of $file is not installed"
done
[ "$(stat -c %a "$state")" = 700 ] || fail "others can look into $state"
"$sbin/mqtt-vpnd" -V | grep -q '[0-9]\.[0-9]' || fail "mqtt-vpnd -V"
"$sbin/mqtt-vpn-keyd" -V | grep -q '[0-9]\.[0-9]' || fail "mqtt-vpn-keyd -V"
"$sbin/mqtt-vpn-pki" -V | grep -q "[0-9]\.[0-9]" || fail "mqtt-vpn-pki -V"
"$bin/mqtt-vpnctl" -V | grep -q '[0-9]\.[0-9]' || fail "mqtt-vpnctl -V"
"$sbin/mqtt_vpn" -h 2>&1 | grep -q -e '-t' || fail "mqtt_vpn -h"

step "install again: an edited configuration stays as it is"
echo '# mine' >>"$etc/mqtt-vpn.conf"
sum=$(sha256sum <"$etc/mqtt-vpn.conf")
echo keys >"$state/keys.db"
run_make install
[ "$(sha256sum <"$etc/mqtt-vpn.conf")" = "$sum" ] || fail "the configuration was overwritten"

step "uninstall: only the edited configuration and the keys are left"
run_make uninstall
left=$(find "$root" ! -type d | sort)
[ "$left" = "$(printf '%s\n' "$etc/mqtt-vpn.conf" "$state/keys.db" | sort)" ] ||
    fail "left behind: $left"
