#!/bin/sh
# SIGHUP: peers, routes, forward, log level and brokers change under a connection that lasts; a file
# with an error changes nothing; what needs a restart is named.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
node_new 1 2
broker_start
broker_conf second 10.99.0.2 fd99::2
broker_run second
one='broker "mqtt://10.99.0.1" { timeout = 3 }'
two='broker "mqtt://10.99.0.2" { timeout = 3 }'
node_conf 1 "$one"
node_conf 2 "$one"
node_run 1
node_run 2
wait_up n1
wait_up n2

reload()
{
	_count=$(log_count n1 '[Rr]eload')
	kill -HUP "$(pid_of n1)"
	wait_for 5 log_has_more n1 '[Rr]eload' "$_count" || fail "the log does not tell of the reload"
}

has_route()
{
	ip -n "${prefix}n1" route show dev mq0 | grep -q 192.168.5.0/24
}

lacks_route()
{
	! has_route
}

# Its subscription, as the broker's log has it; on the native wire the topic does not tell.
forward=mqttip/10.0.1.77
[ "$WIRE" = mqtt_vpn ] || forward=' mqttip/'
topics=$(log_count broker "$forward")

step "peers, routes, forward, log level, one broker more"
node_conf 1 "$one $two" '' "log-level = debug forward = {\"10.0.1.77\"}
    $(peer_conf 2 two 'routes = {"192.168.5.0/24"}')"
reload
wait_for 5 has_route || fail "the route is not there"
wait_for 5 log_has_more broker "$forward" "$topics" || fail "no subscription to the forward address"
topics=$(log_count broker "$forward")
json n1 peers peers name=two routes | grep -q -F 192.168.5.0/24 || fail "peers does not show it"
ip -n "${prefix}n1" address add 10.0.1.77/32 dev lo
# Where the peers are listed with their keys, n2 would need a route to it.
[ "$WIRE" = pubkey ] || expect_ping n2 10.0.1.77
ip -n "${prefix}n2" address add 192.168.5.7/32 dev lo
expect_ping n1 192.168.5.7

step "back again"
node_conf 1 "$one"
reload
wait_for 5 lacks_route || fail "the route is still there"
wait_for 5 log_has_more broker "$forward" "$topics" || fail "the subscription is still there"
expect_no_ping n2 10.0.1.77
expect_ping n1 10.0.1.2

step "a file with an error leaves everything as it was"
node_conf 1 "$one" '' "$(peer_conf 2 two 'routes = {"192.168.5.0/33"}')"
reload
logged n1 'n1.conf:[0-9]*: .*expected' || fail "the log does not name file and line"
if ctl n1 reload >"$tmp/reload.out" 2>&1; then
	fail "mqtt-vpnctl reload takes a broken file"
fi
grep -q 'n1.conf:[0-9]' "$tmp/reload.out" || fail "mqtt-vpnctl does not show the error"
expect_ping n1 10.0.1.2

step "what needs a restart is named"
node_conf 1 "$one" 'mtu = 1400' 'topic-prefix = "other"'
reload
logged n1 'restart.*mtu' || fail "the log does not name mtu"
logged n1 'restart.*topic-prefix' || fail "the log does not name topic-prefix"
expect_ping n1 10.0.1.2
ctl n1 log debug >/dev/null || fail "mqtt-vpnctl log"
[ "$(counter n1 connects)" -eq 1 ] || fail "the connection was lost"
[ "$(counter n1 disconnects)" -eq 0 ] || fail "the connection was lost"

step "its broker leaves the list: it changes to the other"
node_conf 1 "$two"
ctl n1 reload >/dev/null || fail "mqtt-vpnctl reload"
wait_up n1
[ "$(json n1 status link broker)" = mqtt://10.99.0.2 ] || fail "n1 is at the old broker"
stop n1
[ "$status" -eq 0 ] || fail "n1 ended with status $status"
