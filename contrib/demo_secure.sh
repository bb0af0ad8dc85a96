# shellcheck shell=sh disable=SC2154 # demo.sh, which sources this, has set them
# demo.sh secure: from nothing to a broker that only its nodes may use, the proof of it, and a node that
# is locked out while it downloads.
#
# SPDX-License-Identifier: ISC

secure_address=198.18.0.1

# Serves several at a time; python3 -m http.server would ask DNS for its own name first.
files_server='
import functools, http.server, socketserver, sys
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
files = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
Server(("10.0.1.1", 8080), files).serve_forever()'

make_secure_network()
{
	ip netns add "$broker"
	inside "$broker" ip link set lo up
	inside "$broker" ip address add "$secure_address/32" dev lo
	inside "$broker" sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
	join_host "$workshop" to-workshop 198.51.100
	join_host "$kitchen" to-kitchen 192.0.2
	join_host "$garage" to-garage 203.0.113
	chmod 711 "$run" # mosquitto gives up root before it reads its files
}

# Shows the command as one would type it, and runs it where the broker is.
pki()
{
	printf '%s\n' "# mqtt-vpn-pki $*"
	MQTT_VPNCTL=$vpnctl inside "$broker" "$build/objects/contrib/pki/mqtt-vpn-pki" -D "$run/pki" "$@" |
		sed 's/^/    /'
}

milliseconds()
{
	echo $(($(date +%s%N) / 1000000))
}

receives()
{
	[ "$(counter "$1" rx_packets)" -gt "$2" ]
}

# When the last packet reached HOST, of which there has been none for a second.
last_heard()
{
	seen=
	since=$(milliseconds)
	until [ $(($(milliseconds) - since)) -gt 1000 ]; do
		count=$(counter "$1" rx_packets)
		if [ "$count" != "$seen" ]; then
			seen=$count
			since=$(milliseconds)
		fi
	done
	echo "$since"
}

# start_secured HOST NAMESPACE: with nothing but what mqtt-vpn-pki made for it; daemon is its process.
start_secured()
{
	start "$1" "$2" "$vpnd" -f -c "$run/$1/mqtt-vpn.conf" -s "$run/$1.sock"
	daemon=$!
}

# The kitchen for ever, the garage a file of which it takes the sum.
start_downloads()
{
	mkdir "$run/files"
	head -c 100000000 /dev/urandom >"$run/files/photos"
	truncate -s 100G "$run/files/films"
	start web "$workshop" python3 -c "$files_server" "$run/files"
	await "the web server" inside "$workshop" curl -sf -o /dev/null -r 0-9 http://10.0.1.1:8080/photos
	start films "$kitchen" curl -s -o /dev/null http://10.0.1.1:8080/films
	await "the kitchen's download" receives kitchen 1000
	# shellcheck disable=SC2016 # another shell knows it
	start photos "$garage" sh -c 'curl -sS --fail -m 300 http://10.0.1.1:8080/photos | sha256sum'
	photos=$!
	await "the garage's download" receives garage 200
}

verify_broker()
{
	MQTT_VPNCTL=$vpnctl inside "$broker" "$build/objects/contrib/pki/mqtt-vpn-pki" -D "$run/pki" \
		broker verify "$@" >"$run/verified.log" 2>&1 || {
		cat "$run/verified.log" >&2
		die "broker verify found something"
	}
	printf '%s\n' "# mqtt-vpn-pki broker verify $*"
	sed 's/^/    /' "$run/verified.log"
}

lock_out()
{
	began=$(milliseconds)
	pki revoke kitchen
	pki broker apply
	ended=$(last_heard kitchen)
	cut_off=$((ended - began))
	[ "$cut_off" -lt 5000 ] || die "the kitchen went on for $cut_off ms"
	wait "$photos" || die "the garage's download failed"
	[ "$(cat "$run/photos.log")" = "$(sha256sum <"$run/files/photos")" ] ||
		die "what reached the garage is not what was sent"
	inside "$garage" ping -q -c 3 -i 0.2 -W 2 10.0.1.1 >"$run/ping.log" ||
		die "the garage does not reach the workshop"
}

is_shut_out()
{
	ask kitchen status | grep -q -i 'error.*certificate'
}

show_secure()
{
	say "Making a workshop, a kitchen and a garage that reach the broker, but not each other"
	make_secure_network

	say "A CA, a certificate for the broker, and a certificate and a whole configuration for each"
	pki init --network demo
	pki server "$secure_address"
	for host in workshop kitchen garage; do
		pki node "$host" --directory "$run/$host"
	done

	say "The broker: TLS, only with a certificate, and each only with its own topics"
	pki broker mosquitto --dir "$run/secure-broker" --listen "$secure_address:8883"
	pki broker apply
	start broker "$broker" mosquitto -c "$run/secure-broker/mosquitto.conf"
	await "the broker" inside "$broker" sh -c 'ss -Hltn "sport = 8883" | grep -q .'
	echo "What the kitchen may do there:"
	sed -n '/^user kitchen/,/^$/p' "$run/secure-broker/acl" | sed 's/^/    /'

	say "Is the broker what it should be? It is tried, with certificates that must not work too"
	verify_broker workshop kitchen

	say "mqtt-vpnd in all three, with what was made for them"
	start_secured workshop "$workshop"
	start_secured garage "$garage"
	start_secured kitchen "$kitchen"
	for host in workshop kitchen garage; do
		await "the $host" ask "$host" status
	done
	ask workshop status | sed -n '/^Link/,/^Peers/p' | sed '$d'

	say "Kitchen and garage download from the workshop; then the kitchen is locked out"
	start_downloads
	lock_out

	say "The kitchen tries again. Its status:"
	kill "$daemon"
	wait "$daemon" || true
	start_secured kitchen "$kitchen"
	await "what the kitchen says" is_shut_out
	ask kitchen status | sed -n '/^Link/,/error/p'

	say "Is the broker still what it should be?"
	verify_broker workshop garage

	cat <<-END

	What happened: mqtt-vpn-pki made a CA, and with it a broker that speaks TLS only and lets nobody in
	without a certificate of that CA. A node can read what is for it or for all, and send as itself; the
	broker refuses the rest. That was not believed but tried, before and after.
	  The kitchen:  was cut off $cut_off ms after "revoke" began, in the middle of a download,
	                and is refused since
	  The garage:   went on downloading meanwhile, 100 MB, SHA-256 verified
	On your own machines the same commands do it; mqtt-vpn-pki(8) tells how.
	All of it goes away now, except for the build directory $build.
	END
}
