#!/bin/sh
WIRE=psk
. "${srcdir:-$(dirname "$0")/..}/tests/load.sh"
begin
have_ipv6=no
node_new 1 2
broker_start
sum=$(random_file "$tmp/file" 1000000)
node_conf 1 "broker \"$broker\" { $LIMITS }" '' "topics = plain"
node_conf 2 "broker \"$broker\" { }" '' "topics = plain"
node_run 1
node_run 2
wait_up n1
wait_up n2
expect_ping n1 10.0.1.2
spawn b watch mosquitto_sub -V mqttv5 -i watch -h 10.99.0.1 -t 'mqttip/test/+/0a000101' -F '%U %t %l'
expect_log broker ' watch 0 '
case $T in
down)
expect_download n2 n1 10.0.1.1 "$tmp/file" "$sum" 120
;;
ping)
in_ns n1 ping -n -q -c 600 -i 0.005 10.0.1.2;;
udp)
spawn_listener n2 udp2 "$python" "$tool" udp-listen 5000
in_ns n1 "$python" "$tool" udp-send 10.0.1.2 5000 "$(printf %100s x)" --count $N --rate $R
sleep 2; log_count udp2 '^10.0.1.1'
;;
esac
stop watch
ctl n1 stats | awk '$2 > 0'
tail -40 "$tmp/watch.log"
awk '{ if (NR == 1) first = $1; n++; b += $3; last=$1 } END { print n, b, last-first, n/(last-first), b/(last-first) }' "$tmp/watch.log"
ctl n1 --json peers
