/*
 * What the files of vpnctl_text share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef VPNCTL_TEXT_INTERNAL_H
#define VPNCTL_TEXT_INTERNAL_H

#include <stddef.h>

#define VPNCTL_SCALED_MAX 64

/* "1.2 M": three or four digits and the decimal prefix of a unit that follows. Returns buf. */
const char *vpnctl_text_scaled(double value, char *buf, size_t size);

#endif
