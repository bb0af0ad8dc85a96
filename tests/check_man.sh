#!/bin/sh
# The manual pages are clean mdoc, and none forgets an option, a key or a command: each of them has
# an item (.It) of its own in its page.
# SPDX-License-Identifier: ISC

cd "${srcdir:-.}" || exit 1

if ! command -v mandoc >/dev/null; then
	echo "skipped: mandoc is not installed"
	exit 77
fi
status=0

for page in man/*.[1-9]; do
	output=$(mandoc -T lint -W warning "$page") && continue
	printf '%s\n' "$output" | sed 's/^mandoc: //'
	status=1
done

# check_items SOURCE PAGE WHAT: each line of the file $words must be an item of the page. For an
# option, -x or --word, that is "Fl x" or "Fl -word".
check_items()
{
	if [ ! -f "$2" ]; then
		echo "$2:1: is missing"
		status=1
		return
	fi
	sed -n 's/\\-/-/g; s/^\.It //p' "$2" | awk -v source="$1" -v page="$2" -v what="$3" '
	FILENAME == "-" {
		for (i = 1; i <= NF; i++) {
			gsub(/"/, "", $i)
			item[(i > 1 && $(i - 1) == "Fl" ? "-" : "") $i]
		}
		next
	}
	{
		count++
		if (!($1 in item)) {
			print page ":1: " what " " $1 " of " source " has no item"
			bad = 1
		}
	}
	END {
		if (count == 0) {
			print source ":1: found no " what " to look for in " page
			bad = 1
		}
		exit bad
	}' - "$words" || status=1
}

# The options that the help text on standard input tells of: lines such as "  -c, --config=FILE  ...".
options_of()
{
	sed -n 's/^[^"]*"  *\(-[^ ].*\)/\1/p' | awk '
	{
		for (i = 1; i <= 2 && $i ~ /^-/; i++) {
			sub(/[^-A-Za-z0-9].*/, "", $i)
			print $i
		}
	}'
}

words=$(mktemp) || exit 1
trap 'rm -f "$words"' EXIT

# help_of NAME: the help text of this name in src/options.c.
help_of()
{
	sed -n "/^static const char $1\[\] =/,/;\$/p" src/options.c
}

{ help_of new_help; help_of old_help; } | options_of >"$words"
check_items src/options.c man/mqtt-vpnd.8 option
help_of keyd_help | options_of >"$words"
check_items src/options.c man/mqtt-vpn-keyd.8 option

options_of <src/vpnctl.c >"$words"
check_items src/vpnctl.c man/mqtt-vpnctl.8 option

# Rows of the table commands[], such as {"status", ...}.
sed -n '/commands\[\] = {/,/^};/s/^[ \t]*{"\([a-z-]*\)",.*/\1/p' src/vpnctl.c >"$words"
check_items src/vpnctl.c man/mqtt-vpnctl.8 command

# keys_of PROGRAM: rows such as {SETTINGS_BROKER, "ca-file", BOTH, ...}.
keys_of()
{
	cat src/settings*.c |
	    sed -n "s/^[ \t]*{SETTINGS_[A-Z_]*, \"\([a-z-]*\)\", \($1\|BOTH\),.*/\1/p"
}

keys_of VPND >"$words"
check_items 'src/settings*.c' man/mqtt-vpn.conf.5 key
keys_of KEYD >"$words"
check_items 'src/settings*.c' man/mqtt-vpn-keyd.conf.5 key

# The commands of the help text, and the options that case labels and the list of settings name.
tr '\t' ' ' <contrib/pki/main.sh | sed -n 's/^    \([a-z][a-z]*\) .*   .*/\1/p' | sort -u >"$words"
check_items contrib/pki/main.sh man/mqtt-vpn-pki.8 command
{
	cat contrib/pki/*.sh | tr '\t' ' ' | sed -n 's/^ *\(--[a-z][a-z |-]*\)).*/\1/p' | tr '|' '\n' | tr -d ' '
	sed -n "s/^setting_keys='\(.*\)'/\1/p" contrib/pki/init.sh | tr ' ' '\n' | sed 's/^/--/'
} | sort -u >"$words"
check_items 'contrib/pki/*.sh' man/mqtt-vpn-pki.8 option

exit $status
