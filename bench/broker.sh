#!/bin/sh
# A broker as tests/brokers_*.sh have it, for bench/brokers:
#   broker.sh prepare KIND NUMBER DIR   writes all that it needs into DIR, and prints its name; exit
#                                       status 77 if it is not there
#   broker.sh run KIND NUMBER DIR       becomes it
#
# SPDX-License-Identifier: ISC
set -eu

action=$1
kind=$2
number=$3
# shellcheck disable=SC2034 # for what is sourced
tmp=$4
srcdir=$(cd "$(dirname "$0")/.." && pwd)

skip()
{
	echo "$*"
	exit 77
}

need()
{
	for command; do
		command -v "$command" >/dev/null || skip "$command is not installed"
	done
}

spawn()
{
	shift 2
	exec "$@"
}

# shellcheck source=tests/lib_brokers.sh
. "$srcdir/tests/lib_brokers.sh"
# shellcheck source=/dev/null # one of several
. "$srcdir/tests/lib_$kind.sh"

case $action in
prepare)
	kind_need
	kind_conf "$number"
	# shellcheck disable=SC2154 # each of them says it
	echo "$name"
	;;
run) kind_run "$number" ;;
esac
