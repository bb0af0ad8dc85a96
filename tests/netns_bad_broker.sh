#!/bin/sh
# Brokers that send garbage, close, keep silent, refuse, deny or flood: each has its message or its
# counter, the daemon lives, answers on its control socket and does not grow.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
need openssl
forgive_failed_assertions # the garbage may happen to hold a property that does not exist
node_new 1
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=hostile -days 30 -keyout "$tmp/tls.pem" \
    -out "$tmp/tls.crt" 2>/dev/null
cat "$tmp/tls.crt" >>"$tmp/tls.pem"
cases=0

# bad CASE...: that broker and a daemon for it; both are called bCOUNT and dCOUNT.
bad()
{
	cases=$((cases + 1))
	hostile_start "b$cases" "10.99.0.$((cases + 10))" "$@"
	daemon_start_at "$cases" "${scheme:-mqtt}"
}

daemon_start_at()
{
	cat >"$tmp/d$1.conf" <<-END
		wire = mqtt_vpn
		interface "mq$1" { address = {"10.0.$1.1/24"} }
		broker "$2://10.99.0.$(($1 + 10)):1883" { timeout = 1 tls-verify = false }
	END
	[ "$2" = mqtts ] || sed -i 's/tls-verify = false//' "$tmp/d$1.conf"
	# shellcheck disable=SC2086 # VALGRIND is a list of words
	spawn n1 "d$1" $VALGRIND "$vpnd" -f -s "$tmp/d$1.sock" -c "$tmp/d$1.conf"
}

# errs CASE PATTERN: the daemon does not come up, and its status says why. It only starts here, so
# that all the waiting for time limits is done at once; finish_errs() looks.
errs()
{
	# shellcheck disable=SC2086 # a case and its arguments
	bad $1
	printf '%s\t%s\t%s\n' "$cases" "$1" "$2" >>"$tmp/expected"
}

finish_errs()
{
	while IFS='	' read -r n case pattern; do
		step "$case"
		expect_error "d$n" "$pattern" 20
		last_error "d$n"
		good_end "$n"
	done <"$tmp/expected"
}

# counts CASE COUNTER: the counter counts.
counts()
{
	step "$1: $2"
	# shellcheck disable=SC2086 # a case and its arguments
	bad $1
	expect_counter "d$cases" "$2" 12
	good_end "$cases"
}

# good_end COUNT: the daemon is in order, and goes.
good_end()
{
	alive "$(pid_of "d$1")" || fail "the daemon is dead"
	expect_control_fast "d$1"
	expect_memory "d$1" RssAnon 6000
	stop "d$1"
	[ "$status" -eq 0 ] || fail "the daemon ended with status $status"
	stop "b$1" KILL
}

errs garbage 'not MQTT|closed'
errs silent 'answer'
errs no-connack 'answer'
errs no-suback 'subscription'
errs 'connack 4' 'user ?name'
errs 'connack 5' 'authori[sz]ed'
errs 'connack 2' 'client-id'
errs 'connack 3' 'unavailable'
errs 'connack 0x8a' 'banned'
errs 'connack 0x9f' 'refuses'
errs 'connack 0x9c' 'refuses'
errs suback-denied 'does not allow the subscription'
errs deny-delivery 'delivers nothing'
errs second-suback 'delivers nothing'
errs 'bad-publish remlen' 'not MQTT'
errs 'bad-publish topic-overrun' 'not MQTT'
errs 'bad-publish bad-utf8' 'not MQTT'
errs 'bad-publish empty-topic' 'not MQTT'
errs huge 'absurd|memory|subscription|delivers|answer'
scheme=mqtts
errs tls-hang 'TLS'
errs garbage 'TLS'
errs "-t $tmp/tls.pem flood-across" 'delivers nothing'
scheme=mqtt
finish_errs

counts retained rx_drop_retained
counts 'bad-publish foreign' rx_drop_topic
counts 'messages 45000000 60 00' rx_drop_malformed
counts v311-only connects
counts v311-only-close connects
counts ok connects

step "closes after each number of bytes: never more than a failed attempt"
bad close-at 0-12
n=0
# A new address on another link is a reason to try at once, so the waiting times do not add up.
nudge()
{
	n=$((n + 1))
	ip -n "${prefix}n1" address add "10.98.0.$n/32" dev up0
	is_up "d$cases"
}
tries()
{
	nudge || { sleep 0.9 && false; }
}
wait_for 45 tries || fail "d$cases does not come up: $(last_error "d$cases")"
good_end "$cases"

step "reads nothing more: packets are dropped, not queued; the keepalive ends it"
bad slow-reader
expect_log "b$cases" 'reads no more' 10
in_ns n1 timeout 5 ping -q -f -l 64 -s 1400 "10.0.$cases.2" >/dev/null 2>&1 || true
expect_counter "d$cases" tx_blocked
good_end "$cases"

step "sends rubbish whenever it is up: no storm of connections"
bad garbage-when-up
sleep 12 # the time in which connections are counted
count=$(log_count "b$cases" ': accepted')
echo "$count connections in 12 s"
[ "$count" -le 8 ] || fail "$count connections in 12 s"
[ "$count" -ge 3 ] || fail "only $count connections in 12 s"
good_end "$cases"

step "takes data slowly, so that answers are late: the connection stays"
bad slow-path
wait_up "d$cases"
spawn n1 sender ping -q -i 0.01 -s 1400 "10.0.$cases.2"
sleep 50 # longer than the doubt, its probe and their limits
stop sender
expect_counter "d$cases" tx_blocked
[ "$(counter "d$cases" disconnects)" -eq 0 ] || fail "given up: $(last_error "d$cases")"
good_end "$cases"

for flood in flood flood-qos1; do
	step "$flood"
	bad $flood
	case $flood in
	flood) expect_counter "d$cases" rx_drop_malformed ;;
	*) expect_counter "d$cases" rx_drop_qos ;;
	esac
	sleep 3 # the time that it has to grow
	good_end "$cases"
done
