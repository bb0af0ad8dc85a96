/*
 * The TUN device: opens it, reads bursts of packets and writes single ones; large ones that stand
 * for many where the kernel can do that (TUNSETOFFLOAD). Its addresses and state are netlink's
 * business.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TUN_H
#define TUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define TUN_NAME_MAX 16
#define TUN_BURST 64
#define TUN_BURST_BYTES 65536

struct event_base;
struct packet;
struct packet_offload;
struct packet_pool;
struct tun;

/* What is asked of the kernel; it may grant less. */
enum tun_offload {
	TUN_OFFLOAD_NONE,
	TUN_OFFLOAD_TCP, /* checksums, and cutting of TCP */
	TUN_OFFLOAD_UDP, /* and of UDP */
};

/* A packet was read, which is now the callee's: packet_put(). It has at least one byte, and is not
 * checked beyond its offload. */
typedef void (*tun_packet_fn)(void *arg, struct packet *p);
/* One could not be taken: it was malformed, or memory is short. */
typedef void (*tun_lost_fn)(void *arg);
/* No more packets for now: what was held back for more may go. */
typedef void (*tun_burst_end_fn)(void *arg);
/* The device is gone (its interface was deleted); cause is an errno. Called once; close and reopen
 * from an event, not from here. */
typedef void (*tun_gone_fn)(void *arg, int cause);

struct tun_callbacks {
	tun_packet_fn packet;
	tun_lost_fn lost;
	tun_burst_end_fn burst_end;
	tun_gone_fn gone;
	void *arg;
};

/*
 * Opens /dev/net/tun and attaches to an interface of this name, made if it does not exist; a %d in
 * it is filled in by the kernel. One that exists and is persistent is used, and stays when it is
 * closed. base and pool are borrowed until tun_close(), callbacks are copied. A burst ends after
 * TUN_BURST packets or TUN_BURST_BYTES, so that others are served. Reading starts with
 * tun_resume(). Returns NULL with a new string in *error that says what to do about it: no
 * /dev/net/tun, no privilege, in use by another process, not a TUN device, name too long.
 */
struct tun *tun_open(struct event_base *base, const char *name, struct packet_pool *pool,
    enum tun_offload offload, const struct tun_callbacks *callbacks, char **error);
/* Accepts NULL. */
void tun_close(struct tun *t);

const char *tun_name(const struct tun *t);
unsigned int tun_ifindex(const struct tun *t);
/* It existed before and was persistent. */
bool tun_was_persistent(const struct tun *t);
/* What was granted. */
enum tun_offload tun_offload(const struct tun *t);

/* Reads a burst at once, unless reading is stopped; ends with burst_end(). */
void tun_read(struct tun *t);
/* Stops and starts reading; both may be repeated. */
void tun_pause(struct tun *t);
void tun_resume(struct tun *t);

/*
 * Writes one packet, in count pieces of memory (at most OFFLOAD_MERGE_MAX), which are borrowed; o
 * tells what is left to do on it. What the kernel does not do is done here: a packet is cut, its
 * checksum completed. Returns 0, or -1 with errno; the packet is then lost, the device is not.
 */
int tun_write(struct tun *t, const struct packet_offload *o, const struct iovec *iov, int count);

#endif
