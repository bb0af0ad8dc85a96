# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # of lib.sh and lib_brokers.sh: tmp, limit, what is known
# aedes, a broker for Node.js, for tests/brokers_aedes.sh and bench/brokers. Sourced, after lib_brokers.sh.
#
# SPDX-License-Identifier: ISC

name=aedes
versions=3.1.1
denied='does not allow the subscription'
oversize=closed

# The package is fetched for this test, into its own directory.
kind_need()
{
	need node npm
	mkdir "$tmp/npm"
	_wanted=aedes@1
	[ "$(node -p 'parseInt(process.versions.node)')" -ge 20 ] || _wanted=aedes@0.51
	timeout 120 npm install --prefix "$tmp/npm" --cache "$tmp/npm/cache" --no-audit --no-fund \
	    --ignore-scripts "$_wanted" >"$tmp/npm.log" 2>&1 || skip "npm cannot fetch aedes: $(tail -n 1 "$tmp/npm.log")"
	name="aedes $(node -p "require('$tmp/npm/node_modules/aedes/package.json').version")"
}

kind_conf()
{
	:
}

kind_run()
{
	spawn b "broker$1" node "$srcdir/tests/aedes_broker.js" "$tmp/npm" "10.99.0.$1" ${limit:+"$limit"}
}
