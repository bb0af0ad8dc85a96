#!/bin/sh
# A rekey every second, for half a minute, at full load in both directions: not one packet is lost.
#
# SPDX-License-Identifier: ISC
WIRE=${WIRE:-psk}
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
node_new 1 2
broker_conf broker 10.99.0.1 fd99::1
cat >>"$tmp/broker.conf" <<-END
	max_queued_messages 0
END
broker_run broker
for n in 1 2; do
	node_conf $n "broker \"$broker\" { }" '' 'rekey-interval = 1'
	node_run $n
done
wait_up n1
wait_up n2
expect_ping n1 10.0.1.2
seconds=30
if instrumented; then
	seconds=10
fi

for n in 1 2; do
	spawn_listener "n$n" "sink$n" "$python" "$tool" sink "10.0.1.$n" 9
done
spawn n1 source1 "$python" "$tool" source 10.0.1.2 9 $seconds
spawn n2 source2 "$python" "$tool" source 10.0.1.1 9 $seconds
for n in 1 2; do
	wait_for $((seconds + 20)) dead "$(pid_of "source$n")" || fail "source$n does not end"
	cat "$tmp/source$n.log"
done

done1=$(counter n1 handshakes_done)
echo "$done1 handshakes in $seconds s"
[ "$done1" -ge $((seconds * 8 / 10)) ] || fail "no rekey every second"

# All that one sent, the other has.
all_arrived()
{
	[ "$(counter n1 tx_packets)" -eq "$(counter n2 rx_packets)" ] &&
	    [ "$(counter n2 tx_packets)" -eq "$(counter n1 rx_packets)" ]
}

wait_for 10 all_arrived ||
    fail "lost: n1 sent $(counter n1 tx_packets), n2 got $(counter n2 rx_packets);" \
	"n2 sent $(counter n2 tx_packets), n1 got $(counter n1 rx_packets)"
for n in 1 2; do
	for reason in no_session replay auth tun; do
		count=$(counter n$n "rx_drop_$reason")
		[ "${count:-0}" -eq 0 ] || fail "n$n counts $count of rx_drop_$reason"
	done
done
echo "$(counter n1 tx_packets) and $(counter n2 tx_packets) packets, none lost"
