# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # of lib.sh and lib_brokers.sh: tmp, limit, what is known
# ejabberd with its module mod_mqtt, for tests/brokers_ejabberd.sh and bench/brokers. Sourced, after
# lib_brokers.sh. All that it writes is in the test's directory, and epmd, which it starts, lives in
# the test's namespace and ends with it.
#
# SPDX-License-Identifier: ISC

name=$(dpkg-query -W -f 'ejabberd ${Version}' ejabberd 2>/dev/null | sed 's/-[^-]*$//')
oversize=closed
denied='does not allow the subscription'
start_seconds=60
libraries=$(dpkg-query -L ejabberd 2>/dev/null | sed -n 's,/ejabberd-[^/]*/ebin$,,p')

kind_need()
{
	need erl epmd
	[ -n "$libraries" ] || skip "ejabberd is not installed"
	(umask 077 && head -c 18 /dev/urandom | od -An -tx1 | tr -d " \n" >"$tmp/.erlang.cookie")
	chmod 400 "$tmp/.erlang.cookie"
}

kind_conf()
{
	mkdir -p "$tmp/ejabberd$1"
	cat >"$tmp/ejabberd$1.yml" <<-END
		hosts:
		  - vpn.test
		loglevel: warning
		acl:
		  denied:
		    user: denied@vpn.test
		access_rules:
		  members:
		    deny: denied
		    allow: all
		listen:
		  -
		    port: 1883
		    ip: "10.99.0.$1"
		    module: mod_mqtt
		    ${limit:+max_payload_size: $limit}
		modules:
		  mod_mqtt:
		    access_publish:
		      "#": members
		    access_subscribe:
		      "#": members
	END
}

# What ejabberdctl(8) would do.
kind_run()
{
	spawn b "broker$1" env -i PATH="$PATH" HOME="$tmp" ERL_LIBS="$libraries" \
	    EJABBERD_CONFIG_PATH="$tmp/ejabberd$1.yml" EJABBERD_LOG_PATH="$tmp/ejabberd$1/ejabberd.log" \
	    ERL_CRASH_DUMP=/dev/null \
	    erl +S 2:2 -noinput -name "ejabberd$1@10.99.0.$1" -mnesia dir "\"$tmp/ejabberd$1\"" \
	    -s ejabberd -eval \
	    '[ejabberd_auth:try_register(U, <<"vpn.test">>, U) || U <- [<<"node">>, <<"denied">>]].'
}
