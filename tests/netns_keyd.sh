#!/bin/sh
# The key server as a daemon: start, readiness, what it refuses, the control socket, its store in
# good and bad condition, reload, and its end. What its members make of it is tested elsewhere.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"
# shellcheck source=tests/lib_group.sh
. "$srcdir/tests/lib_group.sh"

begin
need_keyd
need unshare
broker_start
chmod 755 "$tmp"
db=$tmp/state/keys.db

# who N NAME GROUPS: the section of a member; GROUPS as a value.
who()
{
	echo "member \"$2\" { public-key = \"$(cat "$tmp/node-$1.pub")\" groups = $3
	    address = {\"10.0.1.$1\"} }"
}

# conf GROUPS_AND_MEMBERS [NAME]: $tmp/NAME.conf, or keyd.conf.
conf()
{
	mkdir -p "$tmp/state"
	cat >"$tmp/${2:-keyd}.conf" <<-END
		network = "test"
		private-key-file = "$tmp/keyd.key"
		store = "$db"
		broker "$broker" { timeout = 3 }
		$1
	END
}

# state_of NAME GROUP: in, out or evicted.
state_of()
{
	json keyd members members "name=$1" groups "group=$2" state
}

keyd_conf # makes the keys
home='key-group "home" { }'
both="$home key-group \"guests\" { method = slotted lease = 1m }"
members="$(who 1 alice '{"home", "guests"}') $(who 2 bob '"home"')"
conf "$both $members"

# refuses TEXT PATTERN [OPTION...]: the server does not start, and says why.
refuses()
{
	step "$1"
	_pattern=$2
	shift 2
	_code=0
	in_ns b timeout 20 "$keyd" -f -s "$tmp/other.sock" -c "$tmp/keyd.conf" "$@" \
	    >"$tmp/out.log" 2>&1 || _code=$?
	[ "$_code" -eq 1 ] || fail "exit status $_code, not 1"
	grep -E -e "$_pattern" "$tmp/out.log" || fail "the message does not say: $_pattern"
	rm "$tmp/out.log"
	[ ! -e "$tmp/other.sock" ] || fail "the control socket is left behind"
}

step "-t says OK, and starts nothing"
"$keyd" -t -c "$tmp/keyd.conf" | grep -q OK || fail "-t does not say OK"
[ ! -e "$db" ] || fail "-t made a store"

step "in the background: returns when it is ready"
# shellcheck disable=SC2086 # VALGRIND is a list of words
in_ns b timeout 20 $VALGRIND "$keyd" -c "$tmp/keyd.conf" -s "$tmp/keyd.sock" \
    -P "$tmp/daemon.pid" || fail "the start failed with status $?"
pid=$(cat "$tmp/daemon.pid")
[ -S "$tmp/keyd.sock" ] || fail "it returned before it was ready"
[ "$(stat -c %a "$db")" = 600 ] || fail "others can read the store"
wait_up keyd
[ "$(json keyd status program)" = mqtt-vpn-keyd ] || fail "it does not say what it is"
[ "$(json keyd status pid)" = "$pid" ] || fail "the pid file names another process"
[ "$(json keyd status public_key)" = "$(cat "$tmp/keyd.pub")" ] || fail "another public key"
ctl keyd status | grep -q '2 groups, 2 members, 0 with a session' || fail "status in words"

step "mqtt-vpnctl tells how to ask it, where no other daemon is"
# shellcheck disable=SC2016 # expanded by the inner shell
unshare -m sh -c 'mount -t tmpfs none /run && mkdir /run/mqtt-vpn-keyd &&
    ln -s "$1" /run/mqtt-vpn-keyd/keyd.sock && "$2" groups && ! "$2" status' sh \
    "$tmp/keyd.sock" "$vpnctl" >"$tmp/out.log" 2>&1 || fail "$(cat "$tmp/out.log")"
grep -q 'asked with -s /run/mqtt-vpn-keyd/keyd.sock' "$tmp/out.log" || fail "$(cat "$tmp/out.log")"
"$vpnctl" topics mtu=1500 2>&1 | grep -q "'mtu=1500': expected KEY=VALUE" || fail "topics with one word"
rm "$tmp/out.log"

step "SIGTERM leaves the store behind, whole, and nothing else"
kill -TERM "$pid"
wait_for 5 dead "$pid" || fail "it does not end"
for file in "$tmp/daemon.pid" "$tmp/keyd.sock" "$db-wal"; do
	[ ! -e "$file" ] || fail "$file is left behind"
done
expect_log broker 'Client .* disconnected\.'

step "readiness, status and watchdog to the service manager"
spawn_listener b notify "$python" "$tool" notify "$tmp/notify"
spawn b keyd env NOTIFY_SOCKET="$tmp/notify" WATCHDOG_USEC=600000 \
    "$keyd" -f -s "$tmp/keyd.sock" -c "$tmp/keyd.conf"
expect_log notify '^READY=1'
wait_up keyd
wait_for 5 log_has_more notify '^WATCHDOG=1' 2 || fail "no sign of life for the watchdog"
expect_log notify '^STATUS=.*up'
kill -HUP "$(pid_of keyd)"
expect_log notify '^RELOADING=1'
kill -USR1 "$(pid_of keyd)"
expect_log keyd 'probes_sent'
stop keyd
[ "$status" -eq 0 ] || fail "exit status $status"
expect_log notify '^STOPPING=1'
stop notify

step "groups and members"
keyd_start
[ "$(json keyd groups groups name=home method)" = update ] || fail "home is not of method update"
[ "$(json keyd groups groups name=guests lease_s)" = 60 ] || fail "guests have another lease"
[ "$(json keyd groups groups name=guests slot)" = 0 ] || fail "the first slot is not 0"
[ "$(state_of alice home)/$(state_of bob home)" = out/out ] || fail "somebody is in"
ctl keyd groups | grep -q '^guests  *slotted ' || fail "groups in words"
ctl keyd members | grep -q '^alice  *guests  *out' || fail "members in words"
expect_control_fast keyd

step "evict, admit, rotate"
ctl keyd evict alice | grep -q 'alice was put out of 2 groups' || fail "evict"
ctl keyd evict bob home || fail "evict of one group"
ctl keyd admit alice guests || fail "admit"
epoch=$(json keyd groups groups name=home epoch)
ctl keyd rotate home | grep -q "epoch $((epoch + 1))" || fail "rotate"
for words in 'evict carol' 'evict bob home' 'evict bob nowhere' 'admit alice guests' \
    'rotate nowhere' peers; do
	# shellcheck disable=SC2086 # words
	if ctl keyd $words >"$tmp/out.log" 2>&1; then
		fail "it does not refuse: $words"
	fi
	cat "$tmp/out.log"
done
grep -q 'groups, members, evict' "$tmp/out.log" || fail "it does not say what it knows"

step "they are known after SIGKILL"
kill -KILL "$(pid_of keyd)"
reap keyd
keyd_start
[ "$(state_of alice home)/$(state_of bob home)" = evicted/evicted ] ||
    fail "somebody was forgiven"
[ "$(state_of alice guests)" = out ] || fail "alice was not admitted"
[ "$(json keyd groups groups name=home epoch)" -ge "$((epoch + 1))" ] || fail "an old epoch"
ctl keyd admit alice
ctl keyd admit bob

step "a store from a backup: epochs go far ahead, evictions stay"
ctl keyd evict bob
stop keyd
keyd_start --recover
[ "$(json keyd groups groups name=home epoch)" -gt 10000000 ] || fail "the epoch is near"
[ "$(state_of alice home)/$(state_of bob home)" = out/evicted ] || fail "bob was forgiven"
expect_log keyd 'recovered'
ctl keyd admit bob

refuses "a second one with the store" 'keys.db: in use by another process'
step "a second one with the control socket"
code=0
in_ns b timeout 20 "$keyd" -f -s "$tmp/keyd.sock" -c "$tmp/keyd.conf" 2>"$tmp/out.log" || code=$?
[ "$code" -eq 1 ] || fail "exit status $code, not 1"
grep 'another daemon' "$tmp/out.log" || fail "the message is not clear"

step "another server with the same key is noticed"
conf "$both $members" twin
sed -i 's|state/keys.db|state/twin.db|' "$tmp/twin.conf"
spawn b twin "$keyd" -f -s "$tmp/twin.sock" -c "$tmp/twin.conf"
wait_up twin
expect_log keyd 'another key server uses our private key' 10
ctl keyd status | grep -q '^Warning .*private key' || fail "status does not warn"
stop twin

step "reload: members and groups come and go, the connection stays"
reload()
{
	_count=$(log_count keyd '[Rr]eload')
	kill -HUP "$(pid_of keyd)"
	wait_for 5 log_has_more keyd '[Rr]eload' "$_count" || fail "the log does not tell of it"
}
conf "$home $(who 2 bob '"home"') $(who 3 carol '"home"')"
reload
[ "$(state_of carol home)" = out ] || fail "carol is not there"
[ -z "$(state_of alice home)" ] || fail "alice is still there"
[ -z "$(json keyd groups groups name=guests epoch)" ] || fail "the group is still there"
[ "$(counter keyd connects)" -eq 1 ] || fail "the connection was lost"

step "what cannot be taken over changes nothing, or needs a restart"
conf "key-group \"home\" { method = static } $(who 2 bob '"home"')"
reload
logged keyd 'home: its method cannot be changed' || fail "the log does not say why"
ctl keyd reload >"$tmp/out.log" 2>&1 && fail "mqtt-vpnctl reload takes another method"
[ "$(state_of carol home)" = out ] || fail "carol is not there any more"
conf "$home $(who 2 bob '"home"') no-such-key = 1"
reload
logged keyd "keyd.conf:[0-9]*: .*no-such-key" || fail "the log does not name file and line"
conf "$home $(who 2 bob '"home"') topic-prefix = \"other\""
ctl keyd reload | grep -q topic-prefix || fail "topic-prefix does not need a restart"
[ "$(state_of bob home)" = out ] || fail "bob is not there"

step "a broker that is restarted"
stop broker
wait_down keyd
broker_run broker
wait_up keyd
stop keyd
[ "$status" -eq 0 ] || fail "exit status $status"

step "a disk that is full: nothing changes until there is room"
conf "$both $members"
mkdir "$tmp/small"
sed -i 's|state/keys.db|small/keys.db|' "$tmp/keyd.conf"
# shellcheck disable=SC2016 # expanded by the inner shell
spawn b keyd unshare -m sh -c 'mount -t tmpfs -o size=512k none "$1" && shift && exec "$@"' sh \
    "$tmp/small" "$keyd" -f -s "$tmp/keyd.sock" -c "$tmp/keyd.conf"
wait_up keyd
inside=/proc/$(pid_of keyd)/root$tmp/small
cat /dev/zero >"$inside/full" 2>/dev/null || true
epoch=$(json keyd groups groups name=home epoch)
failing()
{
	! ctl keyd rotate home >"$tmp/out.log" 2>&1
}
wait_for 10 failing || fail "the disk is never full"
grep 'the disk is full' "$tmp/out.log" || fail "the message is not clear"
expect_log keyd 'group home: cannot be changed: .*small/keys.db: the disk is full'
ctl keyd status | grep -q '^Warning .*the disk is full' || fail "status does not warn"
rm "$inside/full"
wait_for 10 ctl keyd rotate home || fail "it does not recover"
[ "$(json keyd status warnings)" = '[]' ] || fail "the warning stays"
stop keyd
[ "$status" -eq 0 ] || fail "exit status $status"

conf "$both $members"
cp -p "$db" "$tmp/good.db"
chmod 644 "$db"
refuses "a store that others can read" 'keys.db: others can read.*mode 0644'
chmod 600 "$db"
"$python" -c 'import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute(
    "PRAGMA user_version = 99")' "$db"
refuses "a store of a newer version" 'keys.db: made by a newer mqtt-vpn-keyd.*99'
head -c 20000 /dev/urandom >"$db"
refuses "a file that is no store" 'keys.db: this is no store of a key server'
head -c 5000 "$tmp/good.db" >"$db"
refuses "a store that was cut" 'keys.db: damaged.*--recover'
cp "$tmp/good.db" "$db"
rm -r "$tmp/state"
refuses "no directory for the store" 'state/keys.db: cannot be opened: No such file'
conf "$both $members no-such-key = 1"
refuses "an unknown key" "keyd.conf:[0-9]+: .*'no-such-key'"
refuses "the same with -t" "keyd.conf:[0-9]+: .*'no-such-key'" -t
refuses "an option of mqtt-vpnd" '-i: unknown option' -i mq0
conf "$both $members user = \"no-such-user-here\""
refuses "no such user" no-such-user-here

step "as another user, without any power"
if getent passwd nobody >/dev/null; then
	conf "$both $members user = \"nobody\""
	mkdir "$tmp/run"
	chown nobody "$tmp/state" "$tmp/run"
	# shellcheck disable=SC2086 # VALGRIND is a list of words
	spawn b keyd $VALGRIND "$keyd" -f -s "$tmp/run/keyd.sock" -c "$tmp/keyd.conf"
	ln -s "$tmp/run/keyd.sock" "$tmp/keyd.sock"
	wait_up keyd
	proc=/proc/$(pid_of keyd)/status
	[ "$(awk '/^Uid:/ { print $2 $3 $4 }' "$proc")" = 655346553465534 ] ||
	    fail "it does not run as nobody"
	[ "$(awk '/^CapEff:/ { print $2 }' "$proc")" = 0000000000000000 ] || fail "it has powers"
	[ "$(stat -c %U:%a "$db")" = nobody:600 ] || fail "the store is not its own"
	ctl keyd rotate home || fail "it cannot write its store"
	stop keyd
	[ "$status" -eq 0 ] || fail "exit status $status"
	[ ! -e "$tmp/run/keyd.sock" ] || fail "the control socket is left behind"

	step "again, with no more powers than the systemd unit leaves"
	need setpriv
	powers=$(sed -n 's/^CapabilityBoundingSet=//p' \
	    "$srcdir/contrib/systemd/mqtt-vpn-keyd.service.in" |
	    tr '[:upper:]' '[:lower:]' | sed -e 's/^/ /' -e 's/ cap_/,+/g')
	# shellcheck disable=SC2086 # VALGRIND is a list of words
	spawn b keyd setpriv --bounding-set "-all$powers" --inh-caps -all $VALGRIND "$keyd" -f \
	    -s "$tmp/run/keyd.sock" -c "$tmp/keyd.conf"
	wait_up keyd
	stop keyd
	[ "$status" -eq 0 ] || fail "exit status $status"
fi
