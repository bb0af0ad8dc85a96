/*
 * Makes the keys of the native wire, as text: what mqtt-vpnctl(8) needs no daemon for. A key goes
 * straight from memory that is wiped to a descriptor, and is in no message.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef VPNCTL_KEYS_H
#define VPNCTL_KEYS_H

/*
 * Each reads from the descriptor in, if it needs anything, and writes a key and a newline to out.
 * Returns 0, or -1 with a new string in *error (NULL when memory is short).
 */
typedef int (*vpnctl_keys_fn)(int in, int out, char **error);

/* A new private key. */
int vpnctl_keys_genkey(int in, int out, char **error);
/* The public key of the private key that in gives. */
int vpnctl_keys_pubkey(int in, int out, char **error);
/* A new secret for all nodes of a network. */
int vpnctl_keys_genpsk(int in, int out, char **error);

/*
 * If out is a file that the daemon will refuse to take a secret from, as others can read it: a new
 * string that says so and what mends it. NULL if not.
 */
char *vpnctl_keys_warning(int out);

#endif
