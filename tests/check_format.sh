#!/bin/sh
# Every C file is laid out as .clang-format says.
# SPDX-License-Identifier: ISC

cd "${srcdir:-.}" || exit 1

# Versions differ in details: one of them has to be the judge, that of Debian 12.
wanted=14
for program in clang-format-$wanted clang-format; do
	version=$($program --version 2>/dev/null | sed 's/.*version \([0-9]*\).*/\1/')
	[ "$version" = $wanted ] && break
done
if [ "$version" != $wanted ]; then
	echo "skipped: clang-format $wanted is not installed"
	exit 77
fi

set --
for file in src/*.[ch] tests/*.[ch] fuzz/*.[ch] bench/*.[ch] ./*.[ch]; do
	case $file in
	./config.h) ;;
	*) [ -f "$file" ] && set -- "$@" "$file" ;;
	esac
done
if [ $# -eq 0 ]; then
	echo "src:1: no C file found"
	exit 1
fi
$program --style=file --dry-run -Werror "$@" 2>&1 || exit 1
