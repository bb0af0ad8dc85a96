#!/bin/sh
# Two nodes with one address: both are told, whichever was there first.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
node_new 1 2
broker_start
node_conf 1 "broker \"$broker\" {}"
cp "$tmp/n1.conf" "$tmp/n2.conf"
for n in 1 2; do
	node_run $n -k secret
	wait_up n$n
done
step "both say so"
expect_log n1 'another node uses our address 10.0.1.1'
expect_log n2 'another node uses our address 10.0.1.1'
expect_counter n1 address_conflicts
expect_counter n2 address_conflicts
ctl n2 status | grep -q 'another node uses our address' || fail "the status does not say it"
step "and do not answer each other for ever"
[ "$(counter n1 probes_sent)" -le 8 ] || fail "n1 sent $(counter n1 probes_sent) probes"
[ "$(log_count n1 'another node')" -eq 1 ] || fail "the log of n1 says it more than once"
