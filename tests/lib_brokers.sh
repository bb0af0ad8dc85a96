# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # what others use, and what lib.sh sets
# What tests/brokers_*.sh share: the same questions to each broker that people have. Sourced, after
# lib.sh. "contrib/check.sh --brokers" runs them; "make check" does not.
#
# Node N of a broker has the address 10.99.0.N and listens on port 1883; it knows the users "node",
# who may do everything, and "denied", who may connect and nothing else; their passwords are their
# names. A test defines
#
#   kind_need        skips it where something is missing
#   kind_conf N      writes what node N reads; no message may be longer than $limit, if that is set
#   kind_run N       starts it, as the process "brokerN"
#   kind_stop N      ends it in order; the default is SIGTERM
#
# and says what is known of this broker:
#
#   name             for the figures, with its version
#   versions         of MQTT
#   dotted           yes: topics with dots pass, so that wire = mqtt_vpn does
#   retained         yes: a retained message comes to a subscription with a wildcard (MQTT 3.1.1)
#   denied           pattern of what status says to "denied"
#   oversize         what becomes of a message that is too long: told (the broker says its limit, and
#                    it is kept), taken (it knows no such limit for MQTT), lost, or closed
#   broker_nodes     with a cluster: all its nodes
#   second           with a cluster: where node 2 of the VPN is, when node 1 is at the first
#   moved_ms         with a cluster: how long traffic stands still at most when a node is killed
#
# Each figure is a line "measured: NAME: WHAT: VALUE".
#
# SPDX-License-Identifier: ISC

limit=
versions='5 3.1.1'
dotted=yes
retained=yes
oversize=told
broker_nodes=1
second=1
moved_ms=3000
start_seconds=20

kind_stop()
{
	stop "broker$1"
}

measured()
{
	echo "measured: $name: $*"
}

brokers_begin()
{
	begin
	need_daemon
	kind_need
	secret_file "$tmp/node.password" node
	secret_file "$tmp/denied.password" denied
	for _b in 1 2 3 9; do
		ip -n "${prefix}b" address replace "10.99.0.$_b/32" dev lo
	done
}

# publishes N USER TOPIC [OPTION...]: as another client would.
publishes()
{
	_b=$1
	_user=$2
	_topic=$3
	shift 3
	in_ns b timeout 5 mosquitto_pub -V mqttv311 -h "10.99.0.$_b" -u "$_user" -P "$_user" -t "$_topic" "$@"
}

broker_answers()
{
	publishes "$1" node "test/probe-$1" -m x
}

# broker_start N...: all at once; they answer when this returns.
broker_start()
{
	for _start; do
		kind_run "$_start"
	done
	for _start; do
		wait_for "$start_seconds" broker_answers "$_start" || fail "broker $_start does not answer"
	done
}

# spare_start: a mosquitto that anybody may use, at 10.99.0.9.
spare_start()
{
	broker_conf spare 10.99.0.9 fd99::9
	broker_run spare
}

# section N [SETTINGS]: of broker N for the user "node".
section()
{
	echo "broker \"mqtt://10.99.0.$1\" {
		username = ${user:-node} password-file = \"$tmp/${user:-node}.password\" timeout = 5
		${2:-}
	}"
}

# vpn_start N SECTIONS: node N of the VPN.
vpn_start()
{
	_rest='topics = plain'
	[ "$WIRE" != mqtt_vpn ] || _rest=
	node_conf "$1" "$2" '' "$_rest"
	node_run "$1"
}

# vpn_pair [SETTINGS [SECTIONS]]: nodes 1 and 2, each at its broker, which come up; SECTIONS are of
# further brokers.
vpn_pair()
{
	vpn_start 1 "$(section 1 "${1:-}") ${2:-}"
	vpn_start 2 "$(section "$second" "${1:-}") ${2:-}"
	wait_uses n1 1
	wait_uses n2 "$second"
}

vpn_stop()
{
	for _n; do
		stop "n$_n"
		[ "$status" -eq 0 ] || fail "n$_n ended with status $status"
		rm -f "$tmp/n$_n.log"
	done
}

uses()
{
	[ "$(json "$1" status link broker)" = "mqtt://10.99.0.$2" ] && is_up "$1"
}

# wait_uses NODE BROKER [SECONDS]
wait_uses()
{
	wait_for "${3:-30}" uses "$1" "$2" ||
	    fail "$1 is not at broker $2, but at $(json "$1" status link broker): $(last_error "$1")"
}

# wait_ping NODE ADDRESS [SECONDS]
wait_ping()
{
	wait_for "${3:-10}" pings "$1" "$2" 1 || fail "$1 does not reach $2"
}

both_versions()
{
	for version in 3.1.1 5; do
		step "protocol = $version"
		case " $versions " in
		*" $version "*)
			vpn_pair "protocol = $version"
			[ "$(json n1 status link protocol)" = "$version" ] || fail "n1 speaks another version"
			wait_ping n1 10.0.1.2
			;;
		*)
			vpn_start 1 "$(section 1 "protocol = $version")"
			vpn_start 2 "$(section "$second")"
			expect_error n1 "does not speak MQTT $version|without an answer to CONNECT"
			last_error n1
			;;
		esac
		vpn_stop 1 2
	done
	step "the version that is found"
	vpn_pair
	[ "$(json n1 status link protocol)" = "${versions%% *}" ] ||
	    fail "n1 found $(json n1 status link protocol)"
}

traffic()
{
	step "ping and download"
	expect_ping n1 10.0.1.2 10
	[ "$have_ipv6" = no ] || expect_ping n2 fd00:6d71::1
	expect_download n1 n2 10.0.1.2 "$tmp/file" "$sum"
	expect_download n2 n1 10.0.1.1 "$tmp/file" "$sum"
}

restart()
{
	step "the broker ends and comes back"
	kind_stop 1
	wait_down n1
	wait_down n2
	broker_start 1
	wait_up n1 30
	wait_up n2 30
	wait_ping n1 10.0.1.2
	vpn_stop 1 2
}

failover()
{
	step "killed: the next one of the list, and back"
	spare_start
	vpn_pair '' 'broker "mqtt://10.99.0.9" { }'
	expect_ping n1 10.0.1.2
	gap_begin n1 10.0.1.2
	stop broker1 KILL
	wait_uses n1 9
	wait_uses n2 9
	gap_end
	measured "another broker has the traffic after, ms: $gap"
	[ "$gap" -le 3000 ] || fail "it took $gap ms"
	broker_start 1
	stop spare KILL
	wait_uses n1 1
	wait_uses n2 1
	wait_ping n1 10.0.1.2
	vpn_stop 1 2
}

# A message of an earlier time on the topic that n2 publishes to n1.
retained_message()
{
	step "a retained message is ignored"
	publishes "$second" node mqttip/test/0a000101/0a000102 -r -m 'an old packet' || fail "cannot be published"
	vpn_pair 'protocol = 3.1.1'
	wait_ping n1 10.0.1.2
	_count=$(counter n1 rx_drop_retained)
	measured "retained messages that came: $_count"
	case $retained in
	yes) [ "$_count" -ge 1 ] || fail "no retained message came" ;;
	*) [ "$_count" -eq 0 ] || fail "a retained message came" ;;
	esac
	publishes "$second" node mqttip/test/0a000101/0a000102 -r -n || fail "cannot be deleted"
	vpn_stop 1 2
}

acl()
{
	step "a user who may connect and nothing else"
	user=denied
	vpn_start 1 "$(section 1)"
	user=node
	# shellcheck disable=SC2154 # each test says it
	expect_error n1 "$denied" 20
	measured "denied: $(last_error n1)"
	is_up n1 >/dev/null && fail "n1 is up"
	vpn_stop 1
}

dots()
{
	step "the topics of MQTT_VPN, with their dots"
	WIRE=mqtt_vpn
	for _n in 1 2; do
		vpn_start "$_n" "$(section 1)"
	done
	if [ "$dotted" = yes ]; then
		wait_up n1
		wait_up n2
		expect_ping n1 10.0.1.2
	else
		expect_error n1 'changes dots|with a dot' 20
		last_error n1
	fi
	vpn_stop 1 2
	WIRE=psk
}

# downloads: whether a download passes in 10 s; the one who sends is n2.
downloads()
{
	serve n2 10.0.1.2 "$tmp/file"
	_got=$(fetch n1 10.0.1.2 10) || _got=
	stop serve-n2
	[ "$_got" = "$sum" ]
}

oversized()
{
	step "messages of more than 20000 bytes are too long for the broker"
	limit=20000
	for _limited in $broker_nodes; do # one after the other, as a cluster wants it
		kind_stop "$_limited"
		kind_conf "$_limited"
		broker_start "$_limited"
	done
	vpn_pair
	wait_ping n1 10.0.1.2
	_passed=no
	! downloads || _passed=yes
	_lost=$(counter n2 disconnects)
	measured "oversize: download passed $_passed, connections lost ${_lost:-?}"
	case $oversize in
	told | taken) [ "$_passed$_lost" = yes0 ] || fail "the broker takes less, and did not say so" ;;
	lost) [ "$_passed$_lost" = no0 ] || fail "the broker is said to drop them in silence" ;;
	closed) [ "$_lost" -gt 0 ] || fail "the broker is said to close the connection" ;;
	esac
	vpn_stop 1 2
	step "max-message = 18000"
	vpn_pair 'max-message = 18000'
	wait_ping n1 10.0.1.2
	expect_download n1 n2 10.0.1.2 "$tmp/file" "$sum"
	[ "$(counter n2 disconnects)" -eq 0 ] || fail "the broker closed the connection"
	vpn_stop 1 2
}

# gap_begin NODE ADDRESS and gap_end: what is between is to interrupt their traffic. $gap is how long
# it took, from gap_begin to the end of the longest time without an answer, in milliseconds.
gap_begin()
{
	rm -f "$tmp/gap.log"
	spawn "$1" gap ping -n -D -i 0.02 -W 1 "$2"
	wait_for 5 gap_has 20 || fail "no answers to measure"
	gap_from=$(date +%s.%N)
}

gap_has()
{
	[ "$(grep -c 'bytes from' "$tmp/gap.log")" -ge "$1" ]
}

gap_end()
{
	_answers=$(grep -c 'bytes from' "$tmp/gap.log")
	wait_for 30 gap_has $((_answers + 50)) || fail "the traffic does not come back"
	stop gap INT
	gap=$(awk -v from="$gap_from" '
		/bytes from/ {
			t = substr($1, 2) + 0
			if (last && t > from && t - last > longest) {
				longest = t - last
				end = t
			}
			last = t
		}
		END { print int((end - from) * 1000) }' "$tmp/gap.log")
	rm "$tmp/gap.log"
}

# single: all of it, with one node of a broker.
single()
{
	brokers_begin
	node_new 1 2
	sum=$(random_file "$tmp/file" 3000000)
	kind_conf 1
	clock
	_begun=$now
	broker_start 1
	clock
	measured "start, ms: $((now - _begun))"
	both_versions
	traffic
	restart
	failover
	retained_message
	acl
	dots
	oversized
	grep 'VmRSS' "/proc/$(pid_of broker1)/status" | awk -v name="$name" '
		{ print "measured: " name ": memory of the broker, MB: " int($2 / 1024) }'
}

# sections_from N: of all three, N first and then in turn.
sections_from()
{
	for _s in 0 1 2; do
		section $(((${1} - 1 + _s) % 3 + 1))
	done
}

vpn_three()
{
	for _n in 1 2 3; do
		vpn_start "$_n" "$(sections_from "$_n")"
	done
	for _n in 1 2 3; do
		wait_uses "n$_n" "$_n" 40
	done
}

# loses N: node N of the cluster is killed; its VPN node, and the two others with each other.
loses()
{
	_next=$(($1 % 3 + 1))
	_last=$((_next % 3 + 1))
	step "broker $1 is killed"
	gap_begin "n$1" "10.0.1.$_next"
	spawn "n$_next" others ping -n -D -i 0.02 -W 1 "10.0.1.$_last"
	stop "broker$1" KILL
	wait_uses "n$1" "$_next" 60
	gap_end
	stop others INT
	_others=$(awk '/bytes from/ {
			t = substr($1, 2) + 0
			if (last && t - last > longest)
				longest = t - last
			last = t
		}
		END { print int(longest * 1000) }' "$tmp/others.log")
	rm -f "$tmp/others.log"
	measured "a node killed: traffic of its clients after, ms: $gap, longest pause of the others, ms: $_others"
	[ "$gap" -le "$moved_ms" ] || fail "it took $gap ms, more than $moved_ms"
	expect_download "n$1" "n$_last" "10.0.1.$_last" "$tmp/file" "$sum"
	step "broker $1 comes back"
	broker_start "$1"
	expect_ping "n$1" "10.0.1.$_last"
}

# across: what one node of a broker is asked, with the nodes of the VPN at two nodes of it.
across()
{
	both_versions
	traffic
	vpn_stop 1 2
	retained_message
	acl
}

# cluster: three nodes of the VPN at three nodes of a broker.
cluster()
{
	broker_nodes='1 2 3'
	second=2
	brokers_begin
	node_new 1 2 3
	sum=$(random_file "$tmp/file" 3000000)
	for _c in $broker_nodes; do
		kind_conf "$_c"
	done
	clock
	_begun=$now
	# shellcheck disable=SC2086 # a list
	broker_start $broker_nodes
	clock
	measured "start of three, ms: $((now - _begun))"
	across
	for killed in 1 2 3; do
		step "three nodes at three brokers"
		vpn_three
		wait_ping n1 10.0.1.2
		wait_ping n2 10.0.1.3
		wait_ping n3 10.0.1.1
		expect_download n1 n3 10.0.1.3 "$tmp/file" "$sum"
		loses "$killed"
		vpn_stop 1 2 3
	done
	oversized
}
