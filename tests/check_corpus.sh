#!/bin/sh
# Runs each fuzz target over its corpus, whether libFuzzer or fuzz/replay.c is linked to it.
# SPDX-License-Identifier: ISC

srcdir=${srcdir:-.}
builddir=${builddir:-.}
status=0

for source in "$srcdir"/fuzz/fuzz_*.c; do
	name=${source##*/fuzz_}
	name=${name%.c}
	corpus=$srcdir/fuzz/corpus/$name
	program=$builddir/fuzz/fuzz_$name
	if [ -z "$(ls "$corpus" 2>/dev/null)" ]; then
		echo "$source:1: fuzz/corpus/$name is empty or missing"
		status=1
	elif [ ! -x "$program" ]; then
		echo "$source:1: $program is not built"
		status=1
	elif ! "$program" -runs=0 "$corpus"; then
		echo "$source:1: fails on its corpus"
		status=1
	fi
done
exit $status
