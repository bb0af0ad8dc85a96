#!/bin/sh
# A network behind a member of a group: the key server tells the others of it, and whose it is. They
# reach it without a word in their own configuration, and do no more when the member has gone.
#
# SPDX-License-Identifier: ISC

WIRE=psk # of no matter here
srcdir=${srcdir:-$(dirname "$0")/..}
# shellcheck source=tests/lib.sh
. "$srcdir/tests/lib.sh"
# shellcheck source=tests/lib_group.sh
. "$srcdir/tests/lib_group.sh"

begin
need_keyd

has_route()
{
	ip -n "$prefix$1" route show "$2" | grep -q 'dev mq0'
}

has_no_route()
{
	! has_route "$@"
}

node_new 1 2
lan_new n2 site 192.168.5 fd00:5:5:5
broker_start
node_keys
keyd_conf "lease = 10" "$(member_section 1) $(member_section 2 'routes = {"192.168.5.0/24"}')"
keyd_start

step "The member with the network behind it is there first"
member_start 2 1
wait_for 5 has_route n1 192.168.5.0/24 || fail "n1 has no route to the network behind n2"
expect_ping n1 192.168.5.100
expect_ping site 10.0.1.1
[ "$(json n1 peers peers name=n2 routes 0)" = 192.168.5.0/24 ] ||
    fail "n1 does not know what is behind n2"

step "It goes, and the others learn of it with their next lease"
stop n2
wait_for 15 has_no_route n1 192.168.5.0/24 || fail "n1 still has the route"

step "It comes back"
member_start 2
wait_for 15 has_route n1 192.168.5.0/24 || fail "n1 has no route again"
expect_ping n1 192.168.5.100
