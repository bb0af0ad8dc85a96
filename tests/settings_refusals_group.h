/*
 * What a configuration of mqtt-vpnd with mode = group is refused for.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SETTINGS_REFUSALS_GROUP_H
#define SETTINGS_REFUSALS_GROUP_H

#include "conf.h"

/* Four lines that are in order. */
#define GROUP                                                                    \
	"network = home mode = group\nprivate-key-file = \"/nonexistent/key\"\n" \
	"key-server = \"" CONF_KEY_1 "\"\ninterface a { address = 10.0.1.1/24 } broker b { }\n"
#define KEY_B "public-key = \"" CONF_KEY_2 "\" "
#define LETTERS_63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define PLAIN "expected letters, digits, '-', '_' and '.'"
#define ONLY_VPND "expected only what mqtt-vpnd knows"
#define DOT "holds a '.', which brokers may not take in a topic: expected none with topics = plain"
#define NO_KEY \
	"not a public key: expected 44 characters of base64, as 'mqtt-vpnctl pubkey' prints them"

static const struct refusal group_refusals[] = {
    {false, "key-group a { }\n", ":1: 'key-group' is a section of mqtt-vpn-keyd: " ONLY_VPND},
    {false, "\nmember a { }\n", ":2: 'member' is a section of mqtt-vpn-keyd: " ONLY_VPND},
    {false, "store = \"/x\"\n", ":1: 'store' is a key of mqtt-vpn-keyd: " ONLY_VPND},
    {false, "lease = 900\n", ":1: 'lease' is a key of mqtt-vpn-keyd: " ONLY_VPND},
    {false, "peer a { groups = g }\n", ":1: 'groups' is a key of mqtt-vpn-keyd: " ONLY_VPND},
    {false, "group g { }\n", ":1: group: the '=' is missing: expected group = VALUE"},
    {false, "key-server = x\n", ":1: key-server: " NO_KEY},
    {false, "key-server = \"" CONF_ZERO_KEY "\"\n",
	":1: key-server: the key is all zero: expected one of 'mqtt-vpnctl pubkey'"},
    {false, "group-name = \"a b\"\n", ":1: group-name: 'a b' is not a name for a group: " PLAIN},
    {false, "group-name = \"\"\n", ":1: group-name: empty: expected text"},
    {false, "group-name = " LETTERS_63 "aa\n",
	":1: group-name: 65 characters are too many: expected at most 64"},
    {false, "membership = 1099511627777\n",
	":1: membership: '1099511627777' is out of range: expected a number of seconds from 0 to "
	"1099511627776"},
    {false, "membership = -1\n",
	":1: membership: '-1' is not a number of seconds: expected one from 0 to 1099511627776, "
	"such "
	"as 900 or 15m"},
    {false, "sign-broadcasts = perhaps\n",
	":1: sign-broadcasts: 'perhaps' is neither yes nor no: expected true or false"},
    {false, "network = home mode = group\n",
	": private-key-file: missing: expected a file with what 'mqtt-vpnctl genkey' prints, as "
	"mode "
	"is group"},
    {false, "network = home mode = group private-key-file = \"/x\"\n",
	": key-server: missing: expected what 'mqtt-vpnctl pubkey' prints at the key server, as "
	"mode "
	"is group"},
    {true, "", ":2: private-key-file: /nonexistent/key: No such file or directory"},
    {true, "passphrase-file = \"/nonexistent/psk\"\n",
	":5: passphrase-file: /nonexistent/psk: No such file or directory"},
    {true, "topics = plain\ngroup-name = a.b\n", ":6: group-name: 'a.b' " DOT},
    {true, "peer a { address = 10.0.1.2 wire = mqtt_vpn }\npeer b { address = 10.0.1.3 }\n",
	":6: peer: 'b' is of no use with mode = group, as the key server tells who its peers are: "
	"expected wire = mqtt_vpn or no such section"},
    {true, "peer a { address = 10.0.1.2 wire = mqtt_vpn " KEY_B "}\n",
	":5: public-key: of no use with wire = mqtt_vpn: expected no such key"},
    {false, "network = home passphrase-file = \"/x\"\nkey-server = \"" CONF_KEY_1 "\"\n",
	":2: key-server: of no use with mode = psk: expected mode = group or no such key"},
    {false, "network = home passphrase-file = \"/x\"\ngroup-name = g\n",
	":2: group-name: of no use with mode = psk: expected mode = group or no such key"},
    {false, "network = home mode = pubkey private-key-file = \"/x\"\nmembership = 0\n",
	":2: membership: of no use with mode = pubkey: expected mode = group or no such key"},
    {false, "network = home mode = pubkey private-key-file = \"/x\"\nsign-broadcasts = yes\n",
	":2: sign-broadcasts: of no use with mode = pubkey: expected mode = group or no such key"},
    {false, "wire = mqtt_vpn\nkey-server = \"" CONF_KEY_1 "\"\n",
	":2: key-server: of no use with wire = mqtt_vpn: expected wire = native or no such key"},
};

#endif
