#!/bin/sh
# A hundred members of one group: all join, also where the broker has a limit; one who comes later
# makes one change, and putting one out takes one message. bench/members is all of them.
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119 # what keyd_start takes may be left out

# shellcheck source=tests/lib.sh
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"
# shellcheck source=tests/lib_group.sh
. "$srcdir/tests/lib_group.sh"

members=$builddir/bench/members

# crowd KEY...: one value out of the members' status.
crowd()
{
	json members status "$@"
}

# crowd_is KEY VALUE
crowd_is()
{
	[ "$(crowd "$1")" = "$2" ]
}

# expect_crowd KEY VALUE [SECONDS]
expect_crowd()
{
	wait_for "${3:-10}" crowd_is "$1" "$2" ||
	    fail "the members' $1 is $(crowd "$1"), not $2"
}

# With keys of the same epoch, they are all in.
expect_in()
{
	expect_crowd in "$1" 30
	expect_crowd at_epoch "$1"
}

told()
{
	crowd told "$1"
}

# start METHOD [LIMITS]: a key server that knows 101 members, and those, of whom 100 join; LIMITS are
# of its broker.
start()
{
	METHOD=$1
	keyd_conf '' "$("$members" list 101 test)"
	sed -i "s|^\(broker .* {\) }|\1 ${2:-} }|" "$tmp/keyd.conf"
	keyd_start
	spawn b members "$members" run --broker 10.99.0.1 --server "$(cat "$tmp/keyd.pub")" \
	    --socket "$tmp/members.sock" --count 101 --join 100
	expect_in 100
}

# Of the next group nothing is known yet.
end()
{
	stop members
	stop keyd
	rm -r "$tmp/keyd"
	mkdir -m 700 "$tmp/keyd"
}

# expect_told MESSAGES BYTES: as many more than $messages, and no more bytes than that beside $bytes.
expect_told()
{
	_messages=$(($(told messages) - messages))
	_bytes=$(($(told bytes) - bytes))
	echo "told to each: $_messages messages, $_bytes bytes"
	[ "$_messages" -eq "$1" ] || fail "$_messages messages were told to all, not $1"
	[ "$_bytes" -le "$2" ] || fail "$_bytes bytes were told to all, more than $2"
}

note_told()
{
	messages=$(told messages)
	bytes=$(told bytes)
}

begin
need_keyd
[ -x "$members" ] || skip "$members is not built"
broker_start

for method in static update slotted; do
	step "$method: a hundred join, and newcomers cost the others little"
	start "$method"
	messages=0 bytes=0
	case $method in
	update) expect_told "$(told messages)" 1000 ;;
	*) expect_told 0 0 ;;
	esac

	step "$method: one more joins"
	note_told
	"$python" "$tool" ask "$tmp/members.sock" "join 101"
	expect_in 101
	case $method in
	update) expect_told 1 700 ;;
	*) expect_told 0 0 ;;
	esac

	step "$method: one is put out, by one message"
	note_told
	epoch=$(crowd epoch)
	ctl keyd evict m17 test || fail "m17 cannot be put out"
	expect_crowd epoch $((epoch + 1))
	expect_in 100
	expect_crowd out 1
	expect_told 1 800
	end
done

# Each is answered twice, so that most ask again.
step "a hundred join, where the broker takes a hundred messages a second"
start static 'max-rate = 100'
expect_counter keyd rx_drop_flood
end
