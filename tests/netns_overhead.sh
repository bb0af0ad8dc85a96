#!/bin/sh
# What a packet costs between the daemon and the broker, above its own length: with MQTT 5 and a topic
# alias at most 60 bytes.
# SPDX-License-Identifier: ISC

WIRE=${WIRE:-psk}
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

count=1000
size=1400 # of the IP packets

begin
need_daemon
need ss
node_new 1 2
broker_start
hostile_start old 10.99.0.9 v311-only

# tcp FIELD: of n1's connection to the broker, in bytes; 0 if ss does not show it.
tcp()
{
	in_ns n1 ss -H -t -i -n state established "dst $address" | tr ' ' '\n' | awk -F : -v field="$1" '
		$1 == field { bytes = $2 }
		END { print bytes + 0 }'
}

# What it sent, but for what TCP repeated.
tcp_sent()
{
	echo $(($(tcp bytes_sent) - $(tcp bytes_retrans)))
}

# measure ADDRESS: the bytes for each packet above its length go to $up and $down, as tenths.
measure()
{
	address=$1
	broker=mqtt://$1
	node_start 1
	node_start 2
	wait_up n1
	wait_up n2
	expect_ping n1 10.0.1.2
	_sent=$(tcp_sent)
	_received=$(tcp bytes_received)
	_packets=$(counter n1 tx_packets)
	_messages=$(counter n1 tx_messages)
	in_ns n1 ping -n -q -c $count -i 0.002 -s $((size - 28)) 10.0.1.2 >"$tmp/ping.out"
	_sent=$(($(tcp_sent) - _sent))
	_received=$(($(tcp bytes_received) - _received))
	_packets=$(($(counter n1 tx_packets) - _packets))
	_messages=$(($(counter n1 tx_messages) - _messages))
	[ $_packets -eq $count ] || fail "n1 sent $_packets packets, not $count"
	# On a busy machine two packets may wait for each other.
	[ $_messages -ge $((count * 95 / 100)) ] || fail "n1 sent $_messages messages, not $count"
	up=$((_sent * 10 / count - size * 10))
	down=$((_received * 10 / count - size * 10))
	version=$(json n1 status link protocol)
	echo "$version: $((up / 10)).$((up % 10)) bytes a packet up, $((down / 10)).$((down % 10)) down"
	stop n1
	stop n2
}

step "MQTT 5, with topic aliases on the way up"
measure 10.99.0.1
[ $up -le 600 ] || fail "more than 60 bytes"
[ $up -ge 300 ] || fail "that cannot be: the header and the tag alone have 32"
[ $down -le 1000 ] || fail "more than 100 bytes on the way down"

step "MQTT 3.1.1: the topic stands in each message"
measure 10.99.0.9
[ $up -le 1000 ] || fail "more than 100 bytes"
