# broker verify: proves that the running broker lets nobody do what they must not. Each refusal is
# shown beside something that is allowed and works, as a broker that is down refuses everything.
#
# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2034,SC2154 # the parts share their variables

failed=0

pass()
{
	printf 'pass  %s\n' "$*"
}

fail()
{
	failed=$((failed + 1))
	printf 'FAIL  %s\n' "$*"
}

skip()
{
	printf 'skip  %s\n' "$*"
}

# verdict STATUS TEXT [WHY]: pass for 0.
verdict()
{
	if [ "$1" -eq 0 ]; then
		pass "$2"
	else
		fail "$2${3:+: $3}"
	fi
}

verify_options()
{
	host=$b_server
	port=$s_port
	chosen=
	while [ $# -gt 0 ]; do
		case $1 in
		--host | --port)
			[ $# -ge 2 ] || misused "$1: expected a value"
			if [ "$1" = --host ]; then
				host=$2
			else
				port=$2
			fi
			shift
			;;
		-*) misused "broker verify: unknown option $1" ;;
		*)
			all_nodes | grep -qxF -e "$1" || die "there is no node '$1'"
			chosen="$chosen $1"
			;;
		esac
		shift
	done
	check_number --port "$port" 1 65535
}

# The part of a topic that follows "write" where any destination may stand: "P/N/+/OWN".
own_pattern()
(
	topics_of "$1" | sed -n 's|^write \(.*/+/[^/+]*\)$|\1|p' | head -n 1
)

# to_topic NODE SENDER: what SENDER may write to NODE, on the wire that both know.
to_topic()
(
	if [ "$(kind_of "$1")" = mqtt_vpn ] || [ "$(kind_of "$2")" = mqtt_vpn ]; then
		topics_of "$1" | sed -n "s|^read \($s_prefix/[^/]*\)\$|\1|p" | head -n 1
	else
		_to=$(own_pattern "$1")
		printf '%s/%s/%s\n' "${_to%/+/*}" "${_to##*/}" "$(sender_part "$2")"
	fi
)

sender_part()
(
	_own=$(own_pattern "$1")
	printf '%s\n' "${_own##*/}"
)

# The topic of all nodes, as SENDER writes it.
all_topic()
(
	_own=$(own_pattern "$1")
	_read=$(topics_of "$1" | sed -n "s|^read \(.*\)/+\$|\1|p" | grep -v -xF "${_own%/+/*}/${_own##*/}" |
	    grep -F "${_own%/+/*}/" | tail -n 1)
	printf '%s/%s\n' "$_read" "${_own##*/}"
)

# make_certificate NAME CA FILE: a key and a certificate for a day, of the CA in CA.crt and CA.key.
make_certificate()
{
	make_key "$work/$1.key"
	openssl req -new -config "$pki/ca/openssl.cnf" -key "$work/$1.key" -subj "/CN=$1" \
	    -out "$work/request" 2>/dev/null || die "openssl cannot make a request"
	openssl x509 -req -in "$work/request" -CA "$2.crt" -CAkey "$2.key" -days 1 -sha256 \
	    -set_serial "0x1$(openssl rand -hex 15)" -extfile "$pki/ca/openssl.cnf" \
	    -extensions node -out "$3" 2>/dev/null || die "openssl cannot make a certificate"
}

# with_credentials IDENTITY CERTIFICATE KEY NODE: what this kind of access needs; empty for none.
with_credentials()
{
	_identity=$1
	_certificate=$2
	_key=$3
	_node=$4
	set --
	[ "$s_access" = password ] || [ -z "$_certificate" ] ||
	    set -- "--cert $_certificate" "--key $_key"
	[ "$s_access" = certificate ] || [ -z "$_node" ] ||
	    set -- "$@" "-u $_node" "-P $(cat "$pki/nodes/$_node/password")"
	identity "$_identity" "$@"
}

# The CA vouches for us for a day, as the node that we try to be: so also nodes are tried whose keys
# never were here. The keys are gone when we end.
make_identities()
{
	for _name; do
		[ "$s_access" = password ] ||
		    make_certificate "$_name" "$pki/ca/ca" "$work/$_name.crt"
		with_credentials "$_name" "$work/$_name.crt" "$work/$_name.key" "$_name"
	done
}

# shut_out TOPIC TEXT: the identity "stranger" does not get in.
shut_out()
{
	if gets_in stranger "$1"; then
		fail "$2: it is let in"
	else
		pass "$2"
	fi
}

# Who must not get in: nobody, a certificate of somebody else's CA, a revoked one, a wrong password.
verify_strangers()
{
	_topic=$(to_topic "$1" "$1")
	if [ "$s_access" != password ]; then
		with_credentials stranger '' '' "$1"
		shut_out "$_topic" "no access without a certificate"
		make_key "$work/foreign.key"
		openssl req -new -x509 -config "$pki/ca/openssl.cnf" -extensions authority \
		    -key "$work/foreign.key" -days 1 -subj "/CN=$s_network VPN CA" -out "$work/foreign.crt"
		make_certificate "$1-foreign" "$work/foreign" "$work/stranger.crt"
		with_credentials stranger "$work/stranger.crt" "$work/$1-foreign.key" "$1"
		shut_out "$_topic" "no access with a certificate of a foreign CA"
		with_credentials stranger "$pki/probe/revoked.crt" "$pki/probe/revoked.key" "$1"
		shut_out "$_topic" "no access with a revoked certificate"
	fi
	verify_passwords "$1" "$_topic"
}

verify_passwords()
{
	[ "$s_access" != certificate ] || return 0
	set -- "$1" "$2" ''
	[ "$s_access" = password ] || set -- "$1" "$2" "--cert $work/$1.crt
--key $work/$1.key"
	identity stranger ${3:+"$3"}
	shut_out "$2" "no access without a password"
	identity stranger ${3:+"$3"} "-u $1" "-P $(openssl rand -hex 12)"
	shut_out "$2" "no access with a wrong password"
	for _gone in $(revoked_nodes); do
		[ -s "$pki/nodes/$_gone/password" ] || continue
		identity stranger ${3:+"$3"} "-u $_gone" "-P $(cat "$pki/nodes/$_gone/password")"
		shut_out "$2" "no access for $_gone, who was revoked"
		return
	done
}

# A client that would speak TLS 1.1, as the broker must be the one who does not.
verify_tls()
{
	openssl s_client -help 2>&1 | grep -q -e '-tls1_1' || {
		skip "no access with TLS 1.1: this openssl cannot try it"
		return
	}
	set -- -connect "$(url_host "$host"):$port" -tls1_1 -cipher 'ALL:@SECLEVEL=0'
	[ "$s_access" = password ] ||
	    set -- "$@" -cert "$work/$first.crt" -key "$work/$first.key"
	limited 5 openssl s_client "$@" >"$work/tls" 2>&1 || :
	if grep -q -i 'alert protocol version\|tlsv1 alert\|wrong version\|unsupported protocol' "$work/tls"; then
		pass "no access with TLS 1.1"
	elif grep -q 'Cipher is [^(]' "$work/tls"; then
		fail "no access with TLS 1.1: the broker speaks it"
	elif grep -q -i 'no protocols available\|no cipher' "$work/tls"; then
		skip "no access with TLS 1.1: this openssl cannot try it"
	else
		pass "no access with TLS 1.1"
	fi
}

url_host()
{
	if is_ipv6 "$1"; then
		printf '[%s]\n' "$1"
	else
		printf '%s\n' "$1"
	fi
}

# From its own host the kernel tells all of them.
verify_listeners()
{
	_pid=$(broker_pid "${b_listen%% *}")
	if [ -z "$_pid" ]; then
		verify_ports_from_here
		return
	fi
	listens_of "$_pid" >"$work/listens"
	_extra=
	while read -r _one; do
		is_wanted "$_one" || _extra="$_extra, $(readable "$_one")"
	done <"$work/listens"
	if [ -z "$_extra" ]; then
		pass "the broker listens on nothing but $b_listen"
	else
		fail "the broker listens on nothing but $b_listen: it does on${_extra#,}"
	fi
}

# From elsewhere the usual ports have to do.
verify_ports_from_here()
{
	_open=
	for _port in 1883 1884 8080 8081 8083 8084 8883 8884 9001; do
		[ "$_port" != "$port" ] || continue
		limited 2 mosquitto_pub -h "$host" -p "$_port" -t x -m x >"$work/publish.err" 2>&1 || continue
		_open="$_open $_port"
	done
	if [ -z "$_open" ]; then
		pass "no other port of $host that MQTT has usually takes clients (run this on its host to see all)"
	else
		fail "no other port of $host takes clients: port$_open does"
	fi
}

# unheard TEXT LISTENER FILTER SENDER TOPIC CONTROL-SENDER CONTROL-TOPIC: SENDER's message to TOPIC does
# not reach LISTENER, who hears the control before and after it.
unheard()
{
	listen "$2" "$3" "$7"
	_why="the control did not arrive, so that nothing is proved"
	_rc=1
	if ready "$6" "$7"; then
		publish "$4" "$5" forbidden || :
		publish "$6" "$7" control || :
		if hears ' control'; then
			_rc=0
			_why="it can"
			! grep -q ' forbidden$' "$work/heard" || _rc=1
		fi
	fi
	hang_up
	verdict "$_rc" "$1" "$_why"
}

# verify_pair A B: what A must not do with what is B's.
verify_pair()
{
	_control=$(to_topic "$1" "$2")
	_to_b=$(to_topic "$2" "$2")
	if [ "$(kind_of "$2")" = mqtt_vpn ]; then
		unheard "$1 cannot read what is for $2" "$1" "$_to_b" "$2" "$_to_b" "$2" "$_control"
		unheard "$1 cannot read '#'" "$1" '#' "$2" "$_to_b" "$2" "$_control"
		skip "$1 cannot send as $2: on the wire mqtt_vpn no topic tells who sends"
		return
	fi
	unheard "$1 cannot read what is for $2" "$1" "${_to_b%/*}/+" "$2" "$_to_b" "$2" "$_control"
	unheard "$1 cannot read '#'" "$1" '#' "$2" "$_to_b" "$2" "$_control"
	_control=$(to_topic "$2" "$1")
	unheard "$1 cannot send as $2 to $2" "$2" "$_to_b" "$1" "$_to_b" "$1" "$_control"
	_all=$(all_topic "$2")
	unheard "$1 cannot send as $2 to all" "$2" "$_all" "$1" "$_all" "$1" "$_control"
}

verify_size()
{
	_own=$(to_topic "$1" "$1")
	awk 'BEGIN { for (i = 0; i < 65536 + 64; i++) printf "x" }' >"$work/large"
	awk -v n="$((max_packet + 1))" 'BEGIN { for (i = 0; i < n; i++) printf "y" }' >"$work/oversize"
	listen "$1" "$_own"
	_rc=1
	if ready "$1" "$_own"; then
		publish "$1" "$_own" -f "$work/oversize" || :
		publish "$1" "$_own" -f "$work/large" || :
		publish "$1" "$_own" control || :
		! hears ' control' || _rc=0
	fi
	_large=1
	! grep -q '^65600 x' "$work/heard" || _large=0
	verdict "$_large" "a message of mqtt-vpnd's largest size, 64 KiB, passes"
	! grep -q "^$((max_packet + 1)) y" "$work/heard" || _rc=1
	hang_up
	verdict "$_rc" "a message above $max_packet bytes is refused"
}

explain_no_entry()
{
	_said=$(tail -n 1 "$work/publish.err")
	printf '%s' "${_said:-no answer} ($host, port $port)"
	limited 5 openssl s_client -connect "$(url_host "$host"):$port" -CAfile "$pki/ca/ca.crt" \
	    -verify_ip "$host" >"$work/tls" 2>&1 || :
	if grep -q -i 'mismatch' "$work/tls"; then
		limited 5 openssl s_client -connect "$(url_host "$host"):$port" -showcerts >"$work/tls" 2>&1 || :
		openssl x509 -in "$work/tls" -out "$work/seen.crt" 2>/dev/null || return 0
		printf '; its certificate is for %s' "$(names_of "$work/seen.crt")"
	fi
}

run_verify()
{
	require_ca
	need "$vpnctl" mosquitto_pub mosquitto_sub
	[ -f "$pki/broker/settings" ] || die "there is no broker yet: first 'mqtt-vpn-pki broker mosquitto'"
	load_broker
	verify_options "$@"
	check_clock
	# shellcheck disable=SC2086 # lists
	set -- ${chosen:-$(all_nodes | head -n 2)}
	[ $# -gt 0 ] || die "there is no node yet, and so nobody to try the broker as"
	first=$1
	make_identities "$@"
	if ! gets_in "$1" "$(to_topic "$1" "$1")"; then
		fail "$1 gets in: $(explain_no_entry)"
		die "without that nothing else can be proved"
	fi
	pass "$1 gets in"
	verify_listeners
	verify_strangers "$1"
	verify_tls
	verify_pairs "$@"
	verify_size "$1"
	did_something=yes
	[ "$failed" -eq 0 ] || die "$failed of these failed: the broker is not safe"
}

# Each with the next, and the last with the first.
verify_pairs()
{
	if [ $# -lt 2 ]; then
		skip "what one node must not do with another's topics: there is only $1"
		return
	fi
	_first=$1
	while [ $# -ge 2 ]; do
		verify_pair "$1" "$2"
		shift
	done
	verify_pair "$1" "$_first"
}
