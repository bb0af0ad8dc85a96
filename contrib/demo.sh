#!/bin/sh
# Shows mqtt-vpnd at work on one machine: two hosts that cannot reach each other, a broker that both
# can reach and need not trust, and a stranger at that broker, who gets nothing. Everything lives in
# network namespaces and goes away at the end.
#
# SPDX-License-Identifier: ISC
set -eu

tree=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=contrib/packages.sh
. "$tree/contrib/packages.sh"
# shellcheck source=contrib/demo_groups.sh
. "$tree/contrib/demo_groups.sh"
# shellcheck source=contrib/demo_secure.sh
. "$tree/contrib/demo_secure.sh"

run=/run/mqtt-vpn-demo # short: the path of a unix socket holds 107 bytes
broker=mqtt-vpn-demo-broker
kitchen=mqtt-vpn-demo-kitchen
workshop=mqtt-vpn-demo-workshop
street=mqtt-vpn-demo-street
garage=mqtt-vpn-demo-garage
office=mqtt-vpn-demo-office
namespaces="$broker $kitchen $workshop $street $garage $office"
whispered='meet me at eight' # 16 bytes, as many as ping(8) takes

usage()
{
	cat <<-END
	usage: demo.sh [groups | secure]
	  without a word  two hosts and a stranger: ping, download, what the broker sees
	  groups          three hosts and a key server: who joins, who is put out, what that costs
	  secure          a broker that only its nodes may use, proved; a node is locked out
	Each takes about a minute.
	END
}

inside()
{
	namespace=$1
	shift
	nsenter --net="/run/netns/$namespace" -- "$@"
}

# start LOG NAMESPACE COMMAND: in the background.
start()
{
	log=$run/$1.log
	namespace=$2
	shift 2
	nsenter --net="/run/netns/$namespace" -- "$@" >"$log" 2>&1 &
}

populated()
{
	for namespace in $namespaces; do
		[ ! -e "/run/netns/$namespace" ] || ip netns pids "$namespace"
	done
}

# Ends what runs in our namespaces, those that an interrupted run left too, and removes them.
remove_namespaces()
{
	tries=0
	signal=TERM
	while [ -n "$(populated)" ]; do
		# shellcheck disable=SC2046 # a list; the shell's own kill, as there may be no other
		kill -s "$signal" $(populated) 2>/dev/null || true
		sleep 0.1
		tries=$((tries + 1))
		[ "$tries" -lt 50 ] || signal=KILL
	done
	for namespace in $namespaces; do
		[ ! -e "/run/netns/$namespace" ] || ip netns delete "$namespace"
	done
}

clean_up()
{
	status=$?
	trap '' INT TERM HUP
	if [ "$status" -ne 0 ]; then
		tail -n 20 "$run"/*.log >&2 2>/dev/null || true
		printf '%s\n' "demo.sh: failed, see above" >&2
	fi
	remove_namespaces
	rm -rf "$run"
	leave_netns_dir
	give_build_dir_away
	exit "$status"
}

# Waits up to 20 s for a command to succeed.
await()
{
	what=$1
	shift
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ "$tries" -lt 200 ] || die "$what: nothing after 20 s"
		sleep 0.1
	done
}

build_programs()
{
	make_build_dir build-demo
	say "Building in $build"
	copy_source
	mkdir "$build/objects"
	(cd "$build/objects" && ../source/configure -q --prefix=/usr --sysconfdir=/etc &&
		make -j2 mqtt-vpnd mqtt-vpnctl mqtt-vpn-keyd contrib/pki/mqtt-vpn-pki)
	vpnd=$build/objects/mqtt-vpnd
	vpnctl=$build/objects/mqtt-vpnctl
	keyd=$build/objects/mqtt-vpn-keyd
}

# join_host NAMESPACE INTERFACE NETWORK: a cable from the broker's namespace to the host's.
join_host()
{
	ip netns add "$1"
	ip link add "$2" netns "$broker" type veth peer name eth0 netns "$1"
	inside "$broker" ip address add "$3.1/24" dev "$2"
	inside "$broker" ip link set "$2" up
	inside "$1" ip address add "$3.2/24" dev eth0
	inside "$1" ip link set lo up
	inside "$1" ip link set eth0 up
	inside "$1" ip route add default via "$3.1"
}

make_network()
{
	ip netns add "$broker"
	inside "$broker" ip link set lo up
	inside "$broker" sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
	join_host "$kitchen" to-kitchen 192.0.2
	join_host "$workshop" to-workshop 198.51.100
	join_host "$street" to-street 203.0.113
	if inside "$kitchen" ping -c 1 -W 1 198.51.100.2 >/dev/null; then
		die "the two hosts reach each other without the VPN: the demo would prove nothing"
	fi
}

start_broker()
{
	cat >"$run/mosquitto.conf" <<-END
	listener 1883
	allow_anonymous true
	persistence false
	set_tcp_nodelay true
	END
	start broker "$broker" mosquitto -c "$run/mosquitto.conf"
	await "the broker" inside "$broker" sh -c 'ss -Hltn "sport = 1883" | grep -q .'
}

# make_secret FILE: it is of use to those alone who can read the file.
make_secret()
{
	(umask 077 && "$vpnctl" genpsk >"$1")
}

# start_vpn HOST NAMESPACE NUMBER BROKER SECRET-FILE
start_vpn()
{
	cat >"$run/$1.conf" <<-END
	network = "demo"
	name = "$1"
	passphrase-file = "$5"

	interface "mq0" {
		address = {"10.0.1.$3/24", "fd00:6d71::$3/64"}
	}

	broker "mqtt://$4" {}
	END
	start "$1" "$2" "$vpnd" -f -c "$run/$1.conf" -s "$run/$1.sock"
}

# ask HOST COMMAND...: its daemon.
ask()
{
	host=$1
	shift
	"$vpnctl" -s "$run/$host.sock" "$@"
}

# counter HOST NAME: one of the daemon's counters.
counter()
{
	ask "$1" --json stats | python3 -c '
import json, sys
print(next(s["value"] for s in json.load(sys.stdin)["stats"] if s["name"] == sys.argv[1]))' "$2"
}

median_ping()
{
	inside "$kitchen" ping -n -c 50 -i 0.02 -W 2 "$1" |
		sed -n 's/.*time=\([0-9.]*\) ms/\1/p' | sort -n |
		awk '{ t[NR] = $1 } END { if (NR < 45) exit 1; print t[int((NR + 1) / 2)] }'
}

# python3 -m http.server would ask DNS for its own name first, and there is none.
web_server='
import functools, http.server, socketserver, sys
files = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
socketserver.TCPServer(("10.0.1.2", 8080), files).serve_forever()'

download()
{
	mkdir "$run/files"
	head -c 50000000 /dev/urandom >"$run/files/photos"
	start web "$workshop" python3 -c "$web_server" "$run/files"
	await "the web server" inside "$workshop" curl -sf -o /dev/null http://10.0.1.2:8080/
	rate=$(inside "$kitchen" curl -sS --fail -m 300 -o "$run/copy" -w '%{speed_download}' \
		http://10.0.1.2:8080/photos)
	[ "$(sha256sum <"$run/files/photos")" = "$(sha256sum <"$run/copy")" ] ||
		die "what arrived is not what was sent"
	awk -v rate="$rate" 'BEGIN { printf "%.0f\n", rate * 8 / 1e6 }'
}

# The whispered text as mosquitto_sub prints payloads.
whispered_hex()
{
	printf %s "$whispered" | od -An -v -tx1 | tr -d ' \n'
}

whisper()
{
	inside "$kitchen" ping -q -c 1 -W 1 -s 64 -p "$(whispered_hex)" 10.0.1.2 &&
		[ -s "$run/overheard.log" ]
}

# All that the broker handles while the kitchen whispers: topic, length and payload of each message.
overhear()
{
	start overheard "$broker" mosquitto_sub -h 127.0.0.1 -t '#' -F '%t %l %x'
	ear=$!
	await "what the broker sees" whisper
	kill "$ear"
	for readable in "$(whispered_hex)" 0a000101 0a000102 '10\.0\.1'; do
		if grep -q "$readable" "$run/overheard.log"; then
			die "the broker can read the packets: see $readable"
		fi
	done
	tail -n 1 "$run/overheard.log" | while read -r topic length payload; do
		echo "topic   $topic"
		echo "payload $length bytes"
		echo "$payload" | fold -w 64 | sed 's/^/        /'
	done
}

# Nothing that the stranger sends is answered, and nothing reaches it.
stay_out()
{
	if inside "$street" ping -q -c 3 -i 0.2 -W 1 10.0.1.1 >/dev/null; then
		die "the stranger reaches the kitchen"
	fi
	[ "$(counter street rx_packets)" -eq 0 ] || die "the stranger received packets"
}

show_two_hosts()
{
	say "Making a kitchen and a workshop that reach the broker, but not each other"
	make_network

	say "Starting a broker (mosquitto) that is open to everyone"
	start_broker

	say "Making a secret for the two (mqtt-vpnctl genpsk), and starting mqtt-vpnd in both"
	make_secret "$run/secret"
	start_vpn kitchen "$kitchen" 1 192.0.2.1 "$run/secret"
	start_vpn workshop "$workshop" 2 198.51.100.1 "$run/secret"
	await "the kitchen" ask kitchen status
	await "the workshop" ask workshop status

	say "Pinging the workshop from the kitchen, IPv4 and IPv6"
	ping4=$(median_ping 10.0.1.2) || die "ping 10.0.1.2: too few answers"
	ping6=$(median_ping fd00:6d71::2) || die "ping fd00:6d71::2: too few answers"

	say "Downloading 50 MB from the workshop to the kitchen"
	rate=$(download) || die "the download failed"
	packets=$(counter kitchen rx_packets)
	messages=$(counter kitchen rx_messages)

	say "mqtt-vpnctl status in the kitchen:"
	ask kitchen status

	say "mqtt-vpnctl peers in the kitchen:"
	ask kitchen peers

	say "What the broker sees of a ping that says '$whispered' over and over:"
	overhear

	say "A stranger joins at the same broker: same network name, another secret. Its peers:"
	make_secret "$run/other-secret"
	start_vpn street "$street" 3 203.0.113.1 "$run/other-secret"
	await "the stranger" ask street status
	stay_out
	ask street peers

	cat <<END

What happened: the kitchen (192.0.2.2) and the workshop (198.51.100.2) sit in different networks
with no way between them. Both connected to the same broker, and mqtt-vpnd made one network of
them: 10.0.1.1 and 10.0.1.2, and the same with IPv6.
  Ping through the VPN:      $ping4 ms (IPv6: $ping6 ms), the median of 50
  Download through the VPN:  50 MB at $rate Mbit/s, SHA-256 verified
  Messages:                  ${messages:-?} reached the kitchen, with ${packets:-?} IP packets in them
  The broker:                passed them on; neither the text of the ping nor an address was in them
  The stranger:              knew the broker and the network, but not the secret: no answer, nothing
All of it goes away now, except for the build directory $build.
END
}

case ${1:-} in
'') show=show_two_hosts ;;
groups) show=show_groups ;;
secure) show=show_secure ;;
-h | --help)
	usage
	exit 0
	;;
*)
	usage >&2
	exit 1
	;;
esac
require_machine
# shellcheck disable=SC2086 # lists
install_packages $packages_build $packages_demo
other=$(cat "$run/pid" 2>/dev/null || true)
if [ -n "$other" ] && grep -qs demo.sh "/proc/$other/cmdline"; then
	die "another demo is running, process $other"
fi
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
remove_namespaces
rm -rf "$run"
require_namespaces
mkdir -m 700 "$run"
echo $$ >"$run/pid"
build_programs
$show
