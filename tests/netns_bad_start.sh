#!/bin/sh
# Starts that cannot succeed: a clear message, exit status 1, and nothing left behind.
# SPDX-License-Identifier: ISC

WIRE=mqtt_vpn
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
need setpriv unshare
node_new 1
broker_start
mkdir "$tmp/small"
pidfile=$tmp/small/pid
chmod 755 "$tmp"

# refuses TEXT PATTERN COMMAND...: in n1; ends with 1 and says why.
refuses()
{
	step "$1"
	_pattern=$2
	shift 2
	_code=0
	in_ns n1 timeout 20 "$@" >"$tmp/out.log" 2>&1 || _code=$?
	[ "$_code" -eq 1 ] || fail "exit status $_code, not 1"
	grep -i -E -e "$_pattern" "$tmp/out.log" || fail "the message does not say: $_pattern"
	rm "$tmp/out.log"
	has_interface n1 && fail "the interface is left behind"
	[ ! -e "$tmp/n1.sock" ] || fail "the control socket is left behind"
}

# daemon OPTION...: what refuses() is to run.
set -- "$vpnd" -f -s "$tmp/n1.sock"
file=$tmp/n1.conf
good='broker "mqtt://10.99.0.1" {}'
node_conf 1 "$good"

# shellcheck disable=SC2016 # expanded by the inner shell
refuses "no /dev/net/tun" '/dev/net/tun does not exist.*modprobe' unshare -m sh -c \
    'mount -t tmpfs none /dev/net && exec "$@"' sh "$@" -c "$file"
refuses "no privilege" 'permission.*(root|CAP_NET_ADMIN)' setpriv --reuid=65534 --regid=65534 \
    --clear-groups --bounding-set=-all --inh-caps=-all "$vpnd" -f -s "$tmp/small/n1.sock" \
    --wire mqtt_vpn -i mq0 -a 10.0.1.1 -b "$broker"
refuses "root without its powers" 'permission|not permitted' \
    setpriv --bounding-set=-all --inh-caps=-all "$@" -c "$file"
refuses "no such file" 'n9.conf.*No such file' "$@" -c "$tmp/n9.conf"
refuses "nothing given" 'expected|interface|broker' "$@" --wire mqtt_vpn
refuses "an option that does not exist" 'no-such-option' "$@" --no-such-option
refuses "no network" 'network: missing.*--wire=mqtt_vpn' "$@" -i mq0 -a 10.0.1.1 -b "$broker"
refuses "no secret" 'passphrase-file.*missing' \
    "$@" --network home -i mq0 -a 10.0.1.1 -b "$broker"
secret_file "$tmp/weak" 'password123'
refuses "a passphrase that is easy to guess" 'weak.*genpsk' \
    "$@" --network home --passphrase-file "$tmp/weak" -i mq0 -a 10.0.1.1 -b "$broker"
secret_file "$tmp/open" "$("$vpnctl" genpsk)"
chmod 644 "$tmp/open"
refuses "a secret that others can read" 'open.*chmod' \
    "$@" --network home --passphrase-file "$tmp/open" -i mq0 -a 10.0.1.1 -b "$broker"
refuses "a mode that is not there" "mode.*'cluster'" "$@" -c /dev/stdin <<-END
	mode = cluster
END

step "a disk that is full"
# shellcheck disable=SC2016 # expanded by the inner shell
refuses "for the pid file" 'small/pid.*No space left' unshare -m sh -c '
	directory=$1
	shift
	mount -t tmpfs -o size=4k none "$directory"
	head -c 8192 /dev/zero >"$directory/full" 2>/dev/null
	exec "$@"' sh "$tmp/small" "$@" -c "$file" -P "$pidfile"
refuses "no directory for the pid file" 'none/pid.*No such file' "$@" -c "$file" -P "$tmp/none/pid"

node_conf 1 "$good" '' 'user = "no-such-user-here"'
refuses "no such user" 'no-such-user-here' "$@" -c "$file"
refuses "the same with -t" 'no-such-user-here' "$@" -t -c "$file"
node_conf 1 "broker \"mqtts://10.99.0.1\" { ca-file = \"$file\" }"
refuses "a CA file that holds no certificate" 'ca-file: .*expected CA certificates' "$@" -c "$file"
refuses "the same with -t" 'ca-file: .*expected CA certificates' "$@" -t -c "$file"
node_conf 1 "$good" '' "passphrase-file = \"$tmp/secret\""
refuses "no passphrase file" 'n1.conf:[0-9]+: .*secret' "$@" -c "$file"
echo 'correct horse' >"$tmp/secret"
chmod 644 "$tmp/secret"
refuses "a passphrase file that others can read" 'n1.conf:[0-9]+: .*chmod' "$@" -c "$file"
chmod 600 "$tmp/secret"
: >"$tmp/secret"
refuses "an empty passphrase file" 'n1.conf:[0-9]+: .*secret' "$@" -c "$file"
node_conf 1 "broker \"mqtt://10.99.0.1\" { username = \"u\" password-file = \"$tmp/none\" }"
refuses "no password file" 'n1.conf:[0-9]+: .*none' "$@" -c "$file"
node_conf 1 'broker "mqtt://10.99.0.1" { ca-file = "/x" }'
refuses "TLS settings without TLS" 'n1.conf:[0-9]+: ' "$@" -c "$file"
node_conf 1 "$good" '' 'no-such-key = 1'
refuses "an unknown key" "n1.conf:[0-9]+: .*'no-such-key'" "$@" -c "$file"
refuses "the same with -t" "n1.conf:[0-9]+: .*'no-such-key'" "$@" -t -c "$file"
node_conf 1 "$good" 'mtu = 9000'
refuses "an MTU that is too large" 'n1.conf:[0-9]+: mtu' "$@" -c "$file"

step "-t says OK to a good file, and starts nothing"
node_conf 1 "$good"
in_ns n1 "$@" -t -c "$file" 2>&1 | grep -q OK || fail "-t does not say OK"
has_interface n1 && fail "-t made an interface"

step "an interface that another device has"
ip -n "${prefix}n1" link add mq0 type veth peer name mq0peer
_code=0
in_ns n1 timeout 20 "$@" -c "$file" >"$tmp/out.log" 2>&1 || _code=$?
[ "$_code" -eq 1 ] || fail "exit status $_code, not 1"
grep "'mq0' exists and is not a TUN" "$tmp/out.log" || fail "the message is not clear"
ip -n "${prefix}n1" link del mq0

step "a second daemon on the interface, the control socket, the pid file"
node_run 1 -P "$pidfile"
wait_up n1
second()
{
	_code=0
	in_ns n1 timeout 20 "$vpnd" -f "$@" >"$tmp/out.log" 2>&1 || _code=$?
	[ "$_code" -eq 1 ] || fail "exit status $_code, not 1"
	cat "$tmp/out.log"
}
second -c "$file" -s "$tmp/other.sock" | grep -E "'?mq0'? is in use by another" ||
    fail "the message is not clear"
second -c "$file" -s "$tmp/n1.sock" -i mq1 | grep 'another daemon' || fail "the message is not clear"
second -c "$file" -s "$tmp/other.sock" -i mq1 -P "$pidfile" | grep "$(cat "$pidfile")" ||
    fail "the message is not clear"
has_interface n1 mq1 && fail "the second one left its interface behind"
wait_up n1 1
