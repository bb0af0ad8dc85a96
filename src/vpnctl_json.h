/*
 * Reads members of JSON that another program made: one that is missing or of another type
 * is NULL, 0 or false. An object that is NULL has no members.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef VPNCTL_JSON_H
#define VPNCTL_JSON_H

#include <stdbool.h>
#include <stdint.h>

struct cJSON;

/* Borrowed; valid as long as object is. */
const struct cJSON *vpnctl_item(const struct cJSON *object, const char *name);
const char *vpnctl_get_text(const struct cJSON *object, const char *name);

bool vpnctl_get_bool(const struct cJSON *object, const char *name);

/* Cut to the range of uint64_t. */
uint64_t vpnctl_get_uint(const struct cJSON *object, const char *name);
uint64_t vpnctl_to_uint(const struct cJSON *number);

#endif
