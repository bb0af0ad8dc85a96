/*
 * Privileges, by libcap-ng.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "priv.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "util.h"

/* A sanitizer maps terabytes of shadow memory. */
#ifdef __has_feature
#define CLANG_ASAN __has_feature(address_sanitizer)
#else
#define CLANG_ASAN 0
#endif
#if defined(__SANITIZE_ADDRESS__) || CLANG_ASAN
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

int
priv_lookup(const char *user, const char *group, uid_t *uid, gid_t *gid, char **error)
{
	const struct passwd *pw;
	const struct group *gr;

	*uid = (uid_t)-1;
	*gid = (gid_t)-1;
	if (user != NULL) {
		pw = getpwnam(user);
		if (pw == NULL) {
			*error = util_format("there is no user '%s'", user);
			return -1;
		}
		*uid = pw->pw_uid;
		*gid = pw->pw_gid;
	}
	if (group != NULL) {
		gr = getgrnam(group);
		if (gr == NULL) {
			*error = util_format("there is no group '%s'", group);
			return -1;
		}
		*gid = gr->gr_gid;
	}
	return 0;
}

/* Words for what capng_change_id(3) returns. */
static const char *
change_failure(int result)
{
	switch (result) {
	case -4:
		return "the group cannot be changed";
	case -6:
		return "the user cannot be changed";
	case -5:
	case -10:
		return "the supplementary groups cannot be set";
	default:
		return "the capabilities cannot be changed";
	}
}

int
priv_drop(uid_t uid, gid_t gid, bool net_admin, char **error)
{
	const capng_type_t kept =
	    CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE | CAPNG_AMBIENT;
	capng_flags_t groups = uid == (uid_t)-1 ? CAPNG_DROP_SUPP_GRP : CAPNG_INIT_SUPP_GRP;
	int result;

	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* no keys in a core file, nor for the user's others */
	if ((uid == (uid_t)-1 || uid == geteuid()) && (gid == (gid_t)-1 || gid == getegid()))
		return 0;
	capng_clear(CAPNG_SELECT_ALL);
	if (net_admin)
		capng_update(CAPNG_ADD, kept, CAP_NET_ADMIN);
	result = capng_change_id((int)uid, (int)gid, groups | CAPNG_CLEAR_BOUNDING);
	if (result == 0 && (!net_admin || capng_apply(CAPNG_SELECT_AMBIENT) == 0) &&
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		return 0;
	*error = util_format("cannot give up root's privileges: %s", change_failure(result));
	return -1;
}

/* The memory that RLIMIT_DATA counts, in bytes. */
static int
data_size(uint64_t *size)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	int found = 0;

	if (file == NULL)
		return -1;
	while (found != 1 && fgets(line, sizeof(line), file) != NULL)
		found = sscanf(line, "VmData: %" SCNu64 " kB", size);
	fclose(file);
	if (found != 1) {
		errno = ENOENT;
		return -1;
	}
	*size *= 1024;
	return 0;
}

int
priv_limit_memory(size_t extra)
{
	struct rlimit limit;
	uint64_t size;

	if (IS_SANITIZED)
		return 0;
	if (data_size(&size) == -1 || getrlimit(RLIMIT_DATA, &limit) == -1)
		return -1;
	size += extra;
	limit.rlim_cur = size < limit.rlim_max ? size : limit.rlim_max;
	return setrlimit(RLIMIT_DATA, &limit);
}
