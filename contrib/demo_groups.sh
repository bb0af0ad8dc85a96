# shellcheck shell=sh disable=SC2154 # demo.sh, which sources this, has set them
# demo.sh groups: three hosts in a group, a key server, and what each of the three methods of giving
# out keys costs when somebody comes and when somebody is put out.
#
# SPDX-License-Identifier: ISC

# Calls to everybody, one each 20 ms, and those who hear them.
caller='
import itertools, socket, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
for i in itertools.count():
    sock.sendto(b"%d" % i, ("10.0.1.255", 5000))
    time.sleep(0.02)'
hearer='
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("", 5000))
while True:
    print(sock.recv(100).decode(), flush=True)'

make_group_network()
{
	ip netns add "$broker"
	inside "$broker" ip link set lo up
	inside "$broker" sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
	join_host "$kitchen" to-kitchen 192.0.2
	join_host "$workshop" to-workshop 198.51.100
	join_host "$garage" to-garage 203.0.113
	ip netns add "$office"
	ip link add to-office netns "$broker" type veth peer name eth0 netns "$office"
	inside "$broker" ip address add 198.18.0.1/24 dev to-office
	inside "$broker" ip link set to-office up
	inside "$office" ip address add 198.18.0.2/24 dev eth0
	inside "$office" ip link set lo up
	inside "$office" ip link set eth0 up
}

# make_keys HOST...: each has a pair; only public keys leave it.
make_keys()
{
	for host; do
		(umask 077 && "$vpnctl" genkey >"$run/$host.key")
		"$vpnctl" pubkey <"$run/$host.key" >"$run/$host.pub"
	done
}

# member_section HOST NUMBER
member_section()
{
	cat <<-END
	member "$1" {
		public-key-file = "$run/$1.pub"
		groups = {"static", "update", "slotted"}
		address = {"10.0.1.$2"}
	}
	END
}

start_key_server()
{
	mkdir -m 700 "$run/store"
	cat >"$run/office.conf" <<-END
	network = "demo"
	private-key-file = "$run/office.key"
	store = "$run/store/keys.db"
	broker "mqtt://198.18.0.1" {}
	key-group "static" { method = static }
	key-group "update" { method = update }
	key-group "slotted" { method = slotted slot = 1 }
	$(member_section kitchen 1)
	$(member_section workshop 2)
	$(member_section garage 3)
	END
	start office "$office" "$keyd" -f -c "$run/office.conf" -s "$run/office.sock"
	await "the key server" ask office status
}

# start_member HOST NAMESPACE NUMBER BROKER GROUP
start_member()
{
	cat >"$run/$1.conf" <<-END
	network = "demo"
	mode = group
	group-name = "$5"
	private-key-file = "$run/$1.key"
	key-server = "$(cat "$run/office.pub")"
	interface "mq0" { address = {"10.0.1.$3/24"} }
	broker "mqtt://$4" {}
	END
	start "$1" "$2" "$vpnd" -f -c "$run/$1.conf" -s "$run/$1.sock"
	members="$members $!"
}

# group_fact HOST FACT: of what its status says of the group.
group_fact()
{
	ask "$1" --json status | python3 -c '
import json, sys
print(json.load(sys.stdin)["group"][sys.argv[1]])' "$2"
}

is_member()
{
	[ "$(group_fact "$1" state)" = in ]
}

is_no_member()
{
	[ "$(group_fact "$1" state)" = out ]
}

has_epoch()
{
	[ "$(group_fact "$1" epoch)" -eq "$2" ]
}

reach()
{
	inside "$1" ping -q -n -c 1 -W 1 "$2"
}

hears()
{
	[ "$(heard "$1")" -gt "$2" ]
}

heard()
{
	wc -l <"$run/heard-$1.log"
}

# Remembers what the key server has sent; spent tells what it has sent since.
mark()
{
	messages_then=$(counter office tx_messages)
	bytes_then=$(counter office tx_bytes)
}

spent()
{
	sent=$(($(counter office tx_messages) - messages_then))
	echo "$sent messages, $(($(counter office tx_bytes) - bytes_then)) bytes"
}

# join_both GROUP: the two that stay.
join_both()
{
	start_member kitchen "$kitchen" 1 192.0.2.1 "$1"
	start_member workshop "$workshop" 2 198.51.100.1 "$1"
	await "the kitchen" is_member kitchen
	await "the workshop" is_member workshop
	await "a ping" reach "$kitchen" 10.0.1.2
}

# join_garage GROUP: what it costs until one more takes part; epoch is the group's then.
join_garage()
{
	epoch_then=$(group_fact kitchen epoch)
	mark
	start_member garage "$garage" 3 203.0.113.1 "$1"
	await "the garage" is_member garage
	epoch=$(group_fact garage epoch)
	await "the new key" has_epoch kitchen "$epoch"
	start heard-workshop "$workshop" python3 -c "$hearer"
	start heard-garage "$garage" python3 -c "$hearer"
	start caller "$kitchen" python3 -c "$caller"
	await "the calls" hears garage 25
	await "the calls" hears workshop 25
	joining=$(spent)
}

# While a ping runs that would show any loss.
put_garage_out()
{
	inside "$kitchen" ping -q -n -i 0.005 -c 500 -W 2 10.0.1.2 >"$run/ping.log" &
	pinging=$!
	mark
	ask office evict garage "$1" >/dev/null
	await "the garage" is_no_member garage
	for host in kitchen workshop; do
		await "the new key" has_epoch $host $((epoch + 1))
	done
	evicting=$(spent)
	before=$(heard garage)
	went_on=$(heard workshop)
	wait "$pinging" || die "the ping failed"
	await "the calls" hears workshop $((went_on + 25))
	after=$(($(heard garage) - before))
	lost=$(sed -n 's/.* \([0-9.]*%\) packet loss.*/\1/p' "$run/ping.log")
	[ "$lost" = 0% ] || die "$lost of the pings were lost"
	[ "$after" -eq 0 ] || die "the garage reads on"
}

end_group()
{
	# shellcheck disable=SC2046 # a list
	kill $(ip netns pids "$kitchen") $(ip netns pids "$workshop") $(ip netns pids "$garage")
	# shellcheck disable=SC2086 # a list
	wait $members || true
	members=
}

# show_method METHOD WORDS
show_method()
{
	[ -z "$members" ] || end_group
	say "$1: $2"
	join_both "$1"
	join_garage "$1"
	if [ "$epoch" -eq "$epoch_then" ]; then
		news="the key stays, the others hear nothing"
	else
		news="a new key for all"
	fi
	put_garage_out "$1"
	echo "The garage joins:    the key server sends $joining; $news"
	echo "It is put out:       the key server sends $evicting; a new key for all but the garage"
	echo "Meanwhile:           of 500 pings from the kitchen to the workshop, $lost lost"
	echo "Calls to everybody:  the garage heard $before until then, and $after of all that came after;"
	echo "                     the workshop goes on hearing them"
	echo "The garage's status: $(ask garage status | sed -n 's/^Group *//p'), $(group_fact garage reason)"
	summary="$summary$(printf '  %-8s  %-26s  %-26s  %s' "$1" "$joining" "$evicting" "$lost")
"
}

show_groups()
{
	say "Making a kitchen, a workshop, a garage and an office; all four reach the broker alone"
	make_group_network

	say "Starting a broker (mosquitto) that is open to everyone"
	start_broker

	say "Making a key pair for each (mqtt-vpnctl genkey), and starting mqtt-vpn-keyd in the office"
	make_keys kitchen workshop garage office
	start_key_server

	summary=
	members=
	show_method static 'one key for everybody, until somebody is put out'
	show_method update 'a new key whenever somebody comes or goes'
	show_method slotted 'a key for each second, given out in advance for as long as one may stay'

	say "mqtt-vpnctl groups and members in the office:"
	ask office groups
	ask office members

	cat <<-END

	What happened: the three hosts share one key, which the office hands out; so what is for everybody
	is sent once, however many there are. The broker passed all of it on, and learnt no key.

	  method    one more joins              one is put out              pings lost
	$summary
	  Joining is all until the newcomer takes part: handshake, keys, and who is who.
	  Who is put out reads nothing from then on, with any method. They differ in the rest:
	  static    a newcomer could read what was recorded before; who leaves, what comes
	  update    neither; each time, everybody is told of a new key, in one message
	  slotted   neither; when somebody comes, or the time of somebody is over, nobody is told
	All of it goes away now, except for the build directory $build.
	END
}
