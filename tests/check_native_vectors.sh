#!/bin/sh
# The vectors of the native wire are those that an independent implementation computes.
# SPDX-License-Identifier: ISC

srcdir=${srcdir:-.}
python=/usr/bin/python3

if ! "$python" -c 'import dissononce, nacl' 2>/dev/null; then
	echo "skipped: python3-dissononce, python3-nacl are not installed"
	exit 77
fi
PYTHONDONTWRITEBYTECODE=1 exec "$python" "$srcdir/tests/native_vectors.py" check
