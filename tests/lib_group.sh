# shellcheck shell=sh disable=SC2154 # lib.sh has set them
# A group for tests/netns_group_*.sh, beside lib.sh: a key server in the namespace of the brokers,
# and members nN with 10.0.1.N and fd00:6d71::N. METHOD is static, update or slotted.
#
# SPDX-License-Identifier: ISC

keyd=$builddir/mqtt-vpn-keyd
METHOD=${METHOD:-update}

need_keyd()
{
	need_daemon
	[ -x "$keyd" ] || skip "$keyd is not built"
}

# member_section N [SETTINGS]: what the key server knows of nN.
member_section()
{
	cat <<-END
		member "n$1" {
			public-key = "$(cat "$tmp/node-$1.pub")"
			groups = {"test"}
			address = {"10.0.1.$1", "fd00:6d71::$1"}
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
		interface "mq0" {
			address = {"10.0.1.$1/24", "fd00:6d71::$1/64"}
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
