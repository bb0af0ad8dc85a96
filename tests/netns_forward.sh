#!/bin/sh
# Networks behind nodes: an address that a node receives for a host in its LAN, site to site, and a
# default route through a peer that keeps the broker outside of the tunnel.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
node_new 1 2
lan_new n1 lan1 172.16.0 fd16
lan_new n2 lan2 192.168.5 fd05
broker_start
broker="broker \"mqtt://10.99.0.1\" { timeout = 3 }"
sum=$(random_file "$tmp/file" 1000000)

# Where the peers are listed with their keys, an address behind one of them is a route instead.
if [ "$WIRE" != pubkey ]; then
	step "forward: n2 reaches a host behind n1 that knows nothing of the VPN"
	ip -n "${prefix}lan1" route del default
	masquerade n1 lan0
	node_conf 1 "$broker" '' 'forward = {"172.16.0.100"}'
	node_conf 2 "$broker"
	node_run 1
	node_run 2
	wait_up n1
	wait_up n2
	expect_no_ping n2 172.16.0.100
	ip -n "${prefix}n2" route add 172.16.0.100/32 dev mq0
	expect_ping n2 172.16.0.100
	expect_download n2 lan1 172.16.0.100 "$tmp/file" "$sum"
	stop n1
	stop n2
	ip -n "${prefix}lan1" route add default via 172.16.0.1
fi

step "site to site: the hosts behind both nodes reach each other"
networks_one='"172.16.0.0/24"'
networks_two='"192.168.5.0/24"'
if [ "$have_ipv6" = yes ]; then
	networks_one="$networks_one, \"fd16::/64\""
	networks_two="$networks_two, \"fd05::/64\""
fi
node_conf 1 "$broker" '' "$(peer_conf 2 two "routes = {$networks_two}")"
node_conf 2 "$broker" '' "$(peer_conf 1 one "routes = {$networks_one}")"
node_run 1
node_run 2
wait_up n1
wait_up n2
expect_ping lan1 192.168.5.100
expect_ping lan2 172.16.0.1
if [ "$have_ipv6" = yes ]; then
	expect_ping lan1 fd05::100
	expect_ping lan2 fd16::100
fi
expect_download lan1 lan2 192.168.5.100 "$tmp/file" "$sum"
[ "$(json n1 peers peers name=two configured)" = true ] || fail "peers does not show two"
stop n1
ip -n "${prefix}n1" route show | grep -q 192.168.5 && fail "the route is left behind"

step "a default route through n2; the broker is reached as before"
ip -n "${prefix}lan2" address add 198.51.100.1/32 dev lo
ip -n "${prefix}n2" route add 198.51.100.1/32 via 192.168.5.100
rules=$(ip -n "${prefix}n1" rule show)
node_conf 1 "$broker" '' "$(peer_conf 2 two 'routes = {"0.0.0.0/0"}')"
node_run 1
wait_up n1
expect_ping n1 198.51.100.1
expect_ping n1 10.99.1.1
expect_download n1 lan2 198.51.100.1 "$tmp/file" "$sum"
wait_up n1 1
[ "$(counter n1 connects)" -eq 1 ] || fail "the connection to the broker did not last"

step "also when the broker was away"
stop broker KILL
wait_down n1
broker_run broker
wait_up n1
wait_up n2
expect_ping n1 198.51.100.1
stop n1
[ "$(ip -n "${prefix}n1" rule show)" = "$rules" ] || fail "routing rules are left behind"
expect_no_ping n1 198.51.100.1
