# shellcheck shell=sh disable=SC2154 # lib.sh has set them
# A group for tests/netns_group_*.sh, beside lib.sh: a key server in the namespace of the brokers,
# and members nN with 10.0.1.N and fd00:6d71::N. METHOD is static, update or slotted. The client ids
# are keyd and nN.
#
# SPDX-License-Identifier: ISC

keyd=$builddir/mqtt-vpn-keyd
METHOD=${METHOD:-update}

need_keyd()
{
	need_daemon
	[ -x "$keyd" ] || skip "$keyd is not built"
}

# member_addresses N [LENGTH4 LENGTH6]: as a list.
member_addresses()
{
	_list="\"10.0.1.$1${2:-}\""
	[ "$have_ipv6" = no ] || _list="$_list, \"fd00:6d71::$1${3:-}\""
	echo "$_list"
}

# member_section N [SETTINGS]: what the key server knows of nN.
member_section()
{
	cat <<-END
		member "n$1" {
			public-key = "$(cat "$tmp/node-$1.pub")"
			groups = {"test"}
			address = {$(member_addresses "$1")}
			${2:-}
		}
	END
}

# keyd_conf [GROUP_SETTINGS [MEMBERS]]: $tmp/keyd.conf; MEMBERS are whole sections in place of those
# of n1 to n4.
keyd_conf()
{
	node_keys
	if [ ! -e "$tmp/keyd.pub" ]; then
		(umask 077 && "$vpnctl" genkey >"$tmp/keyd.key") || fail "mqtt-vpnctl genkey"
		"$vpnctl" pubkey <"$tmp/keyd.key" >"$tmp/keyd.pub" || fail "mqtt-vpnctl pubkey"
		mkdir -m 700 "$tmp/keyd"
	fi
	cat >"$tmp/keyd.conf" <<-END
		network = "test"
		private-key-file = "$tmp/keyd.key"
		store = "$tmp/keyd/keys.db"
		client-id = "keyd"
		broker "$broker" { }
		key-group "test" {
			method = $METHOD
			${1:-}
		}
		${2:-$(for _m in 1 2 3 4; do member_section $_m; done)}
	END
}

keyd_run()
{
	# shellcheck disable=SC2086 # VALGRIND is a list of words
	spawn b keyd $VALGRIND "$keyd" -f -c "$tmp/keyd.conf" -s "$tmp/keyd.sock" "$@"
}

keyd_is_up()
{
	ctl keyd status
}

# keyd_start [OPTION...]: and waits until it is there.
keyd_start()
{
	keyd_run "$@"
	wait_for 15 keyd_is_up || fail "the key server does not come up"
}

# member_conf N [SETTINGS [INTERFACE]]: $tmp/nN.conf
member_conf()
{
	cat >"$tmp/n$1.conf" <<-END
		mode = group
		network = "test"
		private-key-file = "$tmp/node-$1.key"
		key-server = "$(cat "$tmp/keyd.pub")"
		client-id = "n$1"
		interface "mq0" {
			address = {$(member_addresses "$1" /24 /64)}
			${3:-}
		}
		broker "$broker" { }
		${2:-}
	END
}

# member_run N [SETTINGS]
member_run()
{
	member_conf "$@"
	node_run "$1"
}

group_state()
{
	json "n$1" status group state
}

is_in()
{
	[ "$(group_state "$1")" = in ]
}

is_out_of_group()
{
	[ "$(group_state "$1")" != in ]
}

wait_in()
{
	for _m; do
		wait_for 20 is_in "$_m" || fail "n$_m is not in the group, but $(group_state "$_m")"
	done
}

# member_start N...: each joins.
member_start()
{
	for _i; do
		member_run "$_i"
	done
	wait_in "$@"
}

epoch_of()
{
	json "n$1" status group epoch
}

has_epoch_above()
{
	[ "$(epoch_of "$1")" -gt "$2" ]
}

# membership N FIELD: what the key server knows of nN in the group: state, sender, left_s.
membership()
{
	json keyd members members "name=n$1" groups group=test "$2"
}

has_membership()
{
	[ "$(membership "$1" state)" = "$2" ]
}

# wait_membership N STATE [SECONDS]
wait_membership()
{
	wait_for "${3:-5}" has_membership "$1" "$2" ||
	    fail "the key server says that n$1 is $(membership "$1" state), not $2"
}

reason_has()
{
	json "n$1" status group reason | grep -q -e "$2"
}

# expect_out N REASON [SECONDS]: it is not in the group, and says why, in the log and in status.
expect_out()
{
	wait_for "${3:-5}" is_out_of_group "$1" || fail "n$1 is in the group"
	wait_for "${3:-5}" reason_has "$1" "$2" ||
	    fail "status of n$1 should say '$2', but says '$(json "n$1" status group reason)'"
	expect_log "n$1" "$2"
}

# wait_epoch EPOCH N...: all of them have that one or a later one.
wait_epoch()
{
	_epoch=$1
	shift
	for _m; do
		wait_for 5 has_epoch_above "$_m" $((_epoch - 1)) ||
		    fail "n$_m has epoch $(epoch_of "$_m"), not $_epoch"
	done
}

group_epoch()
{
	json keyd groups groups name=test epoch
}

# All sender ids that members were given, one in each line.
sender_ids()
{
	cat "$tmp"/n[0-9].log | sed -n 's/.*joined, sender id \([0-9]*\),.*/\1/p'
}

expect_fresh_ids()
{
	_twice=$(sender_ids | sort | uniq -d)
	[ -z "$_twice" ] || fail "sender ids were given twice: $_twice"
}

# traffic_start NAME FROM TO COUNT RATE: numbered datagrams, so many a second.
traffic_start()
{
	echo "$4" >"$tmp/traffic-$1.count"
	spawn "n$2" "traffic-$1" "$python" "$tool" udp-send "10.0.1.$3" 5000 "$1" --count "$4" \
	    --rate "$5"
}

# traffic_check NAME N: each came to nN, once.
traffic_check()
{
	reap "traffic-$1"
	_to=$2
	_count=$(cat "$tmp/traffic-$1.count")
	wait_for 5 got_all "$_to" "$1" "$_count" || true
	_found=$(log_count "udp$_to" " $1-[0-9]*\$")
	_different=$(grep -o " $1-[0-9]*\$" "$tmp/udp$_to.log" | sort -u | wc -l)
	echo "$1: $_found of $_count"
	[ "$_different" -eq "$_count" ] || fail "$((_count - _different)) of $1 were lost"
	[ "$_found" -eq "$_count" ] || fail "some of $1 came twice"
}

got_all()
{
	[ "$(log_count "udp$1" " $2-[0-9]*\$")" -ge "$3" ]
}

# wait_ping NODE ADDRESS: until an answer comes.
wait_ping()
{
	in_ns "$1" ping -n -c 1 -i 0.1 -w 5 "$2" >"$tmp/ping.out" 2>&1 ||
	    fail "$1 does not reach $2 within 5 s"
}

# listen_at N...: each logs in udpN what comes to port 5000.
listen_at()
{
	for _n; do
		spawn_listener "n$_n" "udp$_n" "$python" "$tool" udp-listen 5000
	done
}

# topic_to N: that of nN for messages of other members, after one of them was captured.
topic_to()
{
	evil list type=0x21 "client=n$1" last=1 | awk 'NR == 2 { print $4 }'
}

may_send()
{
	[ "$(json "n$1" status group may_send)" = true ]
}

may_not_send()
{
	[ "$(json "n$1" status group may_send)" = false ]
}

# warned NODE PATTERN: status has a warning like that.
warned()
{
	json "$1" status warnings | grep -q -e "$2"
}

# server_topics: those that the key server sends to, as a filter for evil.
server_topics()
{
	evil clients | awk '$1 == "keyd" {
		split($2, level, "/")
		print level[1] "/" level[2] "/+/" level[3]
	}'
}
