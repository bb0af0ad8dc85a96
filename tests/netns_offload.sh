#!/bin/sh
# Packets that stand for many, and checksums left to the last moment: with the kernel's help at both
# ends, at one and at none, over links without any, to networks behind a node, in IPv4 and IPv6, TCP
# and UDP, with a node that knows nothing of it. What arrives is what was sent, and the counters
# tell that it went the way that was meant. SIZE=1000000000 is for a run by hand.
# SPDX-License-Identifier: ISC

WIRE=${WIRE:-psk}
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
node_new 1 2 3
lan_new n2 lan2 192.168.5 fd05
broker_start
broker="broker \"mqtt://10.99.0.1\" { }"
size=64000000
if instrumented; then
	size=2000000
elif [ "$WIRE" = mqtt_vpn ] || [ "$PROXY" = yes ]; then
	size=8000000
fi
size=${SIZE:-$size}
sum=$(random_file "$tmp/file" "$size")
networks='"192.168.5.0/24"'
[ "$have_ipv6" = no ] || networks="$networks, \"fd05::/64\""

# nodes_start OFFLOAD1 OFFLOAD2
nodes_start()
{
	node_conf 1 "$broker" "offload = $1" "$(peer_conf 2 two "routes = {$networks}")"
	node_conf 2 "$broker" "offload = $2" "$(peer_conf 1 one)"
	node_run 1
	node_run 2
	wait_up n1
	wait_up n2
}

nodes_stop()
{
	for _n in n1 n2; do
		for _reason in auth batch malformed offload replay spoofed too_big tun; do
			_count=$(counter $_n "rx_drop_$_reason")
			[ "$_count" -eq 0 ] || fail "$_n counts $_count of rx_drop_$_reason"
		done
		stop $_n
	done
}

# download CLIENT SERVER ADDRESS
download()
{
	expect_download "$1" "$2" "$3" "$tmp/file" "$sum" $((60 + size / 1000000))
}

# download6 CLIENT SERVER ADDRESS: if there is IPv6.
download6()
{
	[ "$have_ipv6" = no ] || download "$@"
}

# expect_counted NODE NAME yes|no: whether the counter is above 0.
expect_counted()
{
	_value=$(counter "$1" "$2")
	case $3/$_value in
	yes/0) fail "$1 does not count $2" ;;
	no/0 | yes/*) ;;
	*) fail "$1 counts $_value of $2" ;;
	esac
}

# expect_path SENDER RECEIVER OFFLOAD: how the bulk went that way, by the sender's setting. Without
# it the receiver joins what came in one message. On the wire of MQTT_VPN no packet stands for many.
expect_path()
{
	[ "$3" != udp ] || set -- "$1" "$2" yes
	if [ "$WIRE" = mqtt_vpn ]; then
		expect_counted "$1" tx_cut_packets "$3"
		set -- "$1" "$2" none
	fi
	case $3 in
	none) set -- "$1" "$2" no no ;;
	no) set -- "$1" "$2" no yes ;;
	*) set -- "$1" "$2" yes '' ;;
	esac
	expect_counted "$1" tx_super_packets "$3"
	expect_counted "$2" rx_super_packets "$3"
	[ -z "$4" ] || expect_counted "$2" rx_joined_packets "$4"
}

# offloads NODE DEVICE on|off: with "tx" that is checksums, and all that needs them.
offloads()
{
	in_ns "$1" ethtool -K "$2" tx "$3" >/dev/null || fail "ethtool cannot set $2 of $1"
}

# granted NODE FEATURE: whether the kernel hands such packets to the tunnel.
granted()
{
	in_ns "$1" ethtool -k mq0 | grep -q "^$2: on"
}

# Both directions, so that each role meets each setting.
for setting in 'no no' 'no yes' 'yes yes'; do
	# shellcheck disable=SC2086 # two words
	set -- $setting
	step "$size bytes; n1: offload = $1, n2: offload = $2"
	nodes_start "$1" "$2"
	download n1 n2 10.0.1.2
	download n2 n1 10.0.1.1
	download6 n1 n2 fd00:6d71::2
	download6 n2 n1 fd00:6d71::1
	expect_path n1 n2 "$1"
	expect_path n2 n1 "$2"
	[ "$setting" = 'yes yes' ] || nodes_stop # the last two go on
done

# expect_more NODE NAME COUNT: it is above that, but on the wire of MQTT_VPN.
expect_more()
{
	[ "$WIRE" = mqtt_vpn ] || counter_above "$@" || fail "$1 counts no more of $2"
}

step "to a host behind n2, and from there"
there=$(counter n1 tx_super_packets)
back=$(counter n2 tx_super_packets)
download lan2 n1 10.0.1.1
expect_more n1 tx_super_packets "$there"
download n1 lan2 192.168.5.100
expect_more n2 tx_super_packets "$back"
download6 lan2 n1 fd00:6d71::1

if command -v ethtool >/dev/null; then
	step "the same, its interface without offloads"
	offloads lan2 eth0 off
	download lan2 n1 10.0.1.1
	download n1 lan2 192.168.5.100
	download6 n1 lan2 fd05::100

	step "the way there, too: no checksum offload between n2 and its network"
	offloads n2 lan0 off
	there=$(counter n1 tx_super_packets)
	download lan2 n1 10.0.1.1
	expect_more n1 tx_super_packets "$there"
	download6 n1 lan2 fd05::100

	step "no checksum offload on the way to the broker"
	for n in 1 2; do
		offloads n$n up0 off
		offloads b to$n off
	done
	download n1 n2 10.0.1.2
	download n2 n1 10.0.1.1
else
	echo "no ethtool: the steps with interfaces without offloads are left out"
fi
nodes_stop

step "datagrams that the kernel is to cut, offload = udp"
# pieces FROM TO ADDRESS
pieces()
{
	spawn_listener "$2" pieces "$python" "$tool" pieces-receive "$3" 5001 100
	in_ns "$1" "$python" "$tool" pieces-send "$3" 5001 100 || fail "the datagrams cannot be sent"
	wait_for 30 dead "$(pid_of pieces)"
	reap pieces
	tail -n 1 "$tmp/pieces.log"
	[ "$status" -eq 0 ] || fail "not all datagrams came as they were sent"
	rm "$tmp/pieces.log"
}
nodes_start udp udp
pieces n1 n2 10.0.1.2
[ "$have_ipv6" = no ] || pieces n2 n1 fd00:6d71::1
if command -v ethtool >/dev/null && granted n1 tx-udp-segmentation; then
	expect_path n1 n2 udp
	[ "$have_ipv6" = no ] || expect_path n2 n1 udp
else
	echo "the kernel does not hand over UDP that is to be cut"
fi
pieces n1 lan2 192.168.5.100
pieces lan2 n1 10.0.1.1
download n1 n2 10.0.1.2
stop n2

if [ "$WIRE" = psk ] && "$python" -c 'import dissononce, nacl, paho.mqtt' 2>/dev/null; then
	step "with a node that takes nothing but plain packets"
	head -c 2000000 "$tmp/file" >"$tmp/short"
	sum=$(sha256sum "$tmp/short" | cut -d ' ' -f 1)
	mv "$tmp/short" "$tmp/file"
	stop n1
	nodes_start yes yes
	set --
	[ "$have_ipv6" = no ] || set -- -6 fd00:6d71::3
	spawn n3 foreign "$python" "$srcdir/tests/native_peer.py" -i mq0 -a 10.0.1.3 "$@" \
	    -b tcp://10.99.0.1:1883 --network "test" --secret-file "$(network_key)"
	expect_log foreign '^connected' 20
	download n3 n1 10.0.1.1
	download n1 n3 10.0.1.3
	download6 n3 n1 fd00:6d71::1
	download6 n1 n3 fd00:6d71::3
	expect_counted n1 tx_super_packets no
	expect_counted n1 tx_cut_packets yes
	expect_counted n1 rx_super_packets no
	expect_counted n1 rx_joined_packets yes
	stop foreign
	tail -n 1 "$tmp/foreign.log"
	tail -n 1 "$tmp/foreign.log" | grep -q ' bad=0 ' || fail "it did not take what n1 sent"
	nodes_stop
fi
