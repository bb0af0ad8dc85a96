#!/bin/sh
# A member misses that the key changes: it learns of it within 5 s, and no packet is lost.
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119 # what keyd_conf and keyd_start take may be left out

# shellcheck source=tests/attack.sh
. "${srcdir:-$(dirname "$0")/..}/tests/attack.sh"
# shellcheck source=tests/lib_group.sh
. "$srcdir/tests/lib_group.sh"

# miss CHANGE...: a change of the key of which n2 is not told.
miss()
{
	evil capture clear
	evil capture on type=0x31 client=n2
	evil drop 1 type=0x31 client=n2
	_old=$(group_epoch)
	clock
	_begun=$now
	"$@"
	wait_epoch $((_old + 1)) 2
	clock
	echo "n2 has the new key after $((now - _begun)) ms"
	[ $((now - _begun)) -lt 5000 ] || fail "n2 is without it for longer than 5 s"
	# shellcheck disable=SC2086 # a list
	wait_epoch $((_old + 1)) $members
	[ "$(evil count type=0x31 client=n2)" -eq 1 ] || fail "not one change was withheld"
	evil harmless
}

# n1 speaks, under the new key as soon as its time has come.
has_learnt()
{
	wait_ping n1 10.0.1.2
	[ "$(epoch_of 2)" -eq "$1" ]
}

begin
need_keyd
have_ipv6=no
node_new 1 2 3
broker_start
keyd_conf
keyd_start
member_start 1 2 3
listen_at 1 2 3
members='1 3'
wait_ping n1 10.0.1.2
wait_ping n3 10.0.1.2

step "n2 learns from what others send"
traffic_start to 1 2 1000 200
traffic_start from 2 1 1000 200
traffic_start all 1 255 500 100
wait_for 5 got_all 2 to 50 || fail "n2 gets nothing"
miss ctl keyd rotate test

step "n3 is put out: the key is used at once"
members='1'
miss ctl keyd evict n3
traffic_check to 2
traffic_check from 1
traffic_check all 2

step "nobody sends anything: it learns when one does"
before=$(epoch_of 2)
evil drop 1 type=0x31 client=n2
ctl keyd rotate test
wait_epoch "$(group_epoch)" 1
evil harmless
[ "$(epoch_of 2)" -eq "$before" ] || fail "n2 has the new key: this was no test"
wait_for 5 has_learnt "$(group_epoch)" || fail "n2 has epoch $(epoch_of 2)"
