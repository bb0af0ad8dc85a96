#!/bin/sh
# Several brokers are tried in order, at once, starting over after the last; also one on a unix
# socket, and by a name from the hosts file.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
node_new 1 2
broker_conf first 10.99.0.1 fd99::1
broker_conf second 10.99.0.2 fd99::2
cat >>"$tmp/second.conf" <<END
listener 0 $tmp/mosquitto.sock
allow_anonymous true
END
both='broker "mqtt://broker-one.test" { timeout = 3 } broker "10.99.0.2:1883" { timeout = 3 }'
mkdir -p "/etc/netns/${prefix}n1"
printf '127.0.0.1 localhost\n10.99.0.1 broker-one.test\n' >"/etc/netns/${prefix}n1/hosts"
node_conf 1 "$both"
node_conf 2 "broker \"unix://$tmp/mosquitto.sock\" {}"

step "the first does not run: the second"
broker_run second
node_run 1
node_run 2
wait_up n1
wait_up n2
[ "$(json n1 status link broker)" = 10.99.0.2:1883 ] || fail "n1 is not at the second broker"
logged n1 'trying the next' || fail "the log does not tell of the change"
expect_ping n1 10.0.1.2

step "the second ends, the first runs"
broker_run first
stop second KILL
on_first()
{
	[ "$(json n1 status link broker)" = mqtt://broker-one.test ] && is_up n1
}
wait_for 15 on_first || fail "n1 does not change to the first broker"

step "none runs; the error names a cause; then the second again"
stop first KILL
wait_down n1
expect_error n1 'refused'
wait_for 5 last_error_has n2 'closed|refused|socket' || fail "n2: $(last_error n2)"
rm -f "$tmp/mosquitto.sock"
broker_run second
wait_up n1 20
wait_up n2 20
expect_ping n2 10.0.1.1
