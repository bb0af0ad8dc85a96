#!/bin/sh
# Ten thousand members join, renew and ask at about the cost of a thousand, each. Where each of them
# is looked at, it is ten times that. On a machine that others use it may take a second try.
#
# SPDX-License-Identifier: ISC

program=${builddir:-.}/bench/keyserver
if grep -q __asan_init "$program"; then
	echo "SKIP: under a sanitizer figures of time mean nothing"
	exit 77
fi
for _ in 1 2; do
	"$program" 5 && exit 0
done
exec "$program" 5
