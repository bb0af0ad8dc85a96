#!/bin/sh
# Two mosquittos, of which one is bridged to the other: a network spans both, and the nodes of either
# go over to the other when theirs is killed.
# SPDX-License-Identifier: ISC

# shellcheck disable=SC2034 # for lib.sh
WIRE=psk
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"
# shellcheck source=tests/lib_brokers.sh
. "$srcdir/tests/lib_brokers.sh"
# shellcheck source=tests/lib_mosquitto.sh
. "$srcdir/tests/lib_mosquitto.sh"

name="$name, two bridged"
bridged=yes
broker_nodes='1 2'
second=2

# Each node at its own broker, with the other as the second of its list. The bridge may take seconds to
# connect again.
pair_with_other()
{
	vpn_start 1 "$(section 1) $(section 2)"
	vpn_start 2 "$(section 2) $(section 1)"
	wait_uses n1 1
	wait_uses n2 2
	wait_ping n1 10.0.1.2 30
}

brokers_begin
node_new 1 2
sum=$(random_file "$tmp/file" 3000000)
kind_conf 1
kind_conf 2
broker_start 1 2

across

step "the one that is connected to is restarted: the bridge comes back"
pair_with_other
kind_stop 1
wait_uses n1 2
wait_ping n1 10.0.1.2
broker_start 1
vpn_stop 1 2

for killed in 1 2; do
	step "broker $killed is killed"
	pair_with_other
	gap_begin "n$killed" "10.0.1.$((3 - killed))"
	stop "broker$killed" KILL
	wait_uses "n$killed" $((3 - killed))
	gap_end
	measured "broker $killed killed: traffic of its clients after, ms: $gap"
	[ "$gap" -le "$moved_ms" ] || fail "it took $gap ms, more than $moved_ms"
	expect_download n1 n2 10.0.1.2 "$tmp/file" "$sum"
	vpn_stop 1 2
	broker_start "$killed"
done

oversized
