#!/bin/sh
# mosquitto with passwords and an ACL.
# SPDX-License-Identifier: ISC

# shellcheck disable=SC2034 # for lib.sh
WIRE=psk
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"
# shellcheck source=tests/lib_brokers.sh
. "$srcdir/tests/lib_brokers.sh"
# shellcheck source=tests/lib_mosquitto.sh
. "$srcdir/tests/lib_mosquitto.sh"

single
