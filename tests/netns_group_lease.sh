#!/bin/sh
# The key server falls silent: the group lives on until the lease is over, and goes on by itself when
# the server is back.
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119 # what keyd_conf and keyd_start take may be left out

# shellcheck source=tests/attack.sh
. "${srcdir:-$(dirname "$0")/..}/tests/attack.sh"
# shellcheck source=tests/lib_group.sh
. "$srcdir/tests/lib_group.sh"

begin
need_keyd
have_ipv6=no
node_new 1 2
broker_start
keyd_conf 'lease = 10'
keyd_start
member_start 1 2
listen_at 1 2
attacked='1 2'
wait_ping n1 10.0.1.2
may_send 1 || fail "n1 may not send"

step "the key server stands still"
kill -s STOP "$(pid_of keyd)"
clock
begun=$now
while clock && [ $((now - begun)) -lt 6000 ]; do # it was renewed no more than a third ago
	wait_ping n1 10.0.1.2
	may_send 1 || fail "n1 may not send before its lease is over"
	sleep 0.5
done

step "the lease is over"
wait_for 6 may_not_send 1 || fail "n1 may send without a lease"
wait_for 6 may_not_send 2 || fail "n2 may send without a lease"
clock
echo "after $((now - begun)) ms"
expect_log n1 'has not renewed the lease: nothing is sent until it does'
warned n1 'the key server has not renewed the lease' || fail "status of n1 does not warn"
is_in 1 || fail "n1 is $(group_state 1), and not in the group"
mark
tell 1 10.0.1.2 unsent
tell 1 10.0.1.255 unsent
expect_counter n1 tx_drop_no_lease
expect_rise 1 tx_drop_no_lease 2
expect_rise 1 tx_packets 0

step "the key server goes on, and so does the group"
clock
begun=$now
kill -s CONT "$(pid_of keyd)"
wait_for 5 may_send 1 || fail "n1 does not get a new lease"
wait_for 5 may_send 2 || fail "n2 does not get a new lease"
clock
echo "after $((now - begun)) ms"
wait_ping n1 10.0.1.2
expect_log n1 'the key server has renewed the lease'
warned n1 lease && fail "status of n1 still warns"
got 2 unsent 0
expect_fresh_ids
[ "$(sender_ids | wc -l)" -eq 2 ] || fail "they joined again, which was not necessary"
