#!/bin/sh
# The key server is killed and comes back: members go on talking, newcomers join, and nobody is given
# a sender id that was somebody's.
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119 # what keyd_conf and keyd_start take may be left out

# shellcheck source=tests/attack.sh
. "${srcdir:-$(dirname "$0")/..}/tests/attack.sh"
# shellcheck source=tests/lib_group.sh
. "$srcdir/tests/lib_group.sh"

keyd_kill()
{
	stop keyd KILL
	rm -f "$tmp/keyd.sock"
}

sender_of()
{
	json "n$1" status group sender
}

begin
need_keyd
have_ipv6=no
node_new 1 2 3 4
broker_start
keyd_conf
keyd_start
listen_at 1 2

step "it is away: members go on talking"
member_start 1 2
wait_ping n1 10.0.1.2
first=$(sender_of 1)
traffic_start through 1 2 400 100
wait_for 5 got_all 2 through 20 || fail "n2 gets nothing"
epoch=$(group_epoch)
keyd_kill
member_run 3
expect_log n3 ' up: '
expect_ping n1 10.0.1.2

step "it is back: members are as they were, a newcomer joins"
keyd_start
wait_in 3
has_membership 1 in || fail "the key server has forgotten n1"
[ "$(group_epoch)" -gt "$epoch" ] || fail "the epoch does not grow"
wait_epoch "$(group_epoch)" 1 2 3
wait_ping n3 10.0.1.1
wait_ping n2 10.0.1.3
traffic_check through 2
[ "$(sender_of 1)" = "$first" ] || fail "n1 had to join again"
expect_fresh_ids

step "it is killed while members join, and while the key changes"
for round in 1 2 3; do
	for n in 2 3 4; do
		[ ! -e "$tmp/n$n.pid" ] || stop n$n KILL
		rm -f "$tmp/n$n.sock"
	done
	for n in 2 3 4; do
		before=$(log_count n$n ' up: ')
		member_run $n
	done
	wait_for 5 log_has_more n4 ' up: ' "$before" || fail "n4 does not come up"
	[ $round -ne 2 ] || wait_for 3 is_in 2 || true # the others are still asking then
	[ $round -ne 3 ] || ctl keyd rotate test
	keyd_kill
	keyd_start
	wait_in 2 3 4
	expect_fresh_ids
done
epoch=$(group_epoch)
wait_epoch "$epoch" 1 2 3 4
for n in 2 3 4; do
	wait_ping n1 10.0.1.$n
	[ "$(membership $n sender)" = "$(sender_of $n)" ] || fail "n$n and the key server do not agree"
done
