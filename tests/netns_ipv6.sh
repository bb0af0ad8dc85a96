#!/bin/sh
# IPv6 inside the tunnel and outside, alone and together with IPv4.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
[ "$have_ipv6" = yes ] || skip "this system has no IPv6"
node_new 1 2 3
broker_start
sum=$(random_file "$tmp/file" 2000000)

step "IPv6 inside, IPv4 to the broker"
node_start 1 -k secret
node_start 2 -k secret
wait_up n1
wait_up n2
expect_ping n1 fd00:6d71::2
expect_ping n2 fd00:6d71::1
expect_download n1 n2 fd00:6d71::2 "$tmp/file" "$sum"

step "IPv6 to the broker as well; a node without IPv4; the length in -p"
stop n1
broker='mqtt://[fd99::1]:1883'
node_start 1 -k secret
wire_start 3 -i mq0 -6 fd00:6d71:0::3 -p 60 -b "$broker" -k secret
wait_up n1
wait_up n3
ip -n "${prefix}n3" -6 address show dev mq0 | grep -q -F fd00:6d71::3/60 ||
    fail "n3 does not have its address"
expect_ping n1 fd00:6d71::2
expect_ping n1 10.0.1.2
expect_ping n3 fd00:6d71::1
expect_ping n2 fd00:6d71::3
