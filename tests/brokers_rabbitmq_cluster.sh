#!/bin/sh
# A cluster of three rabbitmq-servers with the plugin for MQTT. Two would not do: the plugin wants a
# majority of the nodes before it takes a new client.
# SPDX-License-Identifier: ISC

# shellcheck disable=SC2034 # for lib.sh
WIRE=psk
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"
# shellcheck source=tests/lib_brokers.sh
. "$srcdir/tests/lib_brokers.sh"
# shellcheck source=tests/lib_rabbitmq.sh
. "$srcdir/tests/lib_rabbitmq.sh"

name="$name, cluster of three"
clustered=yes

cluster
