/*
 * Reads members of JSON that another program made.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "vpnctl_json.h"

#include <cjson/cJSON.h>

const struct cJSON *
vpnctl_item(const struct cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

const char *
vpnctl_get_text(const struct cJSON *object, const char *name)
{
	return cJSON_GetStringValue(vpnctl_item(object, name));
}

bool
vpnctl_get_bool(const struct cJSON *object, const char *name)
{
	return cJSON_IsTrue(vpnctl_item(object, name));
}

uint64_t
vpnctl_to_uint(const struct cJSON *number)
{
	double value;

	if (!cJSON_IsNumber(number))
		return 0;
	value = number->valuedouble;
	if (!(value > 0))
		return 0;
	return value >= 0x1p64 ? UINT64_MAX : (uint64_t)value;
}

uint64_t
vpnctl_get_uint(const struct cJSON *object, const char *name)
{
	return vpnctl_to_uint(vpnctl_item(object, name));
}
