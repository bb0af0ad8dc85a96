#!/bin/sh
# A broker that repeats, changes and redirects what members and key server say to each other: nothing
# of that arrives, nobody is put out by it, and what it did not change still arrives, once.
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119 # what keyd_conf and keyd_start take may be left out

# shellcheck source=tests/attack.sh
. "${srcdir:-$(dirname "$0")/..}/tests/attack.sh"
# shellcheck source=tests/lib_group.sh
. "$srcdir/tests/lib_group.sh"

# maltreat FILTER...: all that can be done to what was captured, but for delivering it as it is.
maltreat()
{
	for _way in flip truncate retain qos; do
		evil $_way "$@" >/dev/null
	done
}

# redirect N FILTER...: to nN, too, and back to where it came from.
redirect()
{
	_there=$(topic_of "n$1")
	shift
	evil reroute "$@" "$_there" >/dev/null
	evil reflect "$@" >/dev/null
}

# topic_of CLIENT: what others write to it alone by, with the part of the key server as the sender's.
topic_of()
{
	evil clients | awk -v id="$1" '
		$1 == "keyd" { split($2, keyd, "/") }
		$1 == id { split($2, level, "/") }
		END { print level[1] "/" level[2] "/" level[3] "/" keyd[3] }'
}

# Who is in, and as whom: what no attack may change.
standing()
{
	for _n in $attacked; do
		echo "n$_n $(group_state "$_n") $(json "n$_n" status group sender)" \
		    "$(membership "$_n" state) $(membership "$_n" sender)"
	done
}

# as_before: nobody was put out, had to join again, or died.
as_before()
{
	standing >"$tmp/standing.now"
	diff "$tmp/standing" "$tmp/standing.now" >&2 || fail "somebody is not who it was"
	for _n in $attacked; do
		for _other in $attacked; do
			[ "$_n" -eq "$_other" ] || expect_ping "n$_n" "10.0.1.$_other" 1
		done
	done
}

# look_up ADDRESS: n2 asks the key server who that is.
look_up()
{
	tell 2 "$1" anybody
}

begin
need_keyd
"$python" -c 'import nacl' 2>/dev/null || skip "python3-nacl is missing"
have_ipv6=no
node_new 1 2 3
broker_start
keyd_conf
keyd_start
listen_at 1 2 3
attacked='1 2 3'
evil capture on
member_start 1 2 3
evil capture off
for from in 1 2 3; do
	for to in 1 2 3; do
		[ $from -eq $to ] || wait_ping n$from 10.0.1.$to
	done
	tell $from 10.0.1.255 hello # so that all have floors
done
for n in 1 2 3; do
	wait_for 5 got_at_least $n hello 2 || fail "n$n did not hear two others"
done
standing >"$tmp/standing"

step "how they joined: handshakes, what was asked and answered"
for filter in type=0x01 type=0x02 type=0x03 type=0x30 type=0x31; do
	! captured $filter || maltreat $filter last=3
	! captured $filter || evil replay $filter 2 >/dev/null
done
redirect 3 type=0x01 last=1
redirect 3 type=0x02 last=1
as_before

step "what a member says to one"
filter='type=0x21 client=n2'
# shellcheck disable=SC2086 # lists of words
{
	withhold 1 10.0.1.2 one $filter
	maltreat $filter
	redirect 3 $filter
	evil patch $filter 4 00000003 >/dev/null # in the name of n3
	evil patch $filter 8 ffffffffffffffff >/dev/null
	evil patch $filter 16 7fffffff >/dev/null # of an epoch to come
	settle 2 3
	got 2 one 0
	evil replay $filter 3 >/dev/null
	got 2 one 1
}
got 1 one 0
got 3 one 0
as_before

step "what a member says to all"
filter='type=0x20 client=n2'
# shellcheck disable=SC2086 # lists of words
{
	withhold 1 10.0.1.255 all $filter
	maltreat $filter
	evil reroute $filter "$(topic_of n3)" >/dev/null
	evil patch $filter 4 00000003 >/dev/null
	evil patch $filter 8 ffffffffffffffff >/dev/null
	evil patch $filter 16 7fffffff >/dev/null
	settle 2 3
	got 2 all 0
	evil replay $filter 3 >/dev/null
	got 2 all 1
}
got 3 all 1
as_before

step "what the key server says to one, and is told"
evil capture clear
evil capture on type=0x30
look_up 10.0.1.77
wait_for 5 captured type=0x30 client=n2 || fail "the key server does not answer"
evil capture off
maltreat type=0x30 client=n2
maltreat type=0x30 client=keyd
redirect 3 type=0x30 client=n2
evil replay type=0x30 3 >/dev/null
as_before

step "what the key server says to all"
epoch=$(group_epoch)
evil capture clear
evil capture on type=0x31 client=n2
evil drop 1 type=0x31 client=n2
ctl keyd rotate test
wait_for 5 captured type=0x31 client=n2 || fail "the key server does not tell of the change"
evil harmless
maltreat type=0x31 client=n2
topic=$(evil list type=0x31 client=n2 | awk 'NR == 2 { print $4 }')
forged=$("$python" -c '
import nacl.signing, sys
body = bytes.fromhex(sys.argv[1])[:-64]
print((body + nacl.signing.SigningKey.generate().sign(body).signature).hex())
' "$(evil show type=0x31 client=n2)")
evil inject "$topic" "$forged" >/dev/null # by a member, who knows the topic
wait_epoch $((epoch + 1)) 1 3
[ "$(epoch_of 2)" -eq "$epoch" ] || fail "n2 took what nobody said"
evil replay type=0x31 client=n2 3 >/dev/null
wait_epoch $((epoch + 1)) 2
as_before
[ "$(epoch_of 2)" -eq $((epoch + 1)) ] || fail "n2 has epoch $(epoch_of 2)"

step "all of it was for nothing"
for n in 1 2 3; do
	kill -0 "$(pid_of n$n)" || fail "n$n died"
	wait_epoch $((epoch + 1)) $n
	log_has_more n$n 'joined, sender id' 1 && fail "n$n had to join again"
done
expect_ping n1 10.0.1.2 1
