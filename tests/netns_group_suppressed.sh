#!/bin/sh
# A broker hides from one member all that the key server says: it stops when its lease is over, and
# the others go on.
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119 # what keyd_conf and keyd_start take may be left out

# shellcheck source=tests/attack.sh
. "${srcdir:-$(dirname "$0")/..}/tests/attack.sh"
# shellcheck source=tests/lib_group.sh
. "$srcdir/tests/lib_group.sh"

# What n2 says to n1 comes from the lease that it has.
still_speaks()
{
	tell 2 10.0.1.1 from-2
	may_send 2
}

begin
need_keyd
have_ipv6=no
node_new 1 2 3
broker_start
keyd_conf 'lease = 10'
keyd_start
member_start 1 2 3
listen_at 1 2 3
attacked='1 2 3'
wait_ping n1 10.0.1.2
wait_ping n1 10.0.1.3
wait_ping n2 10.0.1.3

step "n2 hears nothing of the key server, and the key changes"
evil drop 1 topic="$(server_topics)" client=n2
before=$(epoch_of 2)
clock
begun=$now
ctl keyd rotate test
wait_epoch "$(group_epoch)" 1 3
wait_ping n1 10.0.1.3
[ "$(epoch_of 2)" -eq "$before" ] || fail "n2 has the new key: this was no test"

step "it stops when its lease is over"
wait_for 15 may_not_send 2 || fail "n2 may send without a lease"
clock
took=$((now - begun))
echo "after $took ms"
[ $took -lt 11000 ] || fail "n2 could send for $took ms, and its lease is 10 s"
mark
tell 2 10.0.1.1 stopped
expect_counter n2 tx_drop_no_lease
tell 1 10.0.1.255 secret
got 3 secret 1
expect_rise 2 rx_packets 0
got 1 stopped 0
may_send 1 || fail "n1 may not send"
may_send 3 || fail "n3 may not send"

step "the broker behaves, and n2 follows"
evil harmless
wait_for 20 may_send 2 || fail "n2 does not get a new lease"
wait_epoch "$(group_epoch)" 2
wait_ping n1 10.0.1.2
expect_fresh_ids
