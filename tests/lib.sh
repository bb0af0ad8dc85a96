# shellcheck shell=sh
# Common ground of tests/netns_*.sh: network namespaces, a private mosquitto, the daemons and what
# to wait for. Sourced. Every test has its own names, ports and files, so that all of them may run
# at the same time. Environment: srcdir, builddir, VALGRIND (a prefix for the daemons), KEEP (leave
# the files of the test behind); and for the tests of the tunnel itself (TUNNEL_TESTS in netns.am),
# so that they can run over everything: WIRE, what the nodes speak, is mqtt_vpn (the default) or the
# mode of the native wire, psk, pubkey or group; PROXY=yes puts evil_broker.py before each broker, harmless
# until evil() tells it otherwise. A test for which only one of these makes sense sets it before it
# sources this file.
#
# The network: namespace "b" holds the brokers, each with an address of its own on lo (10.99.0.1 and
# fd99::1, 10.99.0.2 and fd99::2, ...). Node N has a link to it: there up0 with 10.99.N.2 and
# fd99:0:0:N::2, and its default route.
#
# SPDX-License-Identifier: ISC

set -eu

srcdir=$(cd "${srcdir:-$(dirname "$0")/..}" && pwd)
builddir=$(cd "${builddir:-$srcdir}" && pwd)
VALGRIND=${VALGRIND:-}
WIRE=${WIRE:-mqtt_vpn}
PROXY=${PROXY:-no}
vpnd=$builddir/mqtt-vpnd
vpnctl=$builddir/mqtt-vpnctl
python=/usr/bin/python3
tool=$srcdir/tests/net_tool.py
prefix=mqv$$-
tmp=
nodes=

step()
{
	echo "# $*"
}

fail()
{
	echo "FAIL: $*" >&2
	exit 1
}

skip()
{
	echo "SKIP: $*"
	exit 77
}

# Monotonic milliseconds, into $now: no process is started.
clock()
{
	read -r _uptime _ </proc/uptime
	now=$((${_uptime%.*}${_uptime#*.} * 10))
}

need()
{
	for _command; do
		command -v "$_command" >/dev/null || skip "$_command is not installed"
	done
}

alive()
{
	[ -n "$1" ] && kill -0 "$1" 2>/dev/null && ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

dead()
{
	! alive "$1"
}

# Ends what this test started: its own children, then whatever lives in its own namespaces.
stop_all()
{
	_pids=
	for _file in "$tmp"/*.pid; do
		[ -f "$_file" ] && _pids="$_pids $(cat "$_file")"
	done
	for _node in $nodes; do
		_pids="$_pids $(ip netns pids "$prefix$_node" 2>/dev/null || true)"
	done
	for _pid in $_pids; do
		kill -CONT "$_pid" 2>/dev/null || true
		kill -TERM "$_pid" 2>/dev/null || true
	done
	clock
	_deadline=$((now + 3000))
	for _pid in $_pids; do
		while alive "$_pid" && [ "$now" -lt "$_deadline" ]; do
			sleep 0.05
			clock
		done
		if alive "$_pid"; then
			kill -KILL "$_pid" 2>/dev/null || true
		fi
	done
}

show_logs()
{
	for _file in "$tmp"/*.log; do
		[ -s "$_file" ] || continue
		echo "---- $(basename "$_file") (last 60 lines)"
		tail -n 60 "$_file"
	done >&2
}

finish()
{
	_status=$?
	trap '' EXIT HUP INT PIPE TERM
	set +e
	[ -n "$tmp" ] || exit "$_status"
	stop_all
	[ "$_status" -eq 0 ] || [ "$_status" -eq 77 ] || show_logs
	for _node in $nodes; do
		ip netns del "$prefix$_node" 2>/dev/null
		rm -rf "/etc/netns/$prefix$_node"
	done
	rmdir /etc/netns 2>/dev/null
	if command -v cleanup_extra >/dev/null; then
		cleanup_extra
	fi
	[ -n "${KEEP:-}" ] || rm -rf "$tmp"
	exit "$_status"
}

# Checks what every test needs, then makes the directory and the namespace of the brokers.
begin()
{
	[ "$(id -u)" -eq 0 ] || skip "network namespaces and TUN devices need root"
	[ -c /dev/net/tun ] || skip "there is no /dev/net/tun"
	need ip mosquitto ping mosquitto_sub mosquitto_pub
	[ -x "$python" ] || skip "there is no $python"
	case $WIRE/$PROXY in
	mqtt_vpn/yes | mqtt_vpn/no | psk/yes | psk/no | pubkey/yes | pubkey/no) ;;
	group/yes | group/no) ;;
	*) fail "WIRE=$WIRE: no mode; PROXY=$PROXY: expected yes or no" ;;
	esac
	tmp=$(mktemp -d "${TMPDIR:-/tmp}/$(basename "$0" .sh).XXXXXX")
	trap finish EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 141' PIPE
	trap 'exit 143' TERM
	ip netns add "${prefix}b" 2>"$tmp/netns.err" ||
	    skip "no network namespace can be made: $(cat "$tmp/netns.err")"
	nodes=b
	ip -n "${prefix}b" link set lo up
	have_ipv6=no
	if ip -n "${prefix}b" address add fd99::1/128 dev lo nodad 2>/dev/null; then
		have_ipv6=yes
	fi
	ip -n "${prefix}b" address add 10.99.0.1/32 dev lo
}

need_daemon()
{
	[ -x "$vpnd" ] || skip "$vpnd is not built"
	[ -x "$vpnctl" ] || skip "$vpnctl is not built"
}

# in_ns NODE COMMAND...
in_ns()
{
	_node=$1
	shift
	ip netns exec "$prefix$_node" "$@"
}

# swallow_address N ADDRESS: what nN sends there never arrives, and nobody says so.
swallow_address()
{
	ip -n "${prefix}n$1" neighbour replace "$2" lladdr 02:00:00:00:00:01 nud permanent dev up0
	ip -n "${prefix}n$1" route replace "$2/32" dev up0
}

# masquerade NODE DEVICE: source NAT for IPv4.
masquerade()
{
	if command -v nft >/dev/null; then
		in_ns "$1" nft -f - <<-END
			table ip nat {
				chain postrouting {
					type nat hook postrouting priority 100
					oifname "$2" masquerade
				}
			}
		END
	else
		need iptables
		in_ns "$1" iptables -t nat -A POSTROUTING -o "$2" -j MASQUERADE
	fi
}

# has_interface NODE [NAME]
has_interface()
{
	ip -n "$prefix$1" link show dev "${2:-mq0}" >/dev/null 2>&1
}

# A namespace without any link.
bare_new()
{
	ip netns add "$prefix$1"
	nodes="$nodes $1"
	ip -n "$prefix$1" link set lo up
}

# node_new N...: namespaces n1, n2, ... that reach the brokers.
node_new()
{
	for _n; do
		bare_new "n$_n"
		ip link add name "to$_n" netns "${prefix}b" type veth \
		    peer name up0 netns "${prefix}n$_n"
		ip -n "${prefix}b" address add "10.99.$_n.1/24" dev "to$_n"
		ip -n "${prefix}b" link set "to$_n" up
		ip -n "${prefix}n$_n" address add "10.99.$_n.2/24" dev up0
		ip -n "${prefix}n$_n" link set up0 up
		ip -n "${prefix}n$_n" route add default via "10.99.$_n.1"
		[ "$have_ipv6" = yes ] || continue
		ip -n "${prefix}b" address add "fd99:0:0:$_n::1/64" dev "to$_n" nodad
		ip -n "${prefix}n$_n" address add "fd99:0:0:$_n::2/64" dev up0 nodad
		ip -n "${prefix}n$_n" route add default via "fd99:0:0:$_n::1"
	done
}

# lan_new NODE HOST NET4 NET6: a host behind a node: lan0 there has NET4.1 and NET6::1, eth0 of the
# host NET4.100 and NET6::100.
lan_new()
{
	bare_new "$2"
	ip link add name lan0 netns "$prefix$1" type veth peer name eth0 netns "$prefix$2"
	ip -n "$prefix$1" address add "$3.1/24" dev lan0
	ip -n "$prefix$1" link set lan0 up
	ip -n "$prefix$2" address add "$3.100/24" dev eth0
	ip -n "$prefix$2" link set eth0 up
	ip -n "$prefix$2" route add default via "$3.1"
	in_ns "$1" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	[ "$have_ipv6" = yes ] || return 0
	ip -n "$prefix$1" address add "$4::1/64" dev lan0 nodad
	ip -n "$prefix$2" address add "$4::100/64" dev eth0 nodad
	ip -n "$prefix$2" route add default via "$4::1"
	in_ns "$1" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
}

# spawn NODE NAME COMMAND...: in the background, with its output in $tmp/NAME.log.
spawn()
{
	_node=$1
	_name=$2
	shift 2
	ip netns exec "$prefix$_node" "$@" >>"$tmp/$_name.log" 2>&1 </dev/null &
	echo $! >"$tmp/$_name.pid"
}

# spawn_listener NODE NAME COMMAND...: the same, and waits until it says that it listens.
spawn_listener()
{
	_before=$(log_count "$2" '^listening')
	spawn "$@"
	wait_for 10 log_has_more "$_name" '^listening' "$_before" || fail "$_name does not start"
}

pid_of()
{
	cat "$tmp/$1.pid"
}

# Waits until a spawned process ended; its exit status is in $status. Fails after 10 s.
# shellcheck disable=SC2034 # status is for the tests
reap()
{
	_pid=$(pid_of "$1")
	wait_for 10 dead "$_pid" || fail "$1 does not end"
	status=0
	{ wait "$_pid" || status=$?; } 2>/dev/null # the shell would tell of the signal
	rm -f "$tmp/$1.pid"
}

# stop NAME [SIGNAL]
stop()
{
	kill -s "${2:-TERM}" "$(pid_of "$1")"
	reap "$1"
}

# wait_for SECONDS COMMAND...: until it succeeds; false when the time is over.
wait_for()
{
	clock
	_wait_end=$((now + $1 * 1000))
	shift
	until "$@" >/dev/null 2>&1; do
		clock
		[ "$now" -lt "$_wait_end" ] || return 1
		sleep 0.05
	done
}

logged()
{
	grep -q -e "$2" "$tmp/$1.log" 2>/dev/null
}

# log_has_more NAME PATTERN COUNT
log_has_more()
{
	[ "$(log_count "$1" "$2")" -gt "$3" ]
}

# Number of lines of a log that match.
log_count()
{
	{ grep -e "$2" "$tmp/$1.log" 2>/dev/null || true; } | wc -l
}

# expect_log NAME PATTERN [SECONDS]
expect_log()
{
	wait_for "${3:-5}" logged "$1" "$2" || fail "the log of $1 does not say: $2"
}

# broker_conf NAME IP4 IP6: a configuration that anyone may use; a test may append to the file.
broker_conf()
{
	_port=1883
	[ "$PROXY" = no ] || _port=11883
	cat >"$tmp/$1.conf" <<-END
		per_listener_settings true
		user root
		log_dest stderr
		log_type error
		log_type warning
		log_type notice
		log_type information
		log_type subscribe
		log_type unsubscribe
		sys_interval 0
		set_tcp_nodelay true
		listener $_port $2
		allow_anonymous true
	END
	ip -n "${prefix}b" address replace "$2/32" dev lo
	if [ "$have_ipv6" = yes ]; then
		ip -n "${prefix}b" address replace "$3/128" dev lo nodad
		cat >>"$tmp/$1.conf" <<-END
			listener $_port $3
			allow_anonymous true
		END
	fi
	[ "$PROXY" = no ] || proxy_start "$@"
}

# proxy_start NAME IP4 IP6: listens for the broker of that name whenever that is there.
proxy_start()
{
	_six=
	[ "$have_ipv6" = no ] || _six=$3
	spawn_listener b "$1-proxy" "$python" "$srcdir/tests/evil_broker.py" \
	    -c "$tmp/$1-proxy.sock" -u "$2:11883" -l "$2" ${_six:+-l "$_six"}
}

# evil_at NAME COMMAND...: tells the proxy of that broker what to do; prints its answer. The commands
# are described in evil_broker.py.
evil_at()
{
	_socket=$tmp/$1-proxy.sock
	shift
	"$python" "$tool" evil "$_socket" "$@"
}

# evil COMMAND...: the same for the usual broker. Some take long: in the background wait for their
# own process ($!), never for all, as the daemons are among them.
evil()
{
	evil_at broker "$@"
}

# broker_run NAME: starts mosquitto with the file that broker_conf made; returns when it listens.
broker_run()
{
	_before=$(log_count "$1" ' running$')
	spawn b "$1" mosquitto -c "$tmp/$1.conf"
	wait_for 10 log_has_more "$1" ' running$' "$_before" || fail "mosquitto does not start"
	[ "$PROXY" = no ] || wait_for 5 evil_at "$1" ready || fail "the proxy of $1 does not follow"
}

# The usual case: one broker, 10.99.0.1 and fd99::1.
broker_start()
{
	broker_conf broker 10.99.0.1 fd99::1
	broker_run broker
}

broker=mqtt://10.99.0.1

# hostile_start NAME ADDRESS CASE [ARGUMENT...]: a broker that misbehaves.
hostile_start()
{
	_name=$1
	_address=$2
	shift 2
	ip -n "${prefix}b" address replace "$_address/32" dev lo
	spawn_listener b "$_name" "$python" "$srcdir/tests/hostile_broker.py" -l "$_address" "$@"
}

# network_key [PASSWORD]: the file with the key of the test's network, another one for each password.
network_key()
{
	_key=$tmp/network-$(printf %s "${1:-}" | cksum | tr ' ' -)
	[ -e "$_key" ] || secret_file "$_key" "$(head -c 32 /dev/urandom | base64)"
	echo "$_key"
}

# Key pairs of the nodes 1 to 4, once: $tmp/node-N.key and .pub.
node_keys()
{
	for _k in 1 2 3 4; do
		[ ! -e "$tmp/node-$_k.pub" ] || continue
		(umask 077 && "$vpnctl" genkey >"$tmp/node-$_k.key") || fail "mqtt-vpnctl genkey"
		"$vpnctl" pubkey <"$tmp/node-$_k.key" >"$tmp/node-$_k.pub" || fail "mqtt-vpnctl pubkey"
	done
}

# peer_conf N NAME [SETTINGS]: the section of node N in the file of another node.
peer_conf()
{
	_addresses="\"10.0.1.$1\""
	[ "$have_ipv6" = no ] || _addresses="$_addresses, \"fd00:6d71::$1\""
	_public=
	if [ "$WIRE" = pubkey ]; then
		node_keys
		_public="public-key = \"$(cat "$tmp/node-$1.pub")\""
	fi
	echo "peer \"$2\" { address = {$_addresses} $_public ${3:-} }"
}

# wire_conf N [REST]: what the file of node N says of the wire. In the mode pubkey that includes all
# peers, but those that REST has under their IPv4 address.
wire_conf()
{
	case $WIRE in
	mqtt_vpn)
		echo 'wire = mqtt_vpn'
		return
		;;
	psk) echo "mode = psk passphrase-file = \"$(network_key)\"" ;;
	pubkey)
		node_keys
		echo "mode = pubkey private-key-file = \"$tmp/node-$1.key\""
		for _peer in 1 2 3 4; do
			case "$_peer ${2:-}" in
			"$1 "* | *"\"10.0.1.$_peer\""*) ;;
			*) peer_conf "$_peer" "n$_peer" ;;
			esac
		done
		;;
	group)
		echo "mode = group private-key-file = \"$tmp/node-$1.key\""
		echo "key-server = \"$(cat "$tmp/keyd.pub")\""
		;;
	esac
	echo 'wire = native network = "test"'
}

# The key server for the mode group, once: it knows the nodes 1 to 4 by their usual addresses.
key_server()
{
	[ "$WIRE" = group ] && [ ! -e "$tmp/keyd.pid" ] || return 0
	# shellcheck source=tests/lib_group.sh
	. "$srcdir/tests/lib_group.sh"
	need_keyd
	keyd_conf 'lease = 10'
	keyd_start
}

# daemon_start NODE OPTION...: mqtt-vpnd in the foreground; log and socket are named by the node. On
# the native wire "-k PASSWORD" is the key of that name.
daemon_start()
{
	_name=$1
	shift
	_left=$#
	while [ "$WIRE" != mqtt_vpn ] && [ "$_left" -gt 0 ]; do
		_left=$((_left - 1))
		_option=$1
		shift
		if [ "$_option" = -k ]; then
			_left=$((_left - 1))
			_option=--passphrase-file=$(network_key "$1")
			shift
			[ "$WIRE" != group ] || continue # the keys say enough
		fi
		set -- "$@" "$_option"
	done
	# shellcheck disable=SC2086 # VALGRIND is a list of words
	spawn "$_name" "$_name" $VALGRIND "$vpnd" -f -s "$tmp/$_name.sock" "$@"
}

# wire_start N OPTION...: a daemon in nN that knows the wire; the options say the rest.
wire_start()
{
	_n=$1
	shift
	case $WIRE in
	mqtt_vpn) set -- --wire mqtt_vpn "$@" ;;
	psk)
		case " $* " in
		*' -k '*) ;;
		*) set -- --passphrase-file "$(network_key)" "$@" ;;
		esac
		set -- --wire native --network "test" "$@"
		;;
	pubkey | group)
		key_server
		wire_conf "$_n" >"$tmp/wire-$_n.conf"
		set -- -c "$tmp/wire-$_n.conf" "$@"
		;;
	esac
	daemon_start "n$_n" "$@"
}

# node_start N OPTION...: a daemon in nN with mq0, 10.0.1.N/24 and fd00:6d71::N/64.
node_start()
{
	_n=$1
	shift
	[ "$have_ipv6" = no ] || set -- -6 "fd00:6d71::$_n" "$@"
	wire_start "$_n" -i mq0 -a "10.0.1.$_n/24" -b "$broker" "$@"
}

# node_conf N BROKERS [INTERFACE [REST]]: $tmp/nN.conf, to be given with -c. BROKERS are whole
# sections, INTERFACE and REST further settings of the interface and of the file.
node_conf()
{
	key_server
	_ours="\"10.0.1.$1/24\""
	[ "$have_ipv6" = no ] || _ours="$_ours, \"fd00:6d71::$1/64\""
	cat >"$tmp/n$1.conf" <<-END
		$(wire_conf "$1" "${4:-}")
		interface "mq0" {
			address = {$_ours}
			${3:-}
		}
		$2
		${4:-}
	END
}

# node_run N [OPTION...]: a daemon with the file of node_conf.
node_run()
{
	_n=$1
	shift
	daemon_start "n$_n" -c "$tmp/n$_n.conf" "$@"
}

# A file that only root can read, with that line.
secret_file()
{
	(umask 077 && echo "$2" >"$1")
}

ctl()
{
	_name=$1
	shift
	"$vpnctl" -s "$tmp/$_name.sock" "$@"
}

is_up()
{
	ctl "$1" status
}

is_down()
{
	_code=0
	ctl "$1" status || _code=$?
	[ "$_code" -eq 3 ]
}

# wait_up NODE [SECONDS]
wait_up()
{
	wait_for "${2:-15}" is_up "$1" || {
		ctl "$1" status >&2 || true
		fail "$1 did not come up within ${2:-15} s"
	}
}

wait_down()
{
	wait_for "${2:-15}" is_down "$1" || fail "$1 did not notice within ${2:-15} s"
}

# json NODE COMMAND KEY...: one value out of "mqtt-vpnctl --json COMMAND"; nothing if it is not there.
json()
{
	_name=$1
	_command=$2
	shift 2
	"$vpnctl" -s "$tmp/$_name.sock" --json "$_command" 2>/dev/null |
	    "$python" "$tool" json "$@"
}

last_error()
{
	json "$1" status link last_error
}

last_error_has()
{
	last_error "$1" | grep -q -i -E -e "$2"
}

# expect_error NODE PATTERN [SECONDS]: what status gives as the reason.
expect_error()
{
	wait_for "${3:-10}" last_error_has "$1" "$2" ||
	    fail "status of $1 should say '$2', but says '$(last_error "$1")'"
}

# counter NODE NAME
counter()
{
	json "$1" stats stats "name=$2" value
}

counter_above()
{
	_value=$(counter "$1" "$2")
	[ "${_value:-0}" -gt "$3" ]
}

# expect_counter NODE NAME: it is above 0 soon.
expect_counter()
{
	wait_for "${3:-10}" counter_above "$1" "$2" 0 || fail "$1 does not count $2"
}

pings()
{
	in_ns "$1" ping -n -c "${3:-3}" -i 0.2 -W 2 "$2" >"$tmp/ping.out" 2>&1
}

# expect_ping NODE ADDRESS [COUNT]
expect_ping()
{
	pings "$@" || {
		cat "$tmp/ping.out" >&2
		fail "$1 does not reach $2"
	}
}

expect_no_ping()
{
	if in_ns "$1" ping -n -c 3 -i 0.2 -W 1 "$2" >"$tmp/ping.out" 2>&1; then
		fail "$1 reaches $2, and should not"
	fi
}

# peer_state NODE ADDRESS: what the node says of the peer with that address: idle, connecting, up, ...
peer_state()
{
	json "$1" peers peers "addresses=$2" state
}

has_session()
{
	[ "$(peer_state "$1" "$2")" = up ]
}

# wait_session NODE ADDRESS [SECONDS]
wait_session()
{
	wait_for "${3:-10}" has_session "$1" "$2" ||
	    fail "$1 has no session with $2 within ${3:-10} s, but is $(peer_state "$1" "$2")"
}

# Under valgrind or a sanitizer figures of time and memory mean nothing.
instrumented()
{
	[ -n "$VALGRIND" ] || grep -q __asan_init "$vpnd"
}

# memory NODE FIELD: in kB, of /proc/PID/status.
memory()
{
	awk -v field="$2:" '$1 == field { print $2 }' "/proc/$(pid_of "$1")/status"
}

# What libmosquitto had in hand when one of its assertions failed is lost, once for each connection;
# nobody can free it.
forgive_failed_assertions()
{
	echo 'leak:libmosquitto.so' >"$tmp/lsan"
	LSAN_OPTIONS=suppressions=$tmp/lsan:print_suppressions=0
	export LSAN_OPTIONS
}

# expect_memory NODE FIELD LIMIT
expect_memory()
{
	instrumented && return 0
	_kb=$(memory "$1" "$2")
	echo "$1: $2 $_kb kB"
	[ "$_kb" -lt "$3" ] || fail "$2 of $1 is $_kb kB, not below $3"
}

# serve NODE ADDRESS FILE and fetch NODE ADDRESS: the file over TCP; fetch prints its SHA-256.
serve()
{
	spawn_listener "$1" "serve-$1" "$python" "$tool" serve "$2" 8080 "$3"
}

fetch()
{
	in_ns "$1" timeout "${3:-60}" "$python" "$tool" fetch "$2" 8080
}

random_file()
{
	head -c "$2" /dev/urandom >"$1"
	sha256sum "$1" | cut -d ' ' -f 1
}

# expect_download CLIENT SERVER ADDRESS FILE SUM [SECONDS]
expect_download()
{
	serve "$2" "$3" "$4"
	_got=$(fetch "$1" "$3" "${6:-60}") || fail "$1 could not download from $3"
	stop "serve-$2"
	[ "$_got" = "$5" ] || fail "the download from $3 to $1 is damaged"
}

# descriptors NODE: how many it has open.
descriptors()
{
	find "/proc/$(pid_of "$1")/fd" -type l | wc -l
}

# The control socket answers within 100 ms, 20 times in a row.
expect_control_fast()
{
	_limit=100
	if instrumented; then
		_limit=2000
	fi
	"$python" "$tool" control "$tmp/$1.sock" 20 "$_limit" ||
	    fail "the control socket of $1 is slow"
}
