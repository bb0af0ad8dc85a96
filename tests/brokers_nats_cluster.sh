#!/bin/sh
# A cluster of three nats-servers, with JetStream.
# SPDX-License-Identifier: ISC

# shellcheck disable=SC2034 # for lib.sh
WIRE=psk
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"
# shellcheck source=tests/lib_brokers.sh
. "$srcdir/tests/lib_brokers.sh"
# shellcheck source=tests/lib_nats.sh
. "$srcdir/tests/lib_nats.sh"

name="$name, cluster of three"
clustered=yes
moved_ms=15000

cluster
