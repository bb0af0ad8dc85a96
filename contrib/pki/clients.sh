# Clients of the broker for broker verify: identities, one message, and what arrives.
#
# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2034,SC2154 # the parts share their variables

background=

# A fraction of a second, where sleep knows such.
if sleep 0.03 2>/dev/null; then
	naps_a_second=30
else
	naps_a_second=1
fi
nap()
{
	if [ "$naps_a_second" -eq 1 ]; then
		sleep 1
	else
		sleep 0.03
	fi
}

end_background()
{
	for _pid in $background; do
		kill "$_pid" 2>/dev/null || :
	done
	background=
}

# limited SECONDS COMMAND...: its exit status, or 124 when it took longer.
limited()
{
	_seconds=$1
	shift
	"$@" </dev/null &
	_child=$!
	_left=$((_seconds * naps_a_second))
	while kill -0 "$_child" 2>/dev/null; do
		if [ "$_left" -eq 0 ]; then
			kill "$_child" 2>/dev/null || :
			wait "$_child" 2>/dev/null || :
			return 124
		fi
		_left=$((_left - 1))
		nap
	done
	wait "$_child"
}

# identity NAME [OPTION...]: how clients of this name connect. The options stand in a file, as
# passwords on a command line can be seen by others.
identity()
{
	_who=$work/id/$1
	shift
	mkdir -p "$_who"
	{
		printf -- '-h %s\n-p %s\n--cafile %s\n' "$host" "$port" "$pki/ca/ca.crt"
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} >"$_who/mosquitto_pub"
	cp "$_who/mosquitto_pub" "$_who/mosquitto_sub"
}

# publish IDENTITY TOPIC TEXT, or IDENTITY TOPIC -f FILE: waits until the broker confirms.
publish()
{
	if [ "$3" = -f ]; then
		set -- "$1" "$2" -f "$4"
	else
		set -- "$1" "$2" -m "$3"
	fi
	XDG_CONFIG_HOME=$work/id/$1 limited 5 mosquitto_pub -q 1 -t "$2" "$3" "$4" \
	    >"$work/publish.err" 2>&1
}

# One to a topic and as somebody for which there is no doubt: whether this identity gets in.
gets_in()
{
	publish "$1" "$2" hello
}

# listen IDENTITY FILTER...: in the background; what arrives goes to $work/heard, "LENGTH TEXT".
listen()
{
	_who=$1
	shift
	for _filter; do
		set -- "$@" -t "$_filter"
		shift
	done
	: >"$work/heard"
	XDG_CONFIG_HOME=$work/id/$_who mosquitto_sub -F '%l %p' "$@" </dev/null >"$work/heard" \
	    2>"$work/listen.err" &
	listener=$!
	background="$background $listener"
}

hang_up()
{
	kill "$listener" 2>/dev/null || :
	wait "$listener" 2>/dev/null || :
	background=
}

# hears TEXT [SECONDS]: whether that has arrived, or does so in time.
hears()
{
	_left=$((${2:-3} * naps_a_second))
	until grep -q -F -e "$1" "$work/heard"; do
		[ "$_left" -gt 0 ] || return 1
		_left=$((_left - 1))
		nap
	done
}

# ready IDENTITY TOPIC: the listener is there once one message of many arrives.
ready()
{
	_tries=0
	while [ "$_tries" -lt 100 ]; do
		publish "$1" "$2" ready || :
		! grep -q ' ready$' "$work/heard" || return 0
		_tries=$((_tries + 1))
		nap
	done
	return 1
}
