#!/bin/sh
# How the daemon stands in the system: background and pid file, signals, the service manager, hooks,
# another user; at the end nothing is left behind.
# SPDX-License-Identifier: ISC

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

begin
need_daemon
node_new 1
broker_start
good='broker "mqtt://10.99.0.1" { timeout = 3 }'
chmod 755 "$tmp"

step "in the background: returns when it is ready"
node_conf 1 "$good"
# shellcheck disable=SC2086 # VALGRIND is a list of words
in_ns n1 timeout 20 $VALGRIND "$vpnd" -c "$tmp/n1.conf" -s "$tmp/n1.sock" -P "$tmp/daemon.pid" ||
    fail "the start failed with status $?"
pid=$(cat "$tmp/daemon.pid")
alive "$pid" || fail "the pid file names no process"
has_interface n1 || fail "it returned before it was ready"
[ -S "$tmp/n1.sock" ] || fail "it returned before it was ready"
[ "$(stat -c %a "$tmp/n1.sock")" = 660 ] || fail "the control socket's mode is not 660"
wait_up n1
[ "$(json n1 status pid)" = "$pid" ] || fail "the pid file names another process"
[ "$(stat -L -c %t:%T "/proc/$pid/fd/0")" = 1:3 ] || fail "stdin is not /dev/null"
[ "$(ps -o tpgid= -p "$pid" | tr -d ' ')" = -1 ] || fail "it has a terminal"

step "SIGTERM leaves nothing behind"
kill -TERM "$pid"
wait_for 5 dead "$pid" || fail "it does not end"
[ ! -e "$tmp/daemon.pid" ] || fail "the pid file is left behind"
[ ! -e "$tmp/n1.sock" ] || fail "the control socket is left behind"
has_interface n1 && fail "the interface is left behind"
expect_log broker 'Client .* disconnected\.'

step "a failed start in the background: message and status"
node_conf 1 "$good" '' 'no-such-key = 1'
code=0
in_ns n1 timeout 20 "$vpnd" -c "$tmp/n1.conf" -s "$tmp/n1.sock" 2>"$tmp/err" || code=$?
[ "$code" -eq 1 ] || fail "exit status $code, not 1"
grep -q no-such-key "$tmp/err" || fail "no message"

step "after SIGKILL the next one starts, over the old socket and pid file"
node_conf 1 "$good"
node_run 1 -P "$tmp/daemon.pid"
wait_up n1
kill -KILL "$(pid_of n1)"
reap n1
[ -e "$tmp/n1.sock" ] || fail "SIGKILL and no socket?"
node_run 1 -P "$tmp/daemon.pid"
wait_up n1

step "SIGUSR1 logs the counters, SIGPIPE does nothing, SIGINT ends it"
kill -USR1 "$(pid_of n1)"
expect_log n1 'probes_sent'
kill -PIPE "$(pid_of n1)"
wait_up n1 1
stop n1 INT
[ "$status" -eq 0 ] || fail "exit status $status"

step "readiness, status and watchdog to the service manager"
spawn_listener n1 notify "$python" "$tool" notify "$tmp/notify"
spawn n1 n1 env NOTIFY_SOCKET="$tmp/notify" WATCHDOG_USEC=600000 \
    "$vpnd" -f -s "$tmp/n1.sock" -c "$tmp/n1.conf"
expect_log notify '^READY=1'
wait_up n1
wait_for 5 log_has_more notify '^WATCHDOG=1' 2 || fail "no sign of life for the watchdog"
expect_log notify '^STATUS=.*up'
kill -HUP "$(pid_of n1)"
expect_log notify '^RELOADING=1'
stop n1
expect_log notify '^STOPPING=1'
stop notify

step "hooks, with the facts in the environment"
# shellcheck disable=SC2016 # expanded by the hook's shell
hooks="up = \"env >$tmp/up.env\" down = \"env >$tmp/down.env\" mtu = 1400"
node_conf 1 "$good" "$hooks"
node_run 1
wait_up n1
wait_for 5 grep -q MQTT_VPN_EVENT=up "$tmp/up.env" || fail "the up hook did not run"
for line in MQTT_VPN_INTERFACE=mq0 MQTT_VPN_MTU=1400 MQTT_VPN_BROKER=mqtt://10.99.0.1 \
    'MQTT_VPN_ADDRESSES=10.0.1.1/24'; do
	grep -q -e "^$line" "$tmp/up.env" || fail "the hook does not get $line"
done
stop broker
wait_for 5 grep -q MQTT_VPN_EVENT=down "$tmp/down.env" || fail "the down hook did not run"
rm "$tmp/up.env"
broker_run broker
wait_up n1
wait_for 5 grep -q MQTT_VPN_EVENT=up "$tmp/up.env" || fail "the up hook did not run again"
stop n1

step "a hook that hangs, and one that fails, hold nothing up"
node_conf 1 "$good" 'up = "sleep 100"'
node_run 1
wait_up n1
expect_control_fast n1
stop n1
[ "$status" -eq 0 ] || fail "exit status $status"
node_conf 1 "$good" 'up = "exit 7"'
node_run 1
expect_log n1 'up hook: failed with status 7'
wait_up n1 1
stop n1

step "as another user, with the power over interfaces alone"
if getent passwd nobody >/dev/null; then
	mkdir "$tmp/run"
	chown nobody "$tmp/run"
	node_conf 1 "$good" '' "user = \"nobody\" control-socket = \"$tmp/run/n1.sock\"
	    peer \"two\" { address = {\"10.0.1.2\"} routes = {\"192.168.5.0/24\"} }"
	# shellcheck disable=SC2086 # VALGRIND is a list of words
	spawn n1 n1 $VALGRIND "$vpnd" -f -c "$tmp/n1.conf"
	ln -s "$tmp/run/n1.sock" "$tmp/n1.sock"
	wait_up n1
	proc=/proc/$(pid_of n1)/status
	[ "$(awk '/^Uid:/ { print $2 $3 $4 }' "$proc")" = "$(printf '%s' 655346553465534)" ] ||
	    fail "it does not run as nobody"
	[ "$(awk '/^CapEff:/ { print $2 }' "$proc")" = 0000000000001000 ] ||
	    fail "it has other powers than CAP_NET_ADMIN"
	stop n1
	[ "$status" -eq 0 ] || fail "exit status $status"
	has_interface n1 && fail "the interface is left behind"
	[ ! -e "$tmp/run/n1.sock" ] || fail "the control socket is left behind"

	step "again, with no more powers than the systemd unit leaves"
	need setpriv
	powers=$(sed -n 's/^CapabilityBoundingSet=//p' "$srcdir/contrib/systemd/mqtt-vpnd.service.in" |
	    tr '[:upper:]' '[:lower:]' | sed -e 's/^/ /' -e 's/ cap_/,+/g')
	# shellcheck disable=SC2086 # VALGRIND is a list of words
	spawn n1 n1 setpriv --bounding-set "-all$powers" --inh-caps -all $VALGRIND "$vpnd" -f \
	    -c "$tmp/n1.conf"
	wait_up n1
	stop n1
	[ "$status" -eq 0 ] || fail "exit status $status"
fi
