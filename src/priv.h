/*
 * Least privilege: another user, and of root's powers none, or CAP_NET_ADMIN alone, which mqtt-vpnd
 * needs to change routes and which its hooks inherit (libcap-ng).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef PRIV_H
#define PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Resolves names. user or group may be NULL (unchanged: (uid_t)-1, (gid_t)-1; a user alone brings
 * its own group). Returns 0, or -1 with a new string in *error. */
int priv_lookup(const char *user, const char *group, uid_t *uid, gid_t *gid, char **error);

/*
 * Becomes that user and group for good, with that group's supplementary groups, keeps CAP_NET_ADMIN
 * if net_admin (ambient too, so that hooks have it) and gives up all else; set-user-ID programs
 * such as sudo(8) do not work in its children. With both unchanged, or what they are already, that
 * is left as it is. In any case there will be no core file, which would hold keys. Returns 0, or -1
 * with a new string in *error.
 */
int priv_drop(uid_t uid, gid_t gid, bool net_admin, char **error);

/* Bounds the memory that the process may ever take to what it has now and extra bytes (RLIMIT_DATA,
 * soft), so that an absurd message length ends in a failed allocation; children of module child get
 * the hard limit back. Does nothing under a sanitizer. Returns 0, or -1 with errno. */
int priv_limit_memory(size_t extra);

#endif
