# shellcheck shell=sh disable=SC2119
# A group from its first members to a newcomer that goes again: tests/netns_group_METHOD.sh, one for
# each method. Sourced.
#
# SPDX-License-Identifier: ISC

# shellcheck source=tests/attack.sh
. "${srcdir:-$(dirname "$0")/..}/tests/attack.sh"
# shellcheck source=tests/lib_group.sh
. "$srcdir/tests/lib_group.sh"

peer_name()
{
	json "n$1" peers peers "addresses=10.0.1.$2" name
}

slot_above()
{
	[ "$(json keyd groups groups name=test slot)" -gt "$1" ]
}

# What was sent to n2, and to all, before n4 was there, is brought to n4.
bring_the_past()
{
	evil reroute type=0x21 client=n2 "$1" >/dev/null
	evil inject "$(evil list type=0x20 client=n2 | awk 'NR == 2 { print $4 }')" \
	    "$(evil show type=0x20 client=n2)" client=n4 >/dev/null
	settle 4
}

begin
need_keyd
node_new 1 2 3 4
broker_start
case $METHOD in
slotted) keyd_conf 'slot = 1' ;;
*) keyd_conf ;;
esac
keyd_start

step "three members reach each other"
listen_at 1 2 3 4
member_start 1 2 3
for from in 1 2 3; do
	for to in 1 2 3; do
		[ $from -ne $to ] || continue
		wait_ping n$from 10.0.1.$to
		[ "$have_ipv6" = no ] || wait_ping n$from fd00:6d71::$to
		[ "$(peer_name $from $to)" = n$to ] || fail "n$from does not know n$to by its name"
	done
done
[ "$(json n1 status group name)" = test ] || fail "n1 does not name its group"
[ "$(json n1 status group sender)" = "$(membership 1 sender)" ] || fail "not the sender id of n1"
[ "$(epoch_of 1)" = "$(group_epoch)" ] || fail "not the epoch of the group"

step "what goes to all reaches each other member once"
tell 1 10.0.1.255 one-to-all
tell 2 10.0.1.255 two-to-all
for n in 2 3; do
	got $n one-to-all 1
done
got 1 two-to-all 1
got 3 two-to-all 1

step "a download"
sum=$(random_file "$tmp/file" 5000000)
expect_download n2 n1 10.0.1.1 "$tmp/file" "$sum"

step "a newcomer reaches everybody, and cannot read the past"
attacked='1 2 3'
evil capture on client=n2
tell 1 10.0.1.2 past
tell 1 10.0.1.255 past-all
got 2 past 1
got 2 past-all 1
evil capture off
present=$(json keyd groups groups name=test slot)
[ -z "$present" ] || wait_for 5 slot_above "$present" || fail "time stands still"
member_start 4
wait_ping n4 10.0.1.1
evil capture on client=n4
wait_ping n1 10.0.1.4
evil capture off
wait_ping n4 10.0.1.2
[ "$have_ipv6" = no ] || wait_ping n4 fd00:6d71::3
# With the method update, what goes to all uses the key that it has a second later.
hears_all()
{
	tell 1 10.0.1.255 calling
	logged udp4 calling
}
wait_for 5 hears_all || fail "n4 does not read what goes to all"
tell 1 10.0.1.255 present-all
got 4 present-all 1
topic4=$(topic_to 4)
attacked='1 2 3 4'
mark
if [ "$METHOD" = static ]; then # what went to all, it may read
	evil reroute type=0x21 client=n2 "$topic4" >/dev/null
	settle 4
	expect_rise 4 rx_drop_auth 1
else
	bring_the_past "$topic4"
	expect_rise 4 rx_drop_epoch 2
	got 4 past-all 0
fi
got 4 past 0
got 2 past 1

step "it is killed, comes back under another sender id, and is reached at once"
stop n4 KILL
rm "$tmp/n4.sock"
evil drop 1 type=0x20 # nobody is to learn of it from what it says to all
mark
member_start 4
wait_ping n1 10.0.1.4 # it asks the key server once a second at the most
[ "$(rise 1 notices_received)" -gt 0 ] || fail "n1 was not told that n4 is somebody else now"
evil harmless
wait_ping n3 10.0.1.4
wait_ping n4 10.0.1.2
expect_fresh_ids

step "it leaves: the key server knows at once"
epoch=$(group_epoch)
stop n4
wait_membership 4 out 3
if [ "$METHOD" = static ]; then
	[ "$(group_epoch)" = "$epoch" ] || fail "the key changed"
else
	wait_epoch $((epoch + 1)) 1 2 3
fi
for n in 2 3; do
	expect_ping n1 10.0.1.$n 1
done
