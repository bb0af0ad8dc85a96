#!/bin/sh
# A thousand configured peers: a quick start, little memory, and a reload that changes one of them
# leaves the session with another alone.
#
# SPDX-License-Identifier: ISC
WIRE=pubkey
# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

count=1000

begin
need_daemon
node_new 1 2
broker_start
node_start 2
wait_up n2

# many_conf KEYS: $tmp/n1.conf with n2 and peers to 10.1.x.y and fd00:1::x:y with the keys of a file.
many_conf()
{
	node_conf 1 "broker \"$broker\" { }"
	awk '{
		printf "peer \"p%d\" {\n", NR
		printf "\taddress = {\"10.1.%d.%d\", \"fd00:1::%x\"}\n", NR / 250, NR % 250 + 1, NR + 1
		printf "\troutes = {\"172.%d.%d.0/24\"}\n", 16 + NR / 250, NR % 250
		printf "\tpublic-key = \"%s\"\n}\n", $1
	}' "$1" >>"$tmp/n1.conf"
}

"$python" - $count >"$tmp/keys" <<-'END'
	import base64, os, sys
	for _ in range(int(sys.argv[1])):
	    print(base64.b64encode(os.urandom(32)).decode())
END
many_conf "$tmp/keys"

step "start"
clock
began=$now
node_run 1
wait_up n1
clock
echo "$count peers: up after $((now - began)) ms"
limit=2000
if instrumented; then
	limit=20000
fi
[ $((now - began)) -le $limit ] || fail "the start took more than $limit ms"
[ "$(json n1 status peers configured)" -gt $count ] || fail "not all peers are there"
expect_ping n1 10.0.1.2
expect_memory n1 RssAnon 8192

step "a reload: one peer more, one fewer, one with another key"
before=$(json n1 peers peers name=n2 session_age_ms)
sed '1d; 2s/^...../AAAAA/' "$tmp/keys" >"$tmp/keys2"
tail -n 1 "$tmp/keys" | sed 's/^...../BBBBB/' >>"$tmp/keys2"
many_conf "$tmp/keys2"
ctl n1 reload >/dev/null || fail "the reload fails"
after=$(json n1 peers peers name=n2 session_age_ms)
[ "$after" -ge "$before" ] || fail "the session with n2 was made anew"
expect_ping n1 10.0.1.2
[ "$(counter n1 handshakes_done)" -eq 1 ] || fail "there was another handshake"
