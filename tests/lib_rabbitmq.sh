# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # of lib.sh and lib_brokers.sh: tmp, limit, what is known
# rabbitmq-server with its plugin rabbitmq_mqtt, for tests/brokers_rabbitmq*.sh and bench/brokers.
# Sourced, after lib_brokers.sh. All that it writes is in the test's directory, and epmd, which it
# starts, lives in the test's namespace and ends with it.
#
# SPDX-License-Identifier: ISC

name=$(dpkg-query -W -f 'rabbitmq-server ${Version}' rabbitmq-server 2>/dev/null | sed 's/-[^-]*$//')
versions=3.1.1
dotted=yes
denied='closed the connection when we subscribed'
retained=no
oversize=closed
clustered=no
start_seconds=90
rabbitmq_server=$(find /usr/lib/rabbitmq/lib -name rabbitmq-server -path '*/sbin/*' 2>/dev/null | head -n 1)

kind_need()
{
	need erl epmd
	[ -x "$rabbitmq_server" ] || skip "rabbitmq-server is not installed"
	(umask 077 && head -c 18 /dev/urandom | od -An -tx1 | tr -d " \n" >"$tmp/.erlang.cookie")
	chmod 400 "$tmp/.erlang.cookie"
	echo '[rabbitmq_mqtt].' >"$tmp/plugins"
	cat >"$tmp/definitions.json" <<-END
		{
			"vhosts": [{ "name": "/" }],
			"users": [
				{ "name": "node", "password": "node", "tags": "" },
				{ "name": "denied", "password": "denied", "tags": "" }
			],
			"permissions": [
				{ "user": "node", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*" },
				{ "user": "denied", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*" }
			],
			"topic_permissions": [
				{ "user": "denied", "vhost": "/", "exchange": "amq.topic", "write": "^$", "read": "^$" }
			]
		}
	END
}

kind_conf()
{
	mkdir -p "$tmp/rabbit$1"
	cat >"$tmp/rabbit$1.conf" <<-END
		listeners.tcp.1 = 10.99.0.$1:5672
		mqtt.listeners.tcp.1 = 10.99.0.$1:1883
		mqtt.vhost = /
		mqtt.allow_anonymous = false
		mqtt.tcp_listen_options.nodelay = true
		load_definitions = $tmp/definitions.json
		log.console = true
		log.console.level = warning
		log.file = false
		vm_memory_high_watermark.absolute = 512MB
		disk_free_limit.absolute = 50MB
		${limit:+max_message_size = $limit}
	END
	[ "$clustered" = no ] || cat >>"$tmp/rabbit$1.conf" <<-END
		cluster_name = vpn
		cluster_partition_handling = pause_minority
		cluster_formation.peer_discovery_backend = classic_config
		cluster_formation.classic_config.nodes.1 = rabbit1@10.99.0.1
		cluster_formation.classic_config.nodes.2 = rabbit2@10.99.0.2
		cluster_formation.classic_config.nodes.3 = rabbit3@10.99.0.3
	END
}

# Under systemd it is the server itself that is our child, not a shell that waits for it. Nodes that
# begin at the same moment would each start epmd, and all but one fail.
kind_run()
{
	in_ns b epmd -daemon
	wait_for 10 in_ns b epmd -names || fail "epmd does not answer"
	spawn b "broker$1" env -i PATH="$PATH" HOME="$tmp" LANG=C.UTF-8 RUNNING_UNDER_SYSTEMD=yes \
	    RABBITMQ_USE_LONGNAME=true RABBITMQ_NODENAME="rabbit$1@10.99.0.$1" \
	    RABBITMQ_DIST_PORT="2567$1" RABBITMQ_CONF_ENV_FILE=/dev/null \
	    RABBITMQ_CONFIG_FILE="$tmp/rabbit$1.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$tmp/plugins" \
	    RABBITMQ_MNESIA_BASE="$tmp/rabbit$1" RABBITMQ_LOG_BASE="$tmp/rabbit$1" \
	    RABBITMQ_GENERATED_CONFIG_DIR="$tmp/rabbit$1" RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='+S 2:2' \
	    "$rabbitmq_server"
}
