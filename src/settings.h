/*
 * The configuration file and the command line as one immutable struct settings. Every error
 * names the file, the line (or the option) and what was expected. mqtt-vpn.conf(5) and
 * mqtt-vpn-keyd.conf(5) are its manuals. Called settings, as autoconf owns the name config.h.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "aead.h"
#include "log.h"

struct options;

#define SETTINGS_DEFAULT_FILE SYSCONFDIR "/mqtt-vpn.conf"
#define SETTINGS_DEFAULT_KEYD_FILE SYSCONFDIR "/mqtt-vpn-keyd.conf"
#define SETTINGS_DEFAULT_KEYD_SOCKET RUNDIR "/mqtt-vpn-keyd/keyd.sock"
#define SETTINGS_DEFAULT_KEYD_STORE LOCALSTATEDIR "/lib/mqtt-vpn-keyd/keys.db"

enum settings_wire { WIRE_NATIVE, WIRE_MQTT_VPN };
enum settings_mode { MODE_PSK, MODE_PUBKEY, MODE_GROUP };
enum settings_method { METHOD_STATIC, METHOD_UPDATE, METHOD_SLOTTED };
enum settings_topics { TOPICS_HASHED, TOPICS_PLAIN };
enum settings_padding { PADDING_NONE, PADDING_16, PADDING_BUCKETS };
enum settings_offload { OFFLOAD_YES, OFFLOAD_NO, OFFLOAD_UDP };
enum settings_protocol { PROTOCOL_ANY, PROTOCOL_311, PROTOCOL_5 };
enum settings_profile {
	PROFILE_NONE,
	PROFILE_AWS_IOT,
	PROFILE_EMQX_SERVERLESS,
	PROFILE_AZURE_EVENT_GRID,
	PROFILE_HIVEMQ,
	PROFILE_SHIFTR,
};
enum settings_transport { TRANSPORT_TCP, TRANSPORT_TLS, TRANSPORT_UNIX };

struct settings_broker {
	char *url; /* as written, for messages */
	enum settings_transport transport;
	char *host; /* name or literal without brackets, or the path of a unix socket */
	uint16_t port;
	char *username; /* the rest: NULL when not set */
	char *password; /* from the old command line only; wiped */
	char *password_file;
	char *password_command; /* run by /bin/sh -c */
	char *ca_file;
	char *crl_file;
	char *certificate;
	char *key;
	char *key_passphrase_file;
	char *alpn;			 /* one protocol */
	char *tls_name;			 /* name to check and to send as SNI; host when NULL */
	char *tls_min_version;		 /* "1.2" (default) or "1.3" */
	char *congestion_control;	 /* of TCP, by the kernel's name for it */
	bool tls_verify;		 /* default true */
	uint32_t keepalive_s;		 /* 60; 5 to 3600 */
	uint32_t timeout_s;		 /* for each stage of connecting: 10; 1 to 120 */
	enum settings_protocol protocol; /* any: 5, and 3.1.1 where that is refused */
	enum settings_profile profile;	 /* what it stands for is in the other fields */
	/* What the broker takes from us; 0: no limit. */
	uint32_t max_message;	/* largest payload, in bytes */
	uint32_t max_rate;	/* messages a second */
	uint32_t max_bandwidth; /* bytes a second */
};

struct settings_peer {
	char *name;
	struct addr *addrs;
	size_t addr_count;
	struct prefix *routes;
	size_t route_count;
	enum settings_wire wire; /* that of the file when not set */
	bool has_public_key;
	uint8_t public_key[AEAD_KEY_LEN];
	unsigned int line;
};

/* Of a key server: a group whose keys it hands out. */
struct settings_key_group {
	char *name;
	enum settings_method method; /* update */
	uint32_t lease_s;	     /* 900; 10 to 86400 */
	uint32_t slot_s;	     /* 60; 1 to 86400; slotted only, as depth is */
	uint32_t depth;		     /* 24; 4 to 30 */
	unsigned int line;
};

/* Of a key server: somebody who may join groups. */
struct settings_member {
	char *name;
	bool has_public_key;
	uint8_t public_key[AEAD_KEY_LEN]; /* public-key, or what public-key-file holds */
	char **groups;			  /* names of those it may join */
	size_t group_count;
	struct prefix *prefixes; /* its addresses, then the networks behind it */
	size_t prefix_count;
	uint64_t longest_s; /* membership; 0 (default): no limit */
	unsigned int line;
};

/* Of mqtt-vpnd and of mqtt-vpn-keyd; each has keys that the other does not know. */
struct settings {
	char *file;	      /* NULL when all came from the command line */
	char *interface;      /* may hold one %d */
	struct prefix *addrs; /* of the interface */
	size_t addr_count;
	uint16_t mtu;
	enum settings_offload offload; /* yes */
	char *client_id;	       /* NULL: "MQTT_VPN_" and random */
	enum settings_wire wire;       /* native */
	char *topic_prefix;	       /* "mqttip" */
	/* Of the mqtt_vpn wire: the first line of passphrase-file, or -k, or, beside the native
	 * wire, the first line of mqtt-vpn-password-file. NULL: bare packets. */
	char *password;
	/* The rest, down to rekey_s, means something on the native wire only. */
	enum settings_mode mode; /* psk */
	char *network;
	char *name;	  /* of this node, told to its peers; default: the host's */
	char *passphrase; /* NULL if there is none, or a key instead */
	bool has_secret;  /* passphrase-file holds a key: no Argon2id */
	uint8_t secret[AEAD_KEY_LEN];
	uint32_t kdf_passes;	 /* 3; 1 to 16 */
	uint32_t kdf_memory_mib; /* 64; 8 to 1024 */
	bool has_private_key;
	uint8_t private_key[AEAD_KEY_LEN]; /* of private-key-file */
	enum settings_topics topics;	   /* hashed */
	enum settings_padding padding;	   /* none */
	uint32_t rekey_s;		   /* rekey-interval: 120; 1 to 3600 */
	/* mode = group */
	char *group_name;      /* that we join; default: the network's name */
	uint64_t membership_s; /* that we ask for; 0 (default): as long as we get */
	bool sign_broadcasts;  /* yes */
	bool has_key_server;
	uint8_t key_server[AEAD_KEY_LEN]; /* its public key */
	/* Of a key server. */
	char *store; /* its database; SETTINGS_DEFAULT_KEYD_STORE */
	struct settings_key_group *key_groups;
	size_t key_group_count;
	struct settings_member *members;
	size_t member_count;
	struct addr *forwards;
	size_t forward_count;
	struct settings_broker *brokers;
	size_t broker_count;
	struct settings_peer *peers;
	size_t peer_count;
	char *pid_file;
	/* NULL: /run/mqtt-vpnd/<interface>.sock. Of a key server, SETTINGS_DEFAULT_KEYD_SOCKET. */
	char *control_socket;
	char *control_group; /* owner group of the control socket; NULL: the daemon's own */
	char *user, *group;  /* to run as; NULL: unchanged */
	char *up, *down;     /* hooks, run by /bin/sh -c */
	enum log_level log_level;
	bool foreground, old_name;
};

/*
 * Reads o->config_file (if given) and applies the options over it, checks everything, including
 * that named files exist and that secrets are not readable by others. Returns NULL with a new
 * string in *error (NULL when memory is short):
 * "/etc/mqtt-vpn.conf:12: mtu: ... expected ...". warn, when not NULL, is called with each thing
 * that works but should be known.
 */
struct settings *
settings_load(const struct options *o, void (*warn)(const char *text), char **error);
/* Wipes secrets. Accepts NULL. */
void settings_free(struct settings *s);

/*
 * What a running daemon cannot take over from new without a restart ("interface name", "mtu", ...):
 * a new string of the names with commas between, or NULL if there is none.
 */
char *settings_restart_needed(const struct settings *running, const struct settings *new);

#endif
