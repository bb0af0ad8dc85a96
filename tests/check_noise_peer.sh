#!/bin/sh
# The Noise handshakes with another implementation of them, Debian's python3-dissononce.
# SPDX-License-Identifier: ISC

srcdir=${srcdir:-.}
builddir=${builddir:-.}
python=/usr/bin/python3

if ! "$python" -c 'import dissononce' 2>/dev/null; then
	echo "skipped: python3-dissononce is not installed"
	exit 77
fi
if [ ! -x "$builddir/tests/noise_engine" ]; then
	echo "tests/noise_engine.c:1: $builddir/tests/noise_engine is not built"
	exit 1
fi
exec timeout 120 "$python" "$srcdir/tests/noise_peer.py" "$builddir/tests/noise_engine"
