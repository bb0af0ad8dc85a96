/*
 * What the files of the TUN device share. Nobody else includes this.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TUN_INTERNAL_H
#define TUN_INTERNAL_H

#include "tun.h"

struct event;

struct tun {
	int fd;
	char name[TUN_NAME_MAX];
	unsigned int ifindex;
	bool was_persistent;
	bool paused;
	bool gone;
	bool has_header; /* each packet stands behind a virtio header */
	enum tun_offload granted;
	unsigned int refused; /* packets that only their pieces were taken of */
	struct tun_callbacks callbacks;
	struct event *readable;
	struct packet_pool *pool;
	struct packet *small, *large; /* where the next packet goes; NULL when given away */
};

#endif
