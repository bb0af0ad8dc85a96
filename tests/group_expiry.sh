# shellcheck shell=sh disable=SC2119
# Memberships that end: a member joins again before its time is over, and loses nothing by it. Who is
# not in the configuration any more is out at once; and who has had its slots does not speak.
# tests/netns_group_expiry_METHOD.sh. Sourced.
#
# SPDX-License-Identifier: ISC

# shellcheck source=tests/attack.sh
. "${srcdir:-$(dirname "$0")/..}/tests/attack.sh"
# shellcheck source=tests/lib_group.sh
. "$srcdir/tests/lib_group.sh"

# members [N...]: the sections of n1, of n2, who has 4 s each time, and of the others.
members()
{
	member_section 1
	member_section 2 'longest = 4'
	for _other; do
		member_section "$_other"
	done
}

joined_more()
{
	[ "$(log_count "n$1" 'goes on as sender id')" -gt "$2" ]
}

is_silent()
{
	mark
	tell 2 10.0.1.255 silent
	[ "$(rise 2 'tx_drop_.*')" -gt 0 ]
}

# With slots, the keys themselves have an end.
no_more_time()
{
	step "the key server gives n2 no more time: it falls silent, and reads nothing"
	kill -s STOP "$(pid_of keyd)"
	attacked='1 2'
	wait_for 8 is_silent || fail "n2 speaks on when its time is over"
	wait_for 8 is_deaf || fail "n2 reads on when its time is over"
	kill -s CONT "$(pid_of keyd)"
	wait_ping n1 10.0.1.2
}

# Messages are taken for 5 s more.
is_deaf()
{
	mark
	tell 1 10.0.1.255 unheard
	[ "$(rise 2 rx_drop_epoch)" -gt 0 ]
}

begin
need_keyd
have_ipv6=no
node_new 1 2 3
broker_start
node_keys
listen_at 1 2 3
step "n2 joins again before its time is over"
settings=
[ "$METHOD" != slotted ] || settings='slot = 1'
keyd_conf "$settings" "$(members 3)"
keyd_start
member_start 1 2 3
wait_ping n1 10.0.1.2
wait_ping n3 10.0.1.2
count=$(log_count n2 'goes on as sender id')
traffic_start to 1 2 1000 200
traffic_start from 2 1 1000 200
traffic_check to 2
traffic_check from 1
joined_more 2 "$count" || fail "n2 has not joined again: this was no test"
expect_fresh_ids

step "n3 is not in the configuration any more"
epoch=$(group_epoch)
keyd_conf "$settings" "$(members)"
kill -s HUP "$(pid_of keyd)"
expect_out 3 'not allowed any more'
wait_epoch $((epoch + 1)) 1 2
wait_ping n1 10.0.1.2
[ "$METHOD" = update ] || no_more_time
