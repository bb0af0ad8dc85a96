#!/bin/sh
# An MQTT 5 property that does not exist: libmosquitto 2.0 meets it with a failed assertion, which
# must not end the daemon.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
forgive_failed_assertions
node_new 1
for where in connack suback publish; do
	step "in the $where"
	hostile_start "bad-$where" 10.99.0.1 bad-property "$where"
	node_conf 1 'broker "mqtt://10.99.0.1" { timeout = 2 }'
	node_run 1
	expect_log "bad-$where" 'CONNECT version=5'
	expect_log "bad-$where" 'closed' 10
	expect_control_fast n1
	alive "$(pid_of n1)" || fail "the daemon is dead"
	stop n1
	[ "$status" -eq 0 ] || fail "the daemon ended with status $status"
	stop "bad-$where" KILL
done
