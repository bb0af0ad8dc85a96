#!/bin/sh
# Builds mqtt-vpnd and runs every test. Its last line is "N passed, N failed, N skipped".
#
# SPDX-License-Identifier: ISC
set -eu

tree=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=contrib/packages.sh
. "$tree/contrib/packages.sh"

passed=0
failed=0
skipped=0
times=
# gcc's and clang's sanitizers stumble where the kernel randomises more than 28 bits.
no_aslr=
if setarch -R true 2>/dev/null; then
	no_aslr='setarch -R'
fi

usage()
{
	cat <<-END
	usage: check.sh [--quick] [--fuzz SECONDS]
	       check.sh --brokers
	  --quick         build and run the tests once, compile with clang; nothing else
	  --fuzz SECONDS  run each fuzz target that long as well
	  --brokers       build, and run over each broker that can be installed; nothing else
	END
}

# The sum of automake's "# PASS: 12" lines in a log.
summed()
{
	sed -n "s/^# $1: *\\([0-9][0-9]*\\)\$/\\1/p" "$log" | awk '{ n += $1 } END { print n + 0 }'
}

# Adds what a phase's log counts; a phase that failed without a failed test counts as one failure.
count_results()
{
	bad=$(($(summed FAIL) + $(summed XPASS) + $(summed ERROR)))
	if [ "$1" -ne 0 ] && [ "$bad" -eq 0 ]; then
		bad=1
	fi
	passed=$((passed + $(summed PASS) + $(summed XFAIL)))
	failed=$((failed + bad))
	skipped=$((skipped + $(summed SKIP)))
}

# What the tests that failed since the phase began had to say: the ends of their daemons' logs, then the
# tests themselves, as what is said last is what is read first.
show_failures()
{
	find "$build" -name '*.trs' -newer "$build/begun" \
		-exec grep -l -E '^:test-result: (FAIL|ERROR)' {} + | while read -r trs; do
		say "${trs#"$build"/}"
		sed -n '/^---- /,$p' "${trs%.trs}.log" | tail -n 200
		sed '/^---- /,$d' "${trs%.trs}.log" | tail -n 30
	done
}

# phase NAME FUNCTION: runs it, shows and keeps what it says, and counts. It goes on after a failure.
phase()
{
	name=$1
	log=$build/$2.log
	begun=$(date +%s)
	: >"$build/begun"
	say "$name"
	{
		set +e
		(set -e; "$2") 2>&1
		echo $? >"$build/status"
	} | tee "$log"
	status=$(cat "$build/status")
	count_results "$status"
	took=$(($(date +%s) - begun))
	verdict=good
	if [ "$status" -ne 0 ]; then
		verdict=FAILED
		show_failures
	fi
	say "$name: $verdict, $took s"
	times="$times$(printf '%6d s  %-6s  %s' "$took" "$verdict" "$name")
"
}

# The tests of behaviour wait more than they work: six at a time keep two cores busy.
build_and_test()
{
	mkdir "$build/plain"
	cd "$build/plain"
	../source/configure -q --enable-werror CC=gcc
	make -j2
	make -j6 check
}

# The namespace tests and those of the sources ran already; here it is the tarball that is tried.
distribution()
{
	cd "$build/plain"
	make -j4 distcheck netns_tests= pki_tests= source_tests= CFLAGS=-O1
}

# clang warns of what gcc does not, and the sanitized build is clang's.
compiled_by_clang()
{
	mkdir "$build/clang"
	cd "$build/clang"
	../source/configure -q --enable-werror CC=clang CFLAGS=-O0
	make -j2 all
	make -j2 check TESTS=
}

# The tunnel's own tests once more on the native wire, through a broker that could do harm but does
# not: those of the plain build ran on the wire of MQTT_VPN.
through_proxy()
{
	cd "$build/plain"
	verdicts=0
	for wire in psk pubkey; do
		# shellcheck disable=SC2016 # it is make that knows the list
		make -j6 check TESTS='$(TUNNEL_TESTS)' WIRE="$wire" PROXY=yes || verdicts=1
	done
	# shellcheck disable=SC2016
	make -j6 check TESTS='$(GROUP_TUNNEL_TESTS)' WIRE=group PROXY=yes || verdicts=1
	return "$verdicts"
}

# Neither what a shell script does nor what a source looks like depends on these.
sanitized()
{
	mkdir "$build/sanitized"
	cd "$build/sanitized"
	../source/configure -q --enable-werror --enable-sanitizers CC=clang
	make -j2
	$no_aslr make -j6 check pki_tests= source_tests=
}

under_valgrind()
{
	mkdir "$build/valgrind"
	cd "$build/plain"
	make check TESTS="tests/netns_ping.sh tests/netns_failover.sh tests/netns_reload.sh" \
		VALGRIND="valgrind -q --sim-hints=lax-ioctls --leak-check=full --log-file=$build/valgrind/%p"
	find "$build/valgrind" -type f -size +0 -exec cat {} + >"$build/complaints"
	cat "$build/complaints"
	[ ! -s "$build/complaints" ]
}

fuzzed()
{
	mkdir "$build/fuzzing"
	cd "$build/fuzzing"
	../source/configure -q --enable-fuzzing CC=clang
	make -j2
	verdicts=0
	for source in ../source/fuzz/fuzz_*.c; do
		target=$(basename "$source" .c)
		make "fuzz/$target"
		cp -R "../source/fuzz/corpus/${target#fuzz_}" "corpus-$target"
		say "$target for $fuzz_seconds s"
		if $no_aslr "fuzz/$target" -max_total_time="$fuzz_seconds" -print_final_stats=1 \
			"corpus-$target"; then
			echo "# PASS: 1"
		else
			echo "# FAIL: 1"
			verdicts=1
		fi
	done
	return "$verdicts"
}

# One at a time: what they measure is time, and the servers want memory.
over_brokers()
{
	mkdir "$build/plain"
	cd "$build/plain"
	../source/configure -q --enable-werror CC=gcc
	make -j2
	verdicts=0
	# shellcheck disable=SC2016 # it is make that knows the list
	make check TESTS='$(BROKERS_TESTS)' || verdicts=1
	sed -n 's/^measured: //p' tests/brokers_*.log
	return "$verdicts"
}

finish()
{
	status=$?
	trap '' INT TERM HUP
	leave_netns_dir
	give_build_dir_away
	exit "$status"
}

quick=
brokers=
fuzz_seconds=
while [ $# -gt 0 ]; do
	case $1 in
	--quick) quick=yes ;;
	--brokers) brokers=yes ;;
	--fuzz)
		shift
		fuzz_seconds=${1:-}
		case $fuzz_seconds in
		'' | *[!0-9]*) die "--fuzz wants a number of seconds" ;;
		esac
		;;
	-h | --help)
		usage
		exit 0
		;;
	*)
		usage >&2
		exit 1
		;;
	esac
	shift
done

require_machine
# shellcheck disable=SC2086 # lists
install_packages $packages_build $packages_test ${brokers:+$packages_brokers}
require_namespaces
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
make_build_dir build-check
say "Building in $build"
copy_source

if [ -n "$brokers" ]; then
	phase "The tunnel over every broker" over_brokers
else
	phase "Build with gcc and run every test" build_and_test
fi
if [ -n "$quick" ]; then
	phase "Compile everything with clang" compiled_by_clang
elif [ -z "$brokers" ]; then
	phase "The tunnel on the native wire, psk, pubkey and group, through a proxy" through_proxy
	phase "Make the tarball, build and test from it" distribution
	phase "Every test under AddressSanitizer and UndefinedBehaviorSanitizer" sanitized
	phase "Ping, fail-over and reload under valgrind" under_valgrind
fi
if [ -n "$fuzz_seconds" ]; then
	phase "Fuzzing, $fuzz_seconds s for each target" fuzzed
fi

printf '\n%s\n' "$times"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
