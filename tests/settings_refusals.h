/*
 * What a configuration is refused for, with the exact message behind the name of the file. Those
 * with after_good follow three lines that are in order.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SETTINGS_REFUSALS_H
#define SETTINGS_REFUSALS_H

#include "conf.h"

#define NETWORK                                             \
	"network = \"home.net\"\n"                          \
	"interface \"mq0\" { address = \"10.0.1.1/24\" }\n" \
	"broker \"mqtt://localhost\" { }\n"
#define PSK NETWORK "passphrase-file = \"/nonexistent/psk\"\n"
#define PUBKEY NETWORK "mode = pubkey private-key-file = \"/nonexistent/key\"\n"
#define NOT_A_KEY                                                                                  \
	"public-key: not a public key: expected 44 characters of base64, as 'mqtt-vpnctl pubkey' " \
	"prints them"
#define OF_NO_USE "of no use with wire = mqtt_vpn: expected wire = native or no such key"

static const struct refusal refusals[] = {
    {false, "# one\n# two\n/* three\n*/\nfoo = 1\n",
	":5: 'foo' is not a key: expected one of interface, broker, peer, wire, mode, network, "
	"name, passphrase-file, private-key-file, kdf-passes, kdf-memory, rekey-interval, "
	"padding, topics, mqtt-vpn-password-file, key-server, group-name, membership, "
	"sign-broadcasts, topic-prefix, client-id, forward, log-level, pid-file, control-socket, "
	"control-group, user, group"},
    {false, "wire mqtt_vpn\n", ":1: wire: the '=' is missing: expected wire = VALUE"},
    {false, "wire = \n", ":1: the file ends within a setting: expected its value"},
    {false, "wire = {a}\n",
	":1: '{' is out of place: expected KEY = VALUE or SECTION \"NAME\" { }"},
    {false, "wire = mqtt_vpn mqtt_vpn\n",
	":1: 'mqtt_vpn' is not a key: expected one of interface, broker, peer, wire, mode, "
	"network, "
	"name, passphrase-file, private-key-file, kdf-passes, kdf-memory, rekey-interval, "
	"padding, topics, mqtt-vpn-password-file, key-server, group-name, membership, "
	"sign-broadcasts, topic-prefix, client-id, forward, log-level, pid-file, control-socket, "
	"control-group, user, group"},
    {false, "wire += mqtt_vpn\n", ":1: wire: takes one value: expected '=', not '+='"},
    {false, "wire =", ":1: the file ends within a setting: expected its value"},
    {false, "= 5\n", ":1: '=' is out of place: expected KEY = VALUE or SECTION \"NAME\" { }"},
    {false, "\"\" = 1\n", ":1: this cannot be read: expected KEY = VALUE"},
    {false, "\"peer|routes\" = 1\n",
	":1: a '|' cannot stand in a key: expected the key within its section"},
    {false, "peer \"a\" { }\n\"peer=a|routes\" = {\"10.0.0.0/8\"}\n",
	":2: a '|' cannot stand in a key: expected the key within its section"},
    {false, "interface { }\n", ":1: interface: its name is missing: expected interface \"NAME\" {"},
    {false, "interface mq0\nwire = mqtt_vpn\n",
	":2: interface: its '{' is missing: expected interface \"NAME\" {"},
    {false, "interface \"mq0\" {\n", ":1: the '{' is never closed: expected a '}'"},
    {false, "}\n", ":1: a '}' too many: no section or list is open here"},
    {false, "broker \"mqtt://a\" { username = { {\n",
	":1: a '{' too many: expected a list's values"},
    {false, "log-level = \"info\n\n", ":1: the text has no end: expected \" on the same line"},
    {false, "log-level = 'info\n", ":1: the text has no end: expected ' on the same line"},
    {false, "/* never\nends", ":1: the comment has no end: expected */"},
    {false, "log-level = \"a\\tb\"\n",
	":1: a '\\' stands before the wrong character: expected \\\\ or \\\""},
    {false, "log-level = \"a\tb\"\n",
	":1: the text holds the control character 0x09: expected none"},
    {false, "log-level = \001\n", ":1: the byte 0x01 cannot stand here: expected plain text"},
    {false, "log-level = $HOME\n", ":1: '$' cannot stand here: expected \"text in quotes\""},
    {false, "up = \"x\"\n", ":1: 'up' belongs in section interface: expected it there"},
    {false, "interface \"a\" { username = x }\n",
	":1: 'username' belongs in section broker: expected it there"},
    {false, "peer \"a\" { adress = \"10.0.0.1\" }\n",
	":1: 'adress' is not a key: expected one of address, routes, public-key, wire"},
    {false, "include(\"other.conf\")\n",
	":1: '(' is of no use here: there are no functions, nor include()"},
    {false, "log-level = \"\377\n", ":1: the text has no end: expected \" on the same line"},
    {false, "log-level = \377\n", ":1: the byte 0xff cannot stand here: expected plain text"},
    {false, "interface \"a\" { wire = mqtt_vpn }\n",
	":1: 'wire' belongs outside the sections: expected it there"},
    {false, "mtu = 3\n", ":1: 'mtu' belongs in section interface: expected it there"},
    {false, "log-level = info\nlog-level = debug\n",
	":2: log-level: set already in line 1: expected it only once"},
    {false, "forward = {\"10.0.0.1\"}\nforward = {\"10.0.0.2\"}\n",
	":2: forward: set already in line 1: expected it only once"},
    {false, "wire = mqttvpn\n", ":1: wire: 'mqttvpn' is not a wire: expected native or mqtt_vpn"},
    {false, "passphrase-file = \"key\"\n",
	":1: passphrase-file: 'key' is not an absolute path: expected one that begins with '/'"},
    {false, "pid-file = \"x.pid\"\n",
	":1: pid-file: 'x.pid' is not an absolute path: expected one that begins with '/'"},
    {false, "pid-file = \"\"\n",
	":1: pid-file: '' is not an absolute path: expected one that begins with '/'"},
    {false,
	"control-socket = "
	"\"/"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n",
	":1: control-socket: 121 characters are too many: expected at most 107"},
    {false, "client-id = \"a b\"\n",
	":1: client-id: 'a b' holds a space or a character beyond ASCII: expected neither"},
    {false, "client-id = \"\"\n", ":1: client-id: empty: expected text"},
    {false,
	"client-id = "
	"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n",
	":1: client-id: 129 characters are too many: expected at most 128"},
    {false, "topic-prefix = \"a.b\"\n",
	":1: topic-prefix: 'a.b' does not do as a topic: expected letters, digits, '-' and '_', "
	"with single '/' between them"},
    {false, "topic-prefix = \"a/\"\n",
	":1: topic-prefix: 'a/' does not do as a topic: expected letters, digits, '-' and '_', "
	"with single '/' between them"},
    {false, "topic-prefix = \"a//b\"\n",
	":1: topic-prefix: 'a//b' does not do as a topic: expected letters, digits, '-' and '_', "
	"with single '/' between them"},
    {false, "topic-prefix = \"+\"\n",
	":1: topic-prefix: '+' does not do as a topic: expected letters, digits, '-' and '_', with "
	"single '/' between them"},
    {false,
	"topic-prefix = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n",
	":1: topic-prefix: 65 characters are too many: expected at most 64"},
    {false, "topic-prefix = \"\"\n", ":1: topic-prefix: empty: expected text"},
    {false, "log-level = loud\n",
	":1: log-level: 'loud' is not a level: expected error, warning, notice, info or debug"},
    {false, "user = \"a b\"\n",
	":1: user: 'a b' holds a space or a character beyond ASCII: expected neither"},
    {false, "forward = {\"10.0.0.0/8\"}\n",
	":1: forward: '10.0.0.0/8' is a network: expected the address of one host, without a "
	"length"},
    {false, "forward = {\"host\"}\n",
	":1: forward: 'host' is not an IP address: expected one such as 10.0.1.2 or fd00:6d71::2"},
    {false, "forward = {\"224.0.0.1\"}\n",
	":1: forward: '224.0.0.1' is a multicast address: expected the address of one host"},
    {false, "forward = {\"127.0.0.1\"}\n",
	":1: forward: '127.0.0.1' is a loopback address: expected the address of one host"},
    {false, "forward = {\"0.0.0.0\"}\n",
	":1: forward: '0.0.0.0' is the unspecified address: expected the address of one host"},
    {false, "forward = {\"255.255.255.255\"}\n",
	":1: forward: '255.255.255.255' is the broadcast address: expected the address of one "
	"host"},
    {false, "forward = {\"::1\"}\n",
	":1: forward: '::1' is a loopback address: expected the address of one host"},
    {false, "forward = \"fe80::1\"\n",
	":1: forward: 'fe80::1' is a link-local address: expected the address of one host"},
    {false, "forward = {\"::\"}\n",
	":1: forward: '::' is the unspecified address: expected the address of one host"},
    {false, "forward = {\"ff02::1\"}\n",
	":1: forward: 'ff02::1' is a multicast address: expected the address of one host"},
    {false, "interface \"a/b\" { }\n",
	":1: interface: 'a/b' is not a name for an interface: expected no '/', ':' or space"},
    {false, "interface \"sixteencharacters\" { }\n",
	":1: interface: 'sixteencharacters' is not a name for an interface: expected 1 to 15 "
	"characters"},
    {false, "interface \"\" { }\n",
	":1: interface: '' is not a name for an interface: expected 1 to 15 characters"},
    {false, "interface \"a b\" { }\n",
	":1: interface: 'a b' is not a name for an interface: expected no '/', ':' or space"},
    {false, "interface \"a%d%d\" { }\n",
	":1: interface: 'a%d%d' is not a name for an interface: expected at most one %d and no "
	"other '%'"},
    {false, "interface \"a%s\" { }\n",
	":1: interface: 'a%s' is not a name for an interface: expected at most one %d and no other "
	"'%'"},
    {false, "interface \"..\" { }\n",
	":1: interface: '..' is not a name for an interface: expected one such as mq0"},
    {false, "interface \"a\" { }\ninterface \"b\" { }\n",
	":2: interface: 'b' is a second interface, the first is in line 1: expected one"},
    {false, "interface \"a\" { }\ninterface \"a\" { }\n",
	":2: interface: 'a' is a second interface, the first is in line 1: expected one"},
    {false, "interface \"a\" { address = \"10.0.1.1\" }\n",
	":1: address: '10.0.1.1' has no prefix length: expected 10.0.1.1/24, say"},
    {false, "interface \"a\" { address = \"fd00::1\" }\n",
	":1: address: 'fd00::1' has no prefix length: expected fd00::1/64, say"},
    {false, "interface \"a\" { address = \"10.0.1/24\" }\n",
	":1: address: '10.0.1/24' is not an address with a prefix length: expected one such as "
	"10.0.1.1/24 or fd00:6d71::1/64"},
    {false, "interface \"a\" { address = \"10.0.1.1/33\" }\n",
	":1: address: '10.0.1.1/33' is not an address with a prefix length: expected one such as "
	"10.0.1.1/24 or fd00:6d71::1/64"},
    {false, "interface \"a\" { address = \"10.0.1.0/24\" }\n",
	":1: address: '10.0.1.0/24' is the address of the network itself: expected the address of "
	"one host"},
    {false, "interface \"a\" { address = \"10.0.1.255/24\" }\n",
	":1: address: '10.0.1.255/24' is the broadcast address of its network: expected the "
	"address of one host"},
    {false, "interface \"a\" { address = \"fd00::/64\" }\n",
	":1: address: 'fd00::/64' is the address of the network itself: expected the address of "
	"one host"},
    {false, "interface \"a\" { address = \"224.0.0.1/24\" }\n",
	":1: address: '224.0.0.1/24' is a multicast address: expected the address of one host"},
    {false, "interface \"a\" { address = \"127.0.0.2/8\" }\n",
	":1: address: '127.0.0.2/8' is a loopback address: expected the address of one host"},
    {false, "interface \"a\" { address = \"10.0.0.1/0\" }\n",
	":1: address: '10.0.0.1/0' holds every address: expected a length above 0"},
    {false,
	"interface \"a\" {\n\taddress = {\n\t\t\"10.0.1.1/24\", # "
	"good\n\t\t\"10.0.1.300/24\"\n\t}\n}\n",
	":4: address: '10.0.1.300/24' is not an address with a prefix length: expected one such as "
	"10.0.1.1/24 or fd00:6d71::1/64"},
    {false, "interface \"a\" { mtu = big }\n",
	":1: mtu: 'big' is not a number: expected a number from 576 to 65000"},
    {false, "interface \"a\" { mtu = 575 }\n",
	":1: mtu: '575' is out of range: expected a number from 576 to 65000"},
    {false, "interface \"a\" { mtu = 65001 }\n",
	":1: mtu: '65001' is out of range: expected a number from 576 to 65000"},
    {false, "interface \"a\" { mtu = 0x500 }\n",
	":1: mtu: '0x500' is not a number: expected a number from 576 to 65000"},
    {false, "interface \"a\" { up = \"\" }\n", ":1: up: empty: expected text"},
    {false, "broker \"\" { }\n", ":1: broker: the URL names no host: expected mqtt://HOST, say"},
    {false, "broker \"http://a\" { }\n",
	":1: broker: 'http' is not a scheme: expected mqtt, tcp, mqtts, ssl, tls or unix"},
    {false, "broker \"mqtt://\" { }\n",
	":1: broker: the URL names no host: expected mqtt://HOST, say"},
    {false, "broker \"mqtt://a:0\" { }\n",
	":1: broker: '0' is not a port: expected a number from 1 to 65535"},
    {false, "broker \"mqtt://a:65536\" { }\n",
	":1: broker: '65536' is not a port: expected a number from 1 to 65535"},
    {false, "broker \"mqtt://a:\" { }\n",
	":1: broker: '' is not a port: expected a number from 1 to 65535"},
    {false, "broker \"mqtt://a b\" { }\n",
	":1: broker: 'a b' is not a host's name: expected letters, digits, '-' and '.'"},
    {false, "broker \"mqtt://a/b\" { }\n",
	":1: broker: the URL goes on after the host with '/b': expected nothing there"},
    {false, "broker \"mqtt://u:p@a\" { }\n",
	":1: broker: the URL holds a user name or password, which logs and process lists would "
	"show: expected username and password-file in the broker's section"},
    {false, "broker \"mqtt://1.2.3\" { }\n",
	":1: broker: '1.2.3' is not an IP address: expected one such as 192.0.2.1"},
    {false, "broker \"fd00::1\" { }\n",
	":1: broker: 'fd00::1' has more than one ':': expected an IPv6 address in brackets, as in "
	"[2001:db8::1]:1883"},
    {false, "broker \"mqtt://[fd00::1\" { }\n",
	":1: broker: the ']' after the IPv6 address is missing: expected [ADDRESS]:PORT"},
    {false, "broker \"mqtt://[10.0.0.1]\" { }\n",
	":1: broker: '10.0.0.1' is not an IPv6 address: expected one such as [2001:db8::1]"},
    {false, "broker \"mqtt://[::1]x\" { }\n",
	":1: broker: the ']' after the IPv6 address is missing: expected [ADDRESS]:PORT"},
    {false, "broker \"unix://run/x\" { }\n",
	":1: broker: 'run/x' is not an absolute path: expected unix:///run/SOCKET, say"},
    {false,
	"broker "
	"\"unix:///"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" { }\n",
	":1: broker: the socket's path is too long: expected at most 107 characters"},
    {false,
	"broker "
	"\"mqtt://"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" { }\n",
	":1: broker: the host's name is too long: expected at most 253 characters"},
    {false, "broker \"mqtt://a\" { }\nbroker \"mqtt://a\" { }\n",
	":2: broker: 'mqtt://a' is there already, in line 1: expected another name"},
    {false, "broker\n\"mqqt://x\"\n{\n}\n",
	":3: broker: 'mqqt' is not a scheme: expected mqtt, tcp, mqtts, ssl, tls or unix"},
    {false, "broker \"mqtts://a\" {\n\tkeepalive = 4\n}\n",
	":2: keepalive: '4' is out of range: expected a number from 5 to 3600"},
    {false, "broker \"mqtts://a\" { keepalive = -1 }\n",
	":1: keepalive: '-1' is not a number: expected a number from 5 to 3600"},
    {false, "broker \"mqtts://a\" { timeout = 121 }\n",
	":1: timeout: '121' is out of range: expected a number from 1 to 120"},
    {false, "broker \"mqtts://a\" { max-message = 1499 }\n",
	":1: max-message: '1499' is out of range: expected a number from 1500 to 268435455"},
    {false, "broker \"mqtts://a\" { max-message = 268435456 }\n",
	":1: max-message: '268435456' is out of range: expected a number from 1500 to 268435455"},
    {false, "broker \"mqtts://a\" { max-rate = 0 }\n",
	":1: max-rate: '0' is out of range: expected a number from 1 to 1000000"},
    {false, "broker \"mqtts://a\" { max-rate = 1001k }\n",
	":1: max-rate: '1001k' is out of range: expected a number from 1 to 1000000"},
    {false, "broker \"mqtts://a\" { max-rate = 1G }\n",
	":1: max-rate: '1G' is out of range: expected a number from 1 to 1000000"},
    {false, "broker \"mqtts://a\" { max-rate = 99999999999999999999 }\n",
	":1: max-rate: '99999999999999999999' is out of range: expected a number from 1 to "
	"1000000"},
    {false, "broker \"mqtts://a\" { max-rate = 18446744073709551617k }\n",
	":1: max-rate: '18446744073709551617k' is out of range: expected a number from 1 to "
	"1000000"},
    {false, "broker \"mqtts://a\" { max-rate = -1 }\n",
	":1: max-rate: '-1' is not a number: expected one from 1 to 1000000, such as 2000 or 2k"},
    {false, "broker \"mqtts://a\" { max-rate = k }\n",
	":1: max-rate: 'k' is not a number: expected one from 1 to 1000000, such as 2000 or 2k"},
    {false, "broker \"mqtts://a\" { max-rate = 1K }\n",
	":1: max-rate: '1K' is not a number: expected one from 1 to 1000000, such as 2000 or 2k"},
    {false, "broker \"mqtts://a\" { max-bandwidth = 10mbit }\n",
	":1: max-bandwidth: '10mbit' is not a number: expected one from 1000 to 4000000000, such "
	"as 2000 or 2k"},
    {false, "broker \"mqtts://a\" { max-bandwidth = 999 }\n",
	":1: max-bandwidth: '999' is out of range: expected a number from 1000 to 4000000000"},
    {false, "broker \"mqtts://a\" { max-bandwidth = 5G }\n",
	":1: max-bandwidth: '5G' is out of range: expected a number from 1000 to 4000000000"},
    {true, "broker \"mqtts://a\" { \n\tmax-message = 1627\n }\n",
	":5: max-message: 1627 is too small for packets of 1500 bytes (mtu): expected at least "
	"1628, or a smaller mtu"},
    {false, "broker \"mqtts://a\" { protocol = 4 }\n",
	":1: protocol: '4' is not a version of MQTT: expected any, 3.1.1 or 5"},
    {false, "broker \"mqtts://a\" { profile = aws }\n",
	":1: profile: 'aws' is not a profile: expected none, aws-iot, emqx-serverless, "
	"azure-event-grid, hivemq or shiftr"},
    {false,
	"network = home passphrase-file = \"/nonexistent\"\n"
	"interface mq0 { address = 10.0.0.1/24 mtu = 64000 }\n"
	"broker \"mqtts://a\" {\n\tprofile = shiftr }\n",
	":4: profile: 64000 is too small for packets of 64000 bytes (mtu): expected at least "
	"64128, or a smaller mtu"},
    {false, PSK "topic-prefix = a/b/c/d/e/f\nbroker a { profile = aws-iot }\n",
	":5: topic-prefix: aws-iot takes 7 '/' in a topic: expected at most 4 in 'a/b/c/d/e/f'"},
    {false,
	"network = a123456789a topics = plain passphrase-file = \"/nonexistent\"\n"
	"interface mq0 { address = 10.0.0.1/24 }\nbroker \"mqtts://a\" { profile = shiftr }\n"
	"topic-prefix = a123456789a123456789a123456789a123456789a123456789a\n",
	":4: topic-prefix: topics would have up to 129 characters, and shiftr takes 128: "
	"expected a shorter one, a shorter name of the network, or topics = hashed"},
    {false,
	PSK "client-id = "
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
	    "broker a { profile = shiftr }\n",
	":5: client-id: it has 65 characters: shiftr takes at most 64"},
    {false,
	PSK "forward = {10.0.2.1, 10.0.2.2, 10.0.2.3, 10.0.2.4, 10.0.2.5, 10.0.2.6, 10.0.2.7, "
	    "10.0.2.8, 10.0.2.9}\nbroker a {\nprofile = emqx-serverless }\n",
	":7: profile: emqx-serverless allows a connection 10 subscriptions, and this node needs "
	"11: expected fewer addresses in forward, or another broker"},
    {false, "broker \"mqtts://a\" { tls-min-version = 1.1 }\n",
	":1: tls-min-version: '1.1' is not a version: expected 1.2 or 1.3"},
    {false, "broker \"mqtts://a\" { tls-verify = maybe }\n",
	":1: tls-verify: 'maybe' is neither yes nor no: expected true or false"},
    {false, "broker \"mqtts://a\" { ca-file = \"ca.crt\" }\n",
	":1: ca-file: 'ca.crt' is not an absolute path: expected one that begins with '/'"},
    {false, "broker \"mqtts://a\" { tls-name = \"a b\" }\n",
	":1: tls-name: 'a b' holds a space or a character beyond ASCII: expected neither"},
    {false, "broker \"mqtts://a\" { ca-dir = \"/x\" }\n",
	":1: 'ca-dir' is not a key: expected one of username, password-file, password-command, "
	"profile, protocol, keepalive, timeout, max-message, max-rate, max-bandwidth, "
	"congestion-control, ca-file, crl-file, certificate, key, key-passphrase-file, alpn, "
	"tls-name, tls-min-version, tls-verify"},
    {false, "peer \"a b\" { }\n",
	":1: peer: 'a b' is not a name for a peer: expected letters, digits, '-', '_' and '.'"},
    {false, "peer \"\" { }\n",
	":1: peer: '' is not a name for a peer: expected 1 to 63 characters"},
    {false, "peer \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" { }\n",
	":1: peer: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' is not a "
	"name for a peer: expected 1 to 63 characters"},
    {false, "peer \"a\" { address = \"10.0.1.2/24\" }\n",
	":1: address: '10.0.1.2/24' is a network: expected the address of one host, without a "
	"length"},
    {false, "peer \"a\" { address = \"224.0.0.1\" }\n",
	":1: address: '224.0.0.1' is a multicast address: expected the address of one host"},
    {false, "peer \"a\" { routes = \"192.168.5.1/24\" }\n",
	":1: routes: '192.168.5.1/24' is an address within a network: expected 192.168.5.0/24"},
    {false, "peer \"a\" { routes = \"x\" }\n",
	":1: routes: 'x' is not a network: expected one such as 192.168.5.0/24 or fd00:5::/64"},
    {false, "peer \"a\" { routes = \"224.0.0.0/4\" }\n",
	":1: routes: '224.0.0.0/4' is a multicast address: expected a network of hosts"},
    {false, "peer \"a\" { routes = \"127.0.0.0/8\" }\n",
	":1: routes: '127.0.0.0/8' is a loopback address: expected a network of hosts"},
    {false, "peer \"a\" { routes = \"0.0.0.0/32\" }\n",
	":1: routes: '0.0.0.0/32' is the unspecified address: expected a network of hosts"},
    {false, "peer \"a\" { address = \"10.0.1.2\" }\npeer \"a\" { address = \"10.0.1.3\" }\n",
	":2: peer: 'a' is there already, in line 1: expected another name"},
    {false, "peer a { }\npeer b { }\npeer a { }\npeer b { }\n",
	":3: peer: 'a' is there already, in line 1: expected another name"},
    {true,
	"peer a { address = {10.0.1.2, 10.0.1.5} }\npeer b { address = 10.0.1.2 }\npeer c { "
	"address = 10.0.1.5 }\n",
	":5: address: 10.0.1.2 is given to peer 'a' in line 4 already: expected it once"},
    {false, "",
	": network: missing: expected network = \"NAME\", the same on all nodes, or wire = "
	"mqtt_vpn"},
    {false, "wire = native\n",
	": network: missing: expected network = \"NAME\", the same on all nodes, or wire = "
	"mqtt_vpn"},
    {false, "wire = mqtt_vpn\n",
	": interface: missing: expected interface \"NAME\" { address = \"ADDR/LEN\" }"},
    {false, "wire = mqtt_vpn\ninterface \"a\" { }\n",
	": address: missing: expected address = \"ADDR/LEN\" in the section interface"},
    {false, "wire = mqtt_vpn\ninterface \"a\" { address = \"10.0.1.1/24\" }\n",
	": broker: missing: expected at least one, as in broker \"mqtt://HOST\" { }"},
    {false, "wire = mqtt_vpn\ninterface \"a\" { address = {\"10.0.1.1/24\", \"10.0.1.1/25\"} }\n",
	":2: address: this address is listed twice: expected it once"},
    {false, "wire = mqtt_vpn\ninterface \"a\" { address = \"fd00::1/64\"\nmtu = 1279 }\n",
	":3: mtu: 1279 is too small for IPv6: expected at least 1280, or no IPv6 address"},
    {true, "peer \"a\" { }\n", ":4: peer: 'a' has no address: expected address = \"ADDR\""},
    {true,
	"peer \"a\" { address = \"10.0.1.2\" }\npeer \"b\" {\n\taddress = "
	"{\"fd00::2\",\n\t\t\"10.0.1.2\"}\n}\n",
	":7: address: 10.0.1.2 is given to peer 'a' in line 4 already: expected it once"},
    {true,
	"peer \"a\" { address = \"10.0.1.2\" routes = {\"192.168.5.0/24\"} }\npeer \"b\" { address "
	"= \"10.0.1.3\"\n routes = {\"192.168.5.0/24\"} }\n",
	":6: routes: 192.168.5.0/24 is given to peer 'a' in line 4 already: expected it once"},
    {true,
	"peer \"a\" { address = \"10.0.1.2\" }\npeer \"b\" { address = \"10.0.1.3\" routes = "
	"{\"10.0.1.2/32\"} }\n",
	":5: routes: 10.0.1.2 is given to peer 'a' in line 4 already: expected it once"},
    {true, "peer \"a\" { address = {\"10.0.1.2\", \"10.0.1.2\"} }\n",
	":4: address: 10.0.1.2 is given to peer 'a' in line 4 already: expected it once"},
    {true, "peer \"a\" { address = \"10.0.1.1\" }\n",
	":4: address: 10.0.1.1 is this node's own address: expected one of the peer 'a'"},
    {true, "peer \"a\" { address = \"fd00::1\" }\n",
	":4: address: fd00::1 is this node's own address: expected one of the peer 'a'"},
    {true, "peer \"a\" { address = \"10.0.1.255\" }\n",
	":4: address: 10.0.1.255 is the broadcast address of this node's own network: expected one "
	"of the peer 'a'"},
    {true, "peer \"a\" { address = \"10.0.1.2\" routes = {\"10.0.1.0/24\"} }\n",
	":4: routes: 10.0.1.0/24 is the network of this node's own interface: expected one of the "
	"peer 'a'"},
    {true, "peer \"a\" { address = \"10.0.1.2\" routes = {\"10.0.1.1\"} }\n",
	":4: routes: 10.0.1.1 is this node's own address: expected one of the peer 'a'"},
    {true, "forward = {\"172.16.0.1\", \"10.0.1.1\"}\n",
	":4: forward: 10.0.1.1 is this node's own address, which it receives anyway: expected "
	"another address"},
    {true, "forward = {\"172.16.0.1\", \"172.16.0.1\"}\n",
	":4: forward: 172.16.0.1 is listed twice: expected another address"},
    {true, "forward = {\"10.0.1.2\"}\npeer \"a\" { address = \"10.0.1.2\" }\n",
	":4: forward: 10.0.1.2 is a peer's address: expected another address"},
    {true, "broker \"mqtt://b\" {\n\tca-file = \"/x\"\n}\n",
	":5: ca-file: of no use without TLS: expected a broker of scheme mqtts, not 'mqtt://b'"},
    {true, "broker \"unix:///x\" { tls-verify = false }\n",
	":4: tls-verify: of no use without TLS: expected a broker of scheme mqtts, not "
	"'unix:///x'"},
    {true,
	"broker \"mqtt://b\" { username = u password-file = \"/x\"\npassword-command = \"x\" }\n",
	":5: password-command: there is a password-file as well: expected one of the two"},
    {true, "broker \"mqtt://b\" { password-file = \"/x\" }\n",
	":4: password-file: of no use without username: expected both"},
    {true, "broker \"mqtt://b\" { password-command = \"x\" }\n",
	":4: password-command: of no use without username: expected both"},
    {true, "broker \"mqtts://b\" { certificate = \"/x\" }\n",
	":4: certificate: of no use without key: expected both"},
    {true, "broker \"mqtts://b\" { key = \"/x\" }\n",
	":4: key: of no use without certificate: expected both"},
    {true, "broker \"mqtts://b\" { key-passphrase-file = \"/x\" }\n",
	":4: key-passphrase-file: of no use without key: expected both"},
    {true, "broker \"mqtts://b\" {\n\tca-file = \"/nonexistent/ca\"\n}\n",
	":5: ca-file: /nonexistent/ca: No such file or directory: expected a file"},
    {true, "broker \"mqtts://b\" { ca-file = \"/\" }\n",
	":4: ca-file: /: not a regular file: expected one"},
    {true, "passphrase-file = \"/nonexistent/key\"\n",
	":4: passphrase-file: /nonexistent/key: No such file or directory"},
    {true, "broker \"mqtts://b\" { username = u password-file = \"/nonexistent/pw\" }\n",
	":4: password-file: /nonexistent/pw: No such file or directory"},
    {false, "mode = x\n", ":1: mode: 'x' is not a mode: expected psk, pubkey or group"},
    {false, "topics = x\n", ":1: topics: 'x' is not a form of topics: expected hashed or plain"},
    {false, "interface a { offload = maybe }\n",
	":1: offload: 'maybe' is not an offload: expected yes, no or udp"},
    {false, "padding = 17\n", ":1: padding: '17' is not a padding: expected none, 16 or buckets"},
    {false, "network = \"a/b\"\n",
	":1: network: 'a/b' is not a name for a network: expected letters, digits, '-', '_' and "
	"'.'"},
    {false, "network = \"\"\n", ":1: network: empty: expected text"},
    {false, "network = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n",
	":1: network: 65 characters are too many: expected at most 64"},
    {false, "name = \"\"\n", ":1: name: empty: expected text"},
    {false, "name = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n",
	":1: name: 64 characters are too many: expected at most 63"},
    {false, "name = \"a\302\205b\"\n",
	":1: name: it holds a character beyond ASCII: expected printable ASCII"},
    {false, "rekey-interval = 0\n",
	":1: rekey-interval: '0' is out of range: expected a number from 1 to 3600"},
    {false, "rekey-interval = 3601\n",
	":1: rekey-interval: '3601' is out of range: expected a number from 1 to 3600"},
    {false, "kdf-passes = 0\n",
	":1: kdf-passes: '0' is out of range: expected a number from 1 to 16"},
    {false, "kdf-passes = 17\n",
	":1: kdf-passes: '17' is out of range: expected a number from 1 to 16"},
    {false, "kdf-memory = 7\n",
	":1: kdf-memory: '7' is out of range: expected a number from 8 to 1024"},
    {false, "kdf-memory = 1025\n",
	":1: kdf-memory: '1025' is out of range: expected a number from 8 to 1024"},
    {false, "private-key-file = key\n",
	":1: private-key-file: 'key' is not an absolute path: expected one that begins with '/'"},
    {false, "mqtt-vpn-password-file = key\n",
	":1: mqtt-vpn-password-file: 'key' is not an absolute path: expected one that begins with "
	"'/'"},
    {false, "peer a { public-key = \"secret\" }\n", ":1: " NOT_A_KEY},
    {false, "peer a { public-key = \"" CONF_KEY_1 "A\" }\n", ":1: " NOT_A_KEY},
    {false, "peer a { public-key = \"" CONF_ZERO_KEY "\" }\n",
	":1: public-key: the key is all zero: expected one of 'mqtt-vpnctl pubkey'"},
    {false, "peer a { wire = x }\n", ":1: wire: 'x' is not a wire: expected native or mqtt_vpn"},
    {true, "network = home\n", ":4: network: " OF_NO_USE},
    {true, "mode = psk\n", ":4: mode: " OF_NO_USE},
    {true, "name = x\n", ":4: name: " OF_NO_USE},
    {true, "private-key-file = \"/x\"\n", ":4: private-key-file: " OF_NO_USE},
    {true, "topics = hashed\n", ":4: topics: " OF_NO_USE},
    {true, "padding = none\n", ":4: padding: " OF_NO_USE},
    {true, "rekey-interval = 120\n", ":4: rekey-interval: " OF_NO_USE},
    {true, "kdf-passes = 3\n", ":4: kdf-passes: " OF_NO_USE},
    {true, "kdf-memory = 64\n", ":4: kdf-memory: " OF_NO_USE},
    {true, "mqtt-vpn-password-file = \"/x\"\n", ":4: mqtt-vpn-password-file: " OF_NO_USE},
    {true, "peer a { address = 10.0.1.2 }\npeer b { address = 10.0.1.3 wire = native }\n",
	":5: wire: " OF_NO_USE},
    {true, "peer a { address = 10.0.1.2\npublic-key = \"" CONF_KEY_1 "\" }\n",
	":5: public-key: " OF_NO_USE},
    {false, "wire = mqtt_vpn\ninterface a { address = 10.0.1.1/24\nmtu = 1501 }\nbroker b { }\n",
	":3: mtu: 1501 is too large for wire = mqtt_vpn: expected 1500 at most"},
    {false, NETWORK,
	": passphrase-file: missing: expected a file with what 'mqtt-vpnctl genpsk' prints, the "
	"same on all nodes"},
    {false, NETWORK "mode = pubkey\n",
	": private-key-file: missing: expected a file with what 'mqtt-vpnctl genkey' prints, as "
	"mode is pubkey"},
    {false, PSK "private-key-file = \"/x\"\n",
	":5: private-key-file: of no use with mode = psk: expected mode = pubkey, mode = group "
	"or no such key"},
    {false, PSK "\ntopics = plain\n",
	":1: network: 'home.net' holds a '.', which brokers may not take in a topic: expected none "
	"with topics = plain"},
    {false, PSK "peer a { address = 10.0.1.2\npublic-key = \"" CONF_KEY_1 "\" }\n",
	":6: public-key: of no use with mode = psk: expected no such key"},
    {false,
	PUBKEY "peer a { address = 10.0.1.2 wire = mqtt_vpn\npublic-key = \"" CONF_KEY_1 "\" }\n",
	":6: public-key: of no use with wire = mqtt_vpn: expected no such key"},
    {false, PUBKEY "peer a { address = 10.0.1.2 }\n",
	":5: peer: 'a' has no public-key: expected public-key = \"KEY\", as 'mqtt-vpnctl pubkey' "
	"prints it there"},
    {false,
	PUBKEY "peer a { address = 10.0.1.2 public-key = \"" CONF_KEY_1 "\" }\n"
	       "peer b { address = 10.0.1.3 public-key = \"" CONF_KEY_2 "\" }\n"
	       "peer c { address = 10.0.1.4 public-key = \"" CONF_KEY_1 "\" }\n"
	       "peer d { address = 10.0.1.5 public-key = \"" CONF_KEY_2 "\" }\n",
	":7: public-key: this key is given to peer 'a' in line 5 already: expected it once"},
    {false, PSK "mqtt-vpn-password-file = \"/x\"\npeer a { address = 10.0.1.2 }\n",
	":5: mqtt-vpn-password-file: of no use without a peer that has wire = mqtt_vpn: expected "
	"one"},
    {false, PSK, ":4: passphrase-file: /nonexistent/psk: No such file or directory"},
    {false, PUBKEY, ":4: private-key-file: /nonexistent/key: No such file or directory"},
    {false,
	PSK "peer a { address = 10.0.1.2 wire = mqtt_vpn }\n"
	    "mqtt-vpn-password-file = \"/nonexistent/pw\"\n",
	":4: passphrase-file: /nonexistent/psk: No such file or directory"},
};

/* The same of command lines; the file 'nothing' does not exist. */
#define NO_NETWORK                                                                    \
	"--network: missing: expected --network NAME and --passphrase-file FILE, or " \
	"--wire=mqtt_vpn"
#define ENOUGH " -i mq0 -a 10.0.1.1 -b localhost --wire=mqtt_vpn"

static const struct option_refusal {
	const char *line, *message;
} option_refusals[] = {
    {"mqtt-vpnd -i mq0 -a 10.0.1.1 -b localhost", NO_NETWORK},
    {"mqtt-vpnd -i mq0 -a 10.0.1.1 -b localhost -k secret", NO_NETWORK},
    {"mqtt-vpnd -i mq0 -a 10.0.1.1 -b localhost --wire=native --passphrase-file=/x", NO_NETWORK},
    {"mqtt-vpnd -i mq0 -a 10.0.1.1 -b localhost --network=home",
	"--passphrase-file: missing: expected a file with what 'mqtt-vpnctl genpsk' prints, the "
	"same on all nodes"},
    {"mqtt-vpnd -i mq0 -a 10.0.1.1 -b localhost --network=home -k secret",
	"-k: of no use with wire = native: expected --passphrase-file FILE, or --wire=mqtt_vpn"},
    {"mqtt-vpnd -i mq0 -a 10.0.1.1 -b localhost --network=a/b --passphrase-file=/x",
	"--network: 'a/b' is not a name for a network: expected letters, digits, '-', '_' and "
	"'.'"},
    {"mqtt-vpnd -i mq0 -a 10.0.1.1 -b localhost --network=home --passphrase-file=/nonexistent",
	"--passphrase-file: /nonexistent: No such file or directory"},
    {"mqtt-vpnd -i mq0 -a 10.0.1.1 -b localhost --wire=x",
	"--wire: 'x' is not a wire: expected native or mqtt_vpn"},
    {"mqtt-vpnd -a 10.0.1.1 -b localhost --wire=mqtt_vpn",
	"-i: missing: expected interface \"NAME\" { address = \"ADDR/LEN\" }"},
    {"mqtt-vpnd -i mq0 -b localhost --wire=mqtt_vpn",
	"-a: missing: expected the interface's own address"},
    {"mqtt-vpnd -i mq0 -a 10.0.1.1 --wire=mqtt_vpn",
	"-b: missing: expected at least one, as in broker \"mqtt://HOST\" { }"},
    {"mqtt-vpnd -i a/b -a 10.0.1.1 -b localhost --wire=mqtt_vpn",
	"-i: 'a/b' is not a name for an interface: expected no '/', ':' or space"},
    {"mqtt-vpnd --network=home" ENOUGH, "--network: " OF_NO_USE},
    {"mqtt-vpnd --passphrase-file=key" ENOUGH,
	"--passphrase-file: 'key' is not an absolute path: expected one that begins with '/'"},
    {"mqtt-vpnd -P x.pid" ENOUGH,
	"-P: 'x.pid' is not an absolute path: expected one that begins with '/'"},
    {"mqtt-vpnd -s x.sock" ENOUGH,
	"-s: 'x.sock' is not an absolute path: expected one that begins with '/'"},
    {"mqtt-vpnd --client-id=" ENOUGH, "-n: empty: expected text"},
    {"mqtt-vpnd --password=" ENOUGH, "-k: empty: expected a password"},
    {"mqtt-vpnd -k x --passphrase-file=/key" ENOUGH,
	"-k: --passphrase-file is given as well: expected one of the two"},
    {"mqtt-vpnd -m 255.0.255.0" ENOUGH,
	"-m: '255.0.255.0' is not a netmask: expected one such as 255.255.255.0, or -a "
	"ADDRESS/LEN instead"},
    {"mqtt-vpnd -p 129 -6 fd00::1" ENOUGH,
	"-p: '129' is not a prefix length: expected a number from 1 to 128"},
    {"mqtt-vpnd -p 64 -6 fd00::1/64" ENOUGH,
	"-p: -6 gives the length already: expected one of the two"},
    {"mqtt-vpnd -p 64" ENOUGH, "-p: of no use without -6: expected an address"},
    {"mqtt-vpnd -6 10.0.1.1" ENOUGH,
	"-6: '10.0.1.1' is not an IPv6 address: expected one such as fd00:6d71::1/64"},
    {"mqtt-vpnd -i mq0 -a fd00::1 -b localhost --wire=mqtt_vpn",
	"-a: 'fd00::1' is not an IPv4 address: expected one such as 10.0.1.1/24"},
    {"mqtt-vpnd -i mq0 -a 10.0.1.0 -b localhost --wire=mqtt_vpn",
	"-a: '10.0.1.0/24' is the address of the network itself: expected the address of one "
	"host"},
    {"mqtt-vpnd -i mq0 -a 10.0.1.1/24 -m 255.0.0.0 -b localhost --wire=mqtt_vpn",
	"-m: -a gives the length already: expected one of the two"},
    {"mqtt-vpnd -i mq0 -6 fd00::1 -m 255.0.0.0 -b localhost --wire=mqtt_vpn",
	"-m: of no use without -a: expected an address"},
    {"mqtt-vpnd -i mq0 -a 10.0.1.1 -b http://x --wire=mqtt_vpn",
	"-b: 'http' is not a scheme: expected mqtt, tcp, mqtts, ssl, tls or unix"},
    {"mqtt-vpnd --forward=x" ENOUGH,
	"--forward: 'x' is not an IP address: expected one such as 10.0.1.2 or fd00:6d71::2"},
    {"mqtt-vpnd --forward=10.0.0.5,10.0.1.1" ENOUGH,
	"--forward: 10.0.1.1 is this node's own address, which it receives anyway: expected "
	"another address"},
    {"mqtt-vpnd --username=" ENOUGH, "-u: empty: expected text"},
    {"mqtt_vpn -i mq0 -a 10.0.1.1 -b host -t x",
	"-t: 'x' is not an IP address: expected one such as 10.0.1.2 or fd00:6d71::2"},
    {"mqtt_vpn -i mq0 -a 10.0.1.1 -b host -6 fd00::1 -p secret",
	"-x: not a prefix length, which -p gives too where there is no -u: expected a number from "
	"1 to 128"},
    {"mqtt-vpnd -c nothing", "nothing: No such file or directory: expected a configuration file"},
    {"mqtt-vpnd -c .", ".: not a regular file, or it holds NUL bytes: expected a configuration "
		       "file of plain text"},
};

#endif
