/*
 * What a configuration of mqtt-vpn-keyd is refused for.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SETTINGS_REFUSALS_KEYD_H
#define SETTINGS_REFUSALS_KEYD_H

#include "conf.h"

/* Four lines that are in order. */
#define KEYD \
	"network = home\nprivate-key-file = \"/nonexistent/key\"\nbroker b { }\nkey-group g { }\n"
#define KEY_A "public-key = \"" CONF_KEY_1 "\" "
#define KEY_B "public-key = \"" CONF_KEY_2 "\" "
#define KEY_C "public-key-file = \"/nonexistent/pub\" "
#define LETTERS_63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define PLAIN "expected letters, digits, '-', '_' and '.'"
#define ONLY_KEYD "expected only what mqtt-vpn-keyd knows"
#define DOT "holds a '.', which brokers may not take in a topic: expected none with topics = plain"
#define NO_KEY \
	"not a public key: expected 44 characters of base64, as 'mqtt-vpnctl pubkey' prints them"
#define TOO_MANY "one too many: expected at most 16 addresses and routes of a member in all"

static const struct refusal keyd_refusals[] = {
    {false, "",
	": network: missing: expected network = \"NAME\", the same on all members of its groups"},
    {false, "network = home\n",
	": private-key-file: missing: expected a file with what 'mqtt-vpnctl genkey' prints"},
    {false, "network = home\nprivate-key-file = \"/x\"\n",
	": broker: missing: expected at least one, as in broker \"mqtt://HOST\" { }"},
    {false, "network = home\nprivate-key-file = \"/x\"\nbroker b { }\n",
	": key-group: missing: expected at least one, as in key-group \"NAME\" { }"},
    {true, "", ":2: private-key-file: /nonexistent/key: No such file or directory"},
    {false, "foo = 1\n",
	":1: 'foo' is not a key: expected one of broker, key-group, member, network, name, "
	"passphrase-file, private-key-file, kdf-passes, kdf-memory, rekey-interval, topics, store, "
	"topic-prefix, client-id, log-level, pid-file, control-socket, control-group, user, group"},
    {false, "key-group g { foo = 1 }\n",
	":1: 'foo' is not a key: expected one of method, lease, slot, depth"},
    {false, "member a { foo = 1 }\n",
	":1: 'foo' is not a key: expected one of public-key, public-key-file, groups, address, "
	"routes, longest"},
    {false, "\ninterface mq0 { }\n", ":2: 'interface' is a section of mqtt-vpnd: " ONLY_KEYD},
    {false, "peer a { }\n", ":1: 'peer' is a section of mqtt-vpnd: " ONLY_KEYD},
    {false, "wire = native\n", ":1: 'wire' is a key of mqtt-vpnd: " ONLY_KEYD},
    {false, "mode = group\n", ":1: 'mode' is a key of mqtt-vpnd: " ONLY_KEYD},
    {false, "padding = none\n", ":1: 'padding' is a key of mqtt-vpnd: " ONLY_KEYD},
    {false, "forward = 10.0.0.1\n", ":1: 'forward' is a key of mqtt-vpnd: " ONLY_KEYD},
    {false, "mqtt-vpn-password-file = \"/x\"\n",
	":1: 'mqtt-vpn-password-file' is a key of mqtt-vpnd: " ONLY_KEYD},
    {false, "key-server = x\n", ":1: 'key-server' is a key of mqtt-vpnd: " ONLY_KEYD},
    {false, "up = x\n", ":1: 'up' is a key of mqtt-vpnd: " ONLY_KEYD},
    {false, "broker b { mtu = 1500 }\n", ":1: 'mtu' is a key of mqtt-vpnd: " ONLY_KEYD},
    {false, "member a { peer b { } }\n", ":1: 'peer' is a section of mqtt-vpnd: " ONLY_KEYD},
    {false, "lease = 900\n", ":1: 'lease' belongs in section key-group: expected it there"},
    {false, "address = 10.0.0.1\n", ":1: 'address' belongs in section member: expected it there"},
    {false, "member a { method = update }\n",
	":1: 'method' belongs in section key-group: expected it there"},
    {false, "member a { store = \"/x\" }\n",
	":1: 'store' belongs outside the sections: expected it there"},
    {false, "group g { }\n",
	":1: 'group' is the one to run as: expected key-group \"NAME\" { } for one of members"},
    {false, "user \"x\"\n", ":1: user: the '=' is missing: expected user = VALUE"},
    {false, "network = \"a/b\"\n", ":1: network: 'a/b' is not a name for a network: " PLAIN},
    {false, "store = keys.db\n",
	":1: store: 'keys.db' is not an absolute path: expected one that begins with '/'"},
    {false, "key-group \"a/b\" { }\n", ":1: key-group: 'a/b' is not a name for a group: " PLAIN},
    {false, "key-group \"\" { }\n",
	":1: key-group: '' is not a name for a group: expected 1 to 64 characters"},
    {false, "key-group " LETTERS_63 "aa { }\n",
	":1: key-group: '" LETTERS_63 "aa' is not a name for a group: expected 1 to 64 characters"},
    {false, "member \"a b\" { }\n", ":1: member: 'a b' is not a name for a member: " PLAIN},
    {false, "member \"\" { }\n",
	":1: member: '' is not a name for a member: expected 1 to 63 characters"},
    {false, "member " LETTERS_63 "a { }\n",
	":1: member: '" LETTERS_63 "a' is not a name for a member: expected 1 to 63 characters"},
    {false, "key-group a { }\nkey-group b { }\nkey-group a { }\n",
	":3: key-group: 'a' is there already, in line 1: expected another name"},
    {false, "member a { }\nmember a { }\n",
	":2: member: 'a' is there already, in line 1: expected another name"},
    {false, "key-group a { method = x }\n",
	":1: method: 'x' is not a method: expected static, update or slotted"},
    {false, "key-group a { lease = 9 }\n",
	":1: lease: '9' is out of range: expected a number of seconds from 10 to 86400"},
    {false, "key-group a { lease = 25h }\n",
	":1: lease: '25h' is out of range: expected a number of seconds from 10 to 86400"},
    {false, "key-group a { lease = 15M }\n",
	":1: lease: '15M' is not a number of seconds: expected one from 10 to 86400, such as 900 "
	"or "
	"15m"},
    {false, "key-group a { slot = 0 }\n",
	":1: slot: '0' is out of range: expected a number of seconds from 1 to 86400"},
    {false, "key-group a { slot = 86401 }\n",
	":1: slot: '86401' is out of range: expected a number of seconds from 1 to 86400"},
    {false, "key-group a { depth = 3 }\n",
	":1: depth: '3' is out of range: expected a number from 4 to 30"},
    {false, "key-group a { depth = 31 }\n",
	":1: depth: '31' is out of range: expected a number from 4 to 30"},
    {true, "key-group a { method = update\nslot = 60 }\n",
	":6: slot: of no use with method = update: expected method = slotted or no such key"},
    {true, "key-group a { depth = 24 }\n",
	":5: depth: of no use with method = update: expected method = slotted or no such key"},
    {true, "key-group a {\ndepth = 24 method = static }\n",
	":6: depth: of no use with method = static: expected method = slotted or no such key"},
    {true, "topics = plain key-group a { }\nkey-group a.b { }\n", ":6: key-group: 'a.b' " DOT},
    {false, "network = home.net topics = plain\n", ":1: network: 'home.net' " DOT},
    {true, "broker \"mqtt://c\" {\nmax-message = 65535 }\n",
	":6: max-message: 65535 is too small for what a key server tells a group: expected at "
	"least "
	"65536"},
    {true, "broker \"mqtt://c\" {\nprofile = shiftr }\n",
	":6: profile: 64000 is too small for what a key server tells a group: expected at least "
	"65536"},
    {false, "member a { public-key = x }\n", ":1: public-key: " NO_KEY},
    {false, "member a { public-key = \"" CONF_ZERO_KEY "\" }\n",
	":1: public-key: the key is all zero: expected one of 'mqtt-vpnctl pubkey'"},
    {false, "member a { public-key-file = x }\n",
	":1: public-key-file: 'x' is not an absolute path: expected one that begins with '/'"},
    {false, "member a { longest = 0 }\n",
	":1: longest: '0' is out of range: expected a number of seconds from 1 to 1099511627776"},
    {false, "member a { longest = 1099511627777 }\n",
	":1: longest: '1099511627777' is out of range: expected a number of seconds from 1 to "
	"1099511627776"},
    {false, "member a { longest = 1817976w }\n",
	":1: longest: '1817976w' is out of range: expected a number of seconds from 1 to "
	"1099511627776"},
    {false, "member a { longest = 18446744073709551617 }\n",
	":1: longest: '18446744073709551617' is out of range: expected a number of seconds from 1 "
	"to "
	"1099511627776"},
    {false, "member a { longest = forever }\n",
	":1: longest: 'forever' is not a number of seconds: expected one from 1 to 1099511627776, "
	"such as 900 or 15m"},
    {false, "member a { longest = 1y }\n",
	":1: longest: '1y' is not a number of seconds: expected one from 1 to 1099511627776, such "
	"as "
	"900 or 15m"},
    {false, "member a { address = 10.0.1.0/24 }\n",
	":1: address: '10.0.1.0/24' is a network: expected the address of one host, without a "
	"length"},
    {false, "member a { address = 224.0.0.1 }\n",
	":1: address: '224.0.0.1' is a multicast address: expected the address of one host"},
    {false, "member a { routes = 192.168.5.1/24 }\n",
	":1: routes: '192.168.5.1/24' is an address within a network: expected 192.168.5.0/24"},
    {false,
	"member a { address = {10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, 10.0.0.6, "
	"10.0.0.7, "
	"10.0.0.8}\nroutes = {10.1.0.0/16, 10.2.0.0/16, 10.3.0.0/16, 10.4.0.0/16, 10.5.0.0/16,\n"
	"10.6.0.0/16, 10.7.0.0/16, 10.8.0.0/16,\n10.9.0.0/16} }\n",
	":4: routes: " TOO_MANY},
    {false,
	"member a { routes = {10.1.0.0/16, 10.2.0.0/16, 10.3.0.0/16, 10.4.0.0/16, 10.5.0.0/16, "
	"10.6.0.0/16, 10.7.0.0/16, 10.8.0.0/16, 10.9.0.0/16, 10.10.0.0/16, 10.11.0.0/16, "
	"10.12.0.0/16, 10.13.0.0/16, 10.14.0.0/16, 10.15.0.0/16, 10.16.0.0/16}\n"
	"address = 10.0.0.1 }\n",
	":2: address: " TOO_MANY},
    {true, "member a { groups = g address = 10.0.1.1 }\n",
	":5: member: 'a' has no public key: expected public-key = \"KEY\", as 'mqtt-vpnctl pubkey' "
	"prints it there, or public-key-file = \"FILE\""},
    {true, "member a { " KEY_A "groups = g\npublic-key-file = \"/x\" address = 10.0.1.1 }\n",
	":6: public-key-file: there is a public-key as well: expected one of the two"},
    {true, "member a { " KEY_A "address = 10.0.1.1 }\n",
	":5: member: 'a' has no groups: expected groups = \"GROUP\""},
    {true, "member a { " KEY_A "groups = g routes = 10.1.0.0/16 }\n",
	":5: member: 'a' has no address: expected address = \"ADDR\""},
    {true, "member a { " KEY_A "groups = {g,\nh} address = 10.0.1.1 }\nkey-group G { }\n",
	":6: groups: 'h' is not a group: expected the name of a key-group section"},
    {true, "key-group h { }\nmember a { " KEY_A "groups = {g, h,\nh,\ng} address = 10.0.1.1 }\n",
	":7: groups: 'h' is listed twice: expected it once"},
    {true,
	"member a { " KEY_A "groups = g address = 10.0.1.1 }\n"
	"member b { " KEY_A "groups = g address = 10.0.1.2 }\n",
	":6: public-key: this key is given to member 'a' in line 5 already: expected it once"},
    {true,
	"member a { " KEY_A "groups = g address = 10.0.1.1 }\n"
	"key-group h { }\n"
	"member b { " KEY_B "groups = {h, g}\naddress = {10.0.1.2, 10.0.1.1} }\n",
	":8: address: 10.0.1.1 is given to member 'a' of the group 'g' in line 5 already: expected "
	"it "
	"once"},
    {true,
	"member a { " KEY_A
	"groups = g address = 10.0.1.1 routes = {10.1.0.0/16, \"fd00:1::/64\"} }\n"
	"member b { " KEY_B
	"groups = g\nroutes = {10.1.0.0/24,\n\"fd00:1::/64\"} address = 10.0.1.2 }\n",
	":8: routes: fd00:1::/64 is given to member 'a' of the group 'g' in line 5 already: "
	"expected "
	"it once"},
    {true,
	"member a { " KEY_A "groups = g address = 10.0.1.1 }\n"
	"member b { " KEY_B "groups = g address = 10.0.1.2\nroutes = 10.0.1.1 }\n",
	":7: routes: 10.0.1.1 is given to member 'a' of the group 'g' in line 5 already: expected "
	"it "
	"once"},
    {true,
	"member a { " KEY_A "groups = g address = {10.0.1.9, 10.0.1.1} }\n"
	"member b { " KEY_B "groups = g address = 10.0.1.9 }\n"
	"member c { " KEY_C "groups = g address = 10.0.1.1 }\n",
	":6: address: 10.0.1.9 is given to member 'a' of the group 'g' in line 5 already: expected "
	"it once"},
    {true, "member a { " KEY_A "groups = g address = {10.0.1.1,\n10.0.1.1} }\n",
	":6: address: 10.0.1.1 is listed twice: expected it once"},
};

#endif
