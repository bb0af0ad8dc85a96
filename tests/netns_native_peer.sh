#!/bin/sh
# One network with a node that speaks the native wire from an implementation of its own.
# SPDX-License-Identifier: ISC

WIRE=psk
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
"$python" -c 'import dissononce, nacl, paho.mqtt' 2>/dev/null ||
    skip "python3-dissononce, python3-nacl, python3-paho-mqtt are missing"
node_new 1 2 3
broker_start
sum=$(random_file "$tmp/file" 2000000)
passphrase='orbit lantern gravel mosaic thistle kayak'

# rest TOPICS SECRET: the settings of the daemons. The foreign node, n1, also receives for 10.0.1.77.
rest()
{
	echo "topics = $1 rekey-interval = 3"
	[ "$WIRE" = pubkey ] || return 0
	[ "$2" = none ] || echo "passphrase-file = \"$(network_key)\""
	echo "peer \"foreign\" { address = {\"10.0.1.1\", \"fd00:6d71::1\", \"10.0.1.77\"}"
	echo "public-key = \"$(cat "$tmp/node-1.pub")\" }"
}

# foreign_start TOPICS SECRET
foreign_start()
{
	set -- "$1" "$2" --network "test" --name "fremd" --rekey 3 -t 10.0.1.77
	[ "$have_ipv6" = no ] || set -- "$@" -6 fd00:6d71::1
	[ "$1" = hashed ] || set -- "$@" --plain
	[ "$2" = none ] || set -- "$@" --secret-file "$(network_key)"
	if [ "$WIRE" = pubkey ]; then
		for _n in 2 3; do
			set -- "$@" --peer "$(cat "$tmp/node-$_n.pub")@10.0.1.$_n,fd00:6d71::$_n"
		done
		set -- "$@" --private-key-file "$tmp/node-1.key"
	fi
	shift 2
	spawn n1 peer "$python" "$srcdir/tests/native_peer.py" -i mq0 -a 10.0.1.1 \
	    -b tcp://10.99.0.1:1883 "$@"
	expect_log peer '^connected' 20 # Argon2id takes its time
}

daemon_run()
{
	node_run "$1"
	wait_up "n$1" 30
}

# shout FROM TEXT: to all nodes; listen and heard are for those who hear it.
shout()
{
	in_ns "$1" "$python" "$tool" udp-send --device mq0 10.0.1.255 5000 "$2"
}

listen()
{
	spawn_listener "n$1" "udp$1" "$python" "$tool" udp-listen 5000 --device mq0
}

heard()
{
	expect_log "udp$1" "^10.0.1.$2 $3\$"
	[ "$(log_count "udp$1" "$3\$")" -eq 1 ] || fail "n$1 heard '$3' twice"
}

# tell SIGNAL: to the foreign node.
tell()
{
	kill -s "$1" "$(pid_of peer)"
}

sessions()
{
	log_count peer '^session with 10.0.1.2[: ]'
}

check_unicast()
{
	step "each side begins"
	expect_ping n2 10.0.1.1
	expect_log peer '^session with 10.0.1.2: they began'
	expect_ping n1 10.0.1.3
	expect_log peer '^session with 10.0.1.3 .*: we began'
	[ "$(json n3 peers peers addresses=10.0.1.1 told_name)" = fremd ] ||
	    fail "n3 does not know what its peer calls itself"
	expect_ping n2 10.0.1.3
	ip -n "${prefix}n1" address replace 10.0.1.77/32 dev lo
	expect_ping n3 10.0.1.77
	if [ "$have_ipv6" = yes ]; then
		expect_ping n1 fd00:6d71::2
		expect_ping n3 fd00:6d71::1
	fi

	step "files both ways"
	expect_download n2 n1 10.0.1.1 "$tmp/file" "$sum"
	expect_download n1 n3 10.0.1.3 "$tmp/file" "$sum"

	step "new keys every 3 s, whoever begins, and nothing is lost"
	_before=$(sessions)
	in_ns n2 ping -n -q -c 40 -i 0.2 -W 2 10.0.1.1 >"$tmp/ping.out"
	grep -q ' 0% packet loss' "$tmp/ping.out" || fail "lost: $(grep loss "$tmp/ping.out")"
	[ "$(sessions)" -ge $((_before + 2)) ] || fail "the keys are not renewed"
}

check_multicast()
{
	step "broadcasts both ways, each once"
	for _n in 1 2 3; do
		listen "$_n"
	done
	shout n2 "two-to-all"
	heard 1 2 two-to-all
	heard 3 2 two-to-all
	shout n1 "one-to-all"
	heard 2 1 one-to-all
	heard 3 1 one-to-all

	step "keys that nobody was told of are asked for, and the message waits"
	tell USR2
	shout n1 "one-again"
	heard 2 1 one-again
	heard 3 1 one-again
	expect_log peer '^10.0.1.[23] asks for our multicast key'

	step "what a node could read before it lost its keys, it cannot read again"
	_before=$(log_count peer '^multicast key from 10.0.1.2$')
	tell USR1
	shout n2 "two-lost"
	wait_for 5 log_has_more peer '^multicast key from 10.0.1.2$' "$_before" ||
	    fail "the foreign node does not get the key again"
	heard 3 2 two-lost
	shout n2 "two-again"
	heard 1 2 two-again
	heard 3 2 two-again
	logged udp1 two-lost && fail "a message from before the grant was taken"
	for _n in 1 2 3; do
		stop "udp$_n"
		rm "$tmp/udp$_n.log"
	done
}

check_notices()
{
	step "a lost session is told of, and replaced at once"
	expect_ping n2 10.0.1.1
	tell USR1
	in_ns n2 ping -n -q -c 20 -i 0.2 -W 2 10.0.1.1 >"$tmp/ping.out" ||
	    fail "n2 does not get through again"
	expect_log peer '^a session is not known'
	[ "$(counter n2 notices_received)" -gt 0 ] || fail "n2 does not count the notice"

	step "who was killed says that it is back; who stops says goodbye"
	stop n2 KILL
	rm -f "$tmp/n2.sock"
	daemon_run 2
	expect_log peer '^10.0.1.2 has lost our session'
	wait_session n2 10.0.1.1
	expect_ping n1 10.0.1.2
	stop n2
	expect_log peer '^10.0.1.2 says goodbye'

	step "a message to all waits for the key of a sender that is new"
	daemon_run 2
	listen 1
	shout n2 "two-new"
	heard 1 2 two-new
	stop udp1

	step "both begin at once"
	tell USR1
	for _n in 1 2 3 4 5; do
		in_ns n1 ping -n -q -c 1 -W 2 10.0.1.2 >/dev/null 2>&1 &
		in_ns n2 ping -n -q -c 1 -W 2 10.0.1.1 >/dev/null 2>&1 || true
	done
	expect_ping n1 10.0.1.2 10
	expect_ping n2 10.0.1.1 10
}

# Each mode, form of topics and kind of secret once; the vectors have the rest.
for variant in 'psk plain passphrase' 'pubkey hashed none'; do
	# shellcheck disable=SC2086 # three words
	set -- $variant
	WIRE=$1
	step "=== mode $WIRE, topics $2, secret: $3"
	if [ "$3" = passphrase ]; then
		secret_file "$(network_key)" "$passphrase"
	fi
	[ "$WIRE" = psk ] || node_keys
	for n in 2 3; do
		node_conf $n "broker \"$broker\" { }" '' "$(rest "$2" "$3")"
	done
	foreign_start "$2" "$3"
	daemon_run 2
	daemon_run 3
	check_unicast
	check_multicast
	for n in 2 3; do
		for reason in auth batch handshake malformed notice replay spoofed too_short version; do
			count=$(counter n$n "rx_drop_$reason")
			[ "${count:-0}" -eq 0 ] || fail "n$n counts $count of rx_drop_$reason"
		done
	done
	check_notices
	stop peer
	tail -n 1 "$tmp/peer.log"
	tail -n 1 "$tmp/peer.log" | grep -q 'bad=0 foreign=0 replayed=1$' ||
	    fail "the foreign node dropped messages of ours"
	rm "$tmp/peer.log"
	stop n2
	stop n3
	ip -n "${prefix}n1" address del 10.0.1.77/32 dev lo
done
