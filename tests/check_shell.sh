#!/bin/sh
# Every shell script parses, and shellcheck has nothing to say.
# SPDX-License-Identifier: ISC

cd "${srcdir:-.}" || exit 1

if ! command -v shellcheck >/dev/null; then
	echo "skipped: shellcheck is not installed"
	exit 77
fi

status=0
for file in contrib/*.sh contrib/pki/*.sh contrib/init.d/* contrib/openwrt/*.init tests/*.sh bench/*.sh .ci/run; do
	[ -f "$file" ] || continue
	case $(head -n 1 "$file") in
	*bash*) dialect='bash' ;;
	*) dialect='sh' ;;
	esac
	# Its message names file and line by itself.
	$dialect -n "$file" 2>&1 || status=1
	# SC2119: what a function takes may be left out.
	shellcheck --exclude=SC2119 --norc --shell=$dialect --format=gcc --external-sources "$file" || status=1
done
exit $status
