# shellcheck shell=sh disable=SC2119
# A member is put out while others talk: tests/netns_group_evict_METHOD.sh, one for each method.
# Sourced.
#
# SPDX-License-Identifier: ISC

# shellcheck source=tests/attack.sh
. "${srcdir:-$(dirname "$0")/..}/tests/attack.sh"
# shellcheck source=tests/lib_group.sh
. "$srcdir/tests/lib_group.sh"

# n3 goes on sending to n1 until that does not take it any more.
is_not_taken()
{
	_number=$((_number + 1))
	tell 3 10.0.1.1 "late-$_number"
	[ "$(rise 1 rx_drop_epoch)" -gt 0 ]
}

# What is said to all first is lost on who was started anew.
hears_all()
{
	tell 1 10.0.1.255 before-all
	logged udp3 ' before-all$'
}

rejected()
{
	[ "$(rise 1 rx_drop_epoch)" -ge "$1" ]
}

begin
need_keyd
have_ipv6=no
node_new 1 2 3
broker_start
case $METHOD in
slotted) keyd_conf 'slot = 1' ;;
*) keyd_conf ;;
esac
keyd_start
listen_at 1 2 3
attacked='1 2 3'
member_start 1 2 3
wait_ping n1 10.0.1.2
wait_ping n1 10.0.1.3
wait_ping n2 10.0.1.3

step "n3 is put out, and the key changes again and again, while n1 and n2 talk"
mark
traffic_start fast 1 2 3000 1000
traffic_start slow 2 1 600 200
traffic_start all 1 255 300 100
wait_for 5 got_all 2 fast 100 || fail "n2 gets nothing"
epoch=$(group_epoch)
ctl keyd evict n3
expect_out 3 evicted
wait_epoch $((epoch + 1)) 1 2
for _ in 1 2 3; do
	epoch=$(group_epoch)
	ctl keyd rotate test
	wait_epoch $((epoch + 1)) 1 2
done
[ "$(group_state 3)" = out ] || fail "n3 is $(group_state 3), not out"
wait_membership 3 evicted
read_by_3=$(log_count udp3 ' all-')
mark
tell 3 10.0.1.1 from-outside
tell 3 10.0.1.255 from-outside
expect_rise 3 tx_packets 0
traffic_check fast 2
traffic_check slow 1
traffic_check all 2
[ "$(log_count udp3 ' all-')" -eq "$read_by_3" ] || fail "n3 reads on"
got 1 from-outside 0

step "it may not come back until it is let in"
stop n3
member_run 3
expect_log n3 'not in: the key server says: put out by the administrator' 10
ctl keyd admit n3
wait_in 3
wait_ping n1 10.0.1.3
expect_fresh_ids

step "a broker hides from n3 that it is put out: it keeps its keys, which are of no use"
expect_ping n3 10.0.1.1 1
wait_ping n2 10.0.1.3
wait_for 5 hears_all || fail "n3 does not hear what n1 says to all"
before=$(epoch_of 3)
evil drop 1 type=0x30 client=n3
evil hold on type=0x31 client=n3
ctl keyd evict n3
wait_epoch "$(group_epoch)" 1 2
mark
clock
begun=$now
tell 1 10.0.1.255 secret-all
tell 1 10.0.1.3 secret
tell 3 10.0.1.255 parting-all
_number=0
wait_for 8 is_not_taken || fail "n1 goes on reading what n3 sends"
clock
took=$((now - begun))
echo "n1 took messages of n3 for $took ms more"
[ $took -lt 6000 ] || fail "longer than 5 s"
[ "$(group_state 3)" = in ] || fail "n3 knows of it: this was no test"
[ "$(epoch_of 3)" = "$before" ] || fail "n3 has the new key"
mark
for n in 1 2 3; do
	tell 3 10.0.1.1 "too-late-$n"
done
wait_for 5 rejected 3 || fail "n1 does not drop what n3 sends"
expect_rise 1 rx_drop_epoch 3
tell 1 10.0.1.255 secret-again
tell 1 10.0.1.3 secret-again
got 2 secret-all 1
got 2 secret-again 1
got 1 'too-late-[0-9]' 0
got 3 'secret.*' 0
expect_rise 3 rx_packets 0
expect_ping n1 10.0.1.2 1
