# shellcheck shell=sh
# What the tests of attacks share: tests/netns_attack_*.sh. Sourced. Each attack is a step of the name
# that it has in the design; it is done by evil_broker.py, to real daemons, in the modes psk and
# pubkey. The client id of node N is nN, and each node logs the datagrams that arrive at port 5000.
#
# SPDX-License-Identifier: ISC

# shellcheck disable=SC2034 # for lib.sh
PROXY=yes
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

attack_begin()
{
	begin
	need_daemon
	have_ipv6=no # so that nobody sends anything but what the test wants
	node_new "$@"
	broker_start
	for _n; do
		spawn_listener "n$_n" "udp$_n" "$python" "$tool" udp-listen 5000
	done
}

# attack_nodes N...: starts a daemon for each, until attack_stop.
attack_nodes()
{
	echo "## $WIRE"
	attacked=$*
	evil harmless
	for _n; do
		node_start "$_n" -n "n$_n"
		: >"$tmp/udp$_n.log"
	done
	for _n; do
		wait_up "n$_n"
	done
	for _n; do
		for _other; do
			[ "$_n" = "$_other" ] || expect_ping "n$_n" "10.0.1.$_other" 1
		done
	done
}

attack_stop()
{
	evil harmless
	for _n in $attacked; do
		stop "n$_n"
	done
	rm -f "$tmp"/wire-*.conf
}

# part N: its level in topics. It subscribes to that, and all of them to that of broadcasts.
part()
{
	evil clients | awk -v id="n$1" '
		NR > 1 {
			for (i = 2; i <= NF; i++) {
				split($i, level, "/")
				count[level[3]]++
				if ($1 == id)
					own[level[3]]
			}
		}
		END {
			for (each in own)
				if (count[each] == 1)
					print each
		}'
}

# tell N ADDRESS TEXT [OPTION...]: nN sends it as a datagram.
tell()
{
	_from=$1
	_to=$2
	shift 2
	in_ns "n$_from" "$python" "$tool" udp-send "$_to" 5000 "$@"
}

got_at_least()
{
	[ "$(log_count "udp$1" " $2\$")" -ge "$3" ]
}

# got N TEXT COUNT: exactly so many came, after what is still on the way.
got()
{
	wait_for 10 got_at_least "$@" || true
	_found=$(log_count "udp$1" " $2\$")
	[ "$_found" -eq "$3" ] || fail "n$1 got '$2' $_found times, not $3"
}

# settle N...: each has read all that the broker sent it so far, as that keeps the order.
settle()
{
	for _settled; do
		case $_settled in
		1) expect_ping n1 10.0.1.2 1 ;;
		*) expect_ping "n$_settled" 10.0.1.1 1 ;;
		esac
	done
}

# counters N: all of them, "name value" in each line.
counters()
{
	ctl "n$1" stats | awk '{ print $1, $2 }'
}

# Remembers the counters of all nodes, for rise.
mark()
{
	for _n in $attacked; do
		counters "$_n" >"$tmp/mark-$_n"
	done
}

# rise N PATTERN: by how much the counters whose whole names match have risen since mark.
rise()
{
	counters "$1" | awk -v wanted="^($2)\$" '
		NR == FNR { old[$1] = $2; next }
		$1 ~ wanted { sum += $2 - old[$1] }
		END { print sum + 0 }' "$tmp/mark-$1" -
}

# expect_rise N PATTERN COUNT
expect_rise()
{
	_rise=$(rise "$1" "$2")
	[ "$_rise" -eq "$3" ] || {
		counters "$1" | diff "$tmp/mark-$1" - >&2 || true
		fail "n$1 counts $_rise of $2, not $3"
	}
}

# No session was made since mark, and none is missing.
same_sessions()
{
	for _n in $attacked; do
		expect_rise "$_n" handshakes_done 0
	done
	everybody_reaches_everybody
	for _n in $attacked; do
		expect_rise "$_n" handshakes_started 0
	done
}

everybody_reaches_everybody()
{
	for _n in $attacked; do
		for _other in $attacked; do
			[ "$_n" -ge "$_other" ] || expect_ping "n$_n" "10.0.1.$_other" 1
		done
	done
}

captured()
{
	[ "$(evil count "$@")" -gt 0 ]
}

# withhold FROM ADDRESS TEXT FILTER...: nFROM sends the datagram; the messages that match get no
# further than to the broker, which keeps them.
withhold()
{
	_from=$1
	_to=$2
	_text=$3
	shift 3
	evil capture clear
	evil capture on dir=down "$@"
	evil drop 1 "$@"
	tell "$_from" "$_to" "$_text"
	wait_for 5 captured "$@" || fail "the broker did not see '$_text'"
	evil harmless
}

# bare_packet FROM TO TEXT: the datagram as an IPv4 packet, in hex.
bare_packet()
{
	"$python" "$tool" packet "$1" "$2" 5000 "$3"
}

# network_topic: the levels that all topics of the network begin with.
network_topic()
{
	evil clients | awk 'NR == 2 { split($2, level, "/"); print level[1] "/" level[2] }'
}
