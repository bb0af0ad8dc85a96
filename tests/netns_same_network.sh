#!/bin/sh
# Two sites that both use 192.168.1.0/24 reach each other: each is seen under a network of its own,
# as the example in mqtt-vpn.conf(5) has it.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

# map N: the LAN behind node N appears as 192.168.10N.0/24.
map()
{
	in_ns "n$1" iptables -t nat -A PREROUTING -i mq0 -d "192.168.10$1.0/24" \
	    -j NETMAP --to 192.168.1.0/24 &&
	    in_ns "n$1" iptables -t nat -A POSTROUTING -o mq0 -s 192.168.1.0/24 \
		-j NETMAP --to "192.168.10$1.0/24"
}

begin
need_daemon
need iptables
node_new 1 2
lan_new n1 home 192.168.1 fd01
lan_new n2 shop 192.168.1 fd02
map 1 2>/dev/null || skip "this kernel has no NETMAP"
map 2
broker_start
for n in 1 2; do
	other=$((3 - n))
	node_conf $n "broker \"$broker\" {}" '' \
	    "$(peer_conf $other "site$other" "routes = {\"192.168.10$other.0/24\"}")"
	node_run $n
done
wait_up n1
wait_up n2
expect_ping home 192.168.102.100
expect_ping shop 192.168.101.100
sum=$(random_file "$tmp/file" 1000000)
serve shop 192.168.1.100 "$tmp/file"
[ "$(fetch home 192.168.102.100)" = "$sum" ] || fail "the download is damaged"
