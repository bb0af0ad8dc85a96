#!/bin/sh
# aedes, a broker for Node.js, from npm.
# SPDX-License-Identifier: ISC

# shellcheck disable=SC2034 # for lib.sh
WIRE=psk
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"
# shellcheck source=tests/lib_brokers.sh
. "$srcdir/tests/lib_brokers.sh"
# shellcheck source=tests/lib_aedes.sh
. "$srcdir/tests/lib_aedes.sh"

single
