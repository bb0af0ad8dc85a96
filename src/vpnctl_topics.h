/*
 * What a node subscribes to and what it publishes, computed from the settings of its network: for
 * the access rules of a broker. No daemon is asked.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef VPNCTL_TOPICS_H
#define VPNCTL_TOPICS_H

#include <stdio.h>

/*
 * Each word is KEY=VALUE: network, passphrase-file, kdf-passes, kdf-memory, topics, topic-prefix,
 * wire, key-server and group-name as in mqtt-vpn.conf(5), and whose topics are wanted: address, as
 * often as the node has some, or public-key for a member of a group or the key server itself. The
 * last is left out, the first given without its prefix length.
 *
 * Prints lines "read TOPIC" and "write TOPIC", with "+" for a level that may be any. Returns 0, or
 * -1 with a new string in *error (NULL when memory is short).
 */
int vpnctl_topics(FILE *out, int count, char **words, char **error);

#endif
