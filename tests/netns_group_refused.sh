#!/bin/sh
# Who is not let in learns why, and so does who looks at the key server.
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119 # what keyd_conf and keyd_start take may be left out

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"
# shellcheck source=tests/lib_group.sh
. "$srcdir/tests/lib_group.sh"

# expect_refused N REASON: the member, its status and the key server say so.
expect_refused()
{
	expect_out "$1" "$2" 10
	ctl "n$1" status | grep -q "the key server says: .*$2" || fail "status of n$1 does not say it"
	expect_log keyd "n$1: .*refused: .*$2"
}

silent()
{
	warned "n$1" 'the key server has not answered'
}

begin
need_keyd
have_ipv6=no
node_new 1 2 3 4
broker_start
node_keys
other=$("$vpnctl" genkey | "$vpnctl" pubkey)
keyd_conf 'lease = 10' "
	key-group \"cellar\" { }
	$(member_section 1 'groups += {"cellar"}')
	member \"n2\" {
		public-key = \"$(cat "$tmp/node-2.pub")\" groups = {\"cellar\"} address = {\"10.0.1.2\"}
	}
	member \"n3\" {
		public-key = \"$(cat "$tmp/node-3.pub")\" groups = {\"test\"} address = {\"10.0.1.33\"}
	}"
keyd_start

step "a key that the server does not know, and a server that is not there"
member_run 4
in_silence=$(cat "$tmp/keyd.pub")
echo "$other" >"$tmp/keyd.pub"
member_run 1
echo "$in_silence" >"$tmp/keyd.pub"

step "a group that is not for this member"
member_run 2
expect_refused 2 'not allowed'

step "a group that there is not"
stop n2
member_run 2 'group-name = "attic"'
expect_refused 2 'there is no such group'

step "an address that is not this member's"
member_run 3
expect_refused 3 'address 10.0.1.3 is not one of this member.s: allowed are 10.0.1.33'

step "nothing comes from the key server: why that may be"
for n in 4 1; do
	wait_for 15 silent $n || fail "status of n$n does not warn"
	expect_log n$n 'the key server has not answered.*does it know our public key'
done
expect_log keyd "no member: its public key is $(cat "$tmp/node-4.pub")"
[ "$(log_count keyd 'is no member:')" -eq 1 ] || fail "the key server says it again and again"

step "what was put right is noticed by itself"
member_section 4 >>"$tmp/keyd.conf"
sed -i 's/10\.0\.1\.33/10.0.1.3/' "$tmp/keyd.conf"
ctl keyd reload
wait_in 4 3
if silent 4; then
	fail "status of n4 still warns"
fi

step "a node with the key of another"
cp "$tmp/node-3.key" "$tmp/node-2.key"
stop n2
member_run 2
for n in 2 3; do
	wait_for 10 warned "n$n" 'another node uses our private key' ||
	    fail "status of n$n does not warn"
	expect_log "n$n" 'another node uses our private key'
done
