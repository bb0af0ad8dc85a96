#!/bin/sh
# A broker that stops in the middle of everything (SIGSTOP): nodes notice, those with a second broker
# go on there, the others come back when it goes on.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
node_new 1 2 3 4
broker_start
broker_conf second 10.99.0.2 fd99::2
broker_run second
one='broker "mqtt://10.99.0.1" { keepalive = 5 timeout = 3 }'
two='broker "mqtt://10.99.0.2" { keepalive = 5 timeout = 3 }'
node_conf 1 "$one"
node_conf 2 "$one"
node_conf 3 "$one $two"
node_conf 4 "$one $two"
for n in 1 2 3 4; do
	node_run $n
done
for n in 1 2 3 4; do
	wait_up n$n
done
expect_ping n1 10.0.1.2
expect_ping n3 10.0.1.4

step "frozen: noticed, with a clear message"
clock
begun=$now
kill -STOP "$(pid_of broker)"
wait_down n1 30
clock
echo "n1 noticed after $((now - begun)) ms"
expect_error n1 'keepalive|nothing comes back|answer' 5
wait_down n2 30

step "the nodes with a second broker meet there"
on_second()
{
	[ "$(json "$1" status link broker)" = mqtt://10.99.0.2 ] && is_up "$1"
}
wait_for 40 on_second n3 || fail "n3 does not change to the second broker"
wait_for 40 on_second n4 || fail "n4 does not change to the second broker"
expect_ping n3 10.0.1.4
expect_control_fast n1

step "goes on: the others come back"
kill -CONT "$(pid_of broker)"
wait_up n1 30
wait_up n2 30
expect_ping n1 10.0.1.2
