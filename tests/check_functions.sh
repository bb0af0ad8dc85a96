#!/bin/sh
# No function of src/ is longer than 80 lines, and at least 60 % of them are static.
# SPDX-License-Identifier: ISC

cd "${srcdir:-.}" || exit 1

if ! ctags --version 2>/dev/null | grep -q Universal; then
	echo "skipped: universal ctags is not installed"
	exit 77
fi

# Each line: file, first line, last line, "file" if it is static (else "-"), name.
list=$(ctags --quiet=yes --options=NONE -x --languages=C --kinds-C=f --fields=+neSf \
	--_xformat='%F %n %e %f %N' src/*.c) || exit 1
printf '%s\n' "$list" | awk -v most=80 -v least=60 '
NF == 5 {
	count++
	# The return type stands on the line before the name.
	lines = $3 - $2 + 2
	if (lines > most) {
		print $1 ":" $2 ": " $5 " has " lines " lines, expected " most " at most"
		bad = 1
	}
	if ($4 == "file")
		hidden++
}
END {
	if (count == 0) {
		print "src:1: no function found"
		exit 1
	}
	share = int(100 * hidden / count)
	print count " functions, " share " % of them static"
	if (share < least) {
		print "src:1: expected " least " % of the functions to be static"
		bad = 1
	}
	exit bad
}'
