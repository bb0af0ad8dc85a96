# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # of lib.sh and lib_brokers.sh: tmp, limit, what is known
# nats-server for tests/brokers_nats*.sh and bench/brokers. Sourced, after lib_brokers.sh.
#
# SPDX-License-Identifier: ISC

name=$(nats-server --version 2>/dev/null | sed 's/: v/ /')
versions=3.1.1
dotted=no
denied='does not allow the subscription'
oversize=taken
clustered=no

kind_need()
{
	need nats-server
}

kind_conf()
{
	mkdir -p "$tmp/nats$1"
	cat >"$tmp/nats$1.conf" <<-END
		server_name: nats$1
		listen: "10.99.0.$1:4222"
		jetstream { store_dir: "$tmp/nats$1", max_memory_store: 64MB, max_file_store: 256MB }
		mqtt { listen: "10.99.0.$1:1883" }
		max_payload: ${limit:-1MB}
		authorization { users: [
			{ user: node, password: node }
			{ user: denied, password: denied, permissions: {
				publish: { deny: "mqttip.>" }, subscribe: { deny: "mqttip.>" }
			} }
		] }
	END
	[ "$clustered" = no ] || cat >>"$tmp/nats$1.conf" <<-END
		cluster {
			name: vpn
			listen: "10.99.0.$1:6222"
			routes: [
				"nats://10.99.0.1:6222", "nats://10.99.0.2:6222", "nats://10.99.0.3:6222"
			]
		}
	END
}

kind_run()
{
	spawn b "broker$1" nats-server -c "$tmp/nats$1.conf"
}
