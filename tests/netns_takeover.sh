#!/bin/sh
# Two nodes with one client id, as cloned SD cards have: both say so and hold back, instead of
# throwing each other out many times a second.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
node_new 1 2 3
broker_start
node_start 1 -n same
wait_up n1
node_start 2 -n same
# mosquitto 2.0.11 closes without a word; what gives it away is that it happens again and again.
step "the first node is thrown out and says why"
expect_error n1 "client id 'same'"
expect_counter n1 takeovers
[ "$(json n1 status link retry_in_ms)" -gt 1000 ] || fail "n1 does not hold back"
logged n1 "client id 'same'" || fail "the log of n1 does not say it"

step "no storm"
sleep 12 # the time in which connections are counted
count=$(log_count broker 'New client connected .* as same')
echo "$count connections in 12 s"
# Each of the two is thrown out three times before it holds back; a storm would be a hundred.
[ "$count" -le 16 ] || fail "$count connections in 12 s"
wait_for 10 counter_above n2 takeovers 0 || fail "n2 does not count a takeover"

step "one leaves: the other stays up"
stop n2
wait_up n1 40

step "a broker that names the reason, as those of MQTT 5 should"
hostile_start tells 10.99.0.9 takeover 1
broker=mqtt://10.99.0.9
node_start 3 -n same
expect_error n3 "another client connected with our client id 'same'" 20
expect_counter n3 takeovers
expect_control_fast n3
