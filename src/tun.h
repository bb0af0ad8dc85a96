/*
 * The TUN device: opens it, reads bursts of packets and writes single ones. Its addresses and state
 * are netlink's business.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TUN_H
#define TUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TUN_NAME_MAX 16
#define TUN_BURST 64

struct event_base;
struct tun;

/*
 * A packet was read: it stands at buf + headroom, len bytes. One byte more than max_packet means
 * that it was longer and the rest of it is lost. buf is borrowed for the call and may be written
 * to. Returns false to stop the burst: tun_pause() was called.
 */
typedef bool (*tun_packet_fn)(void *arg, uint8_t *buf, size_t len);
/* No more packets for now: what was held back for more may go. */
typedef void (*tun_burst_end_fn)(void *arg);
/* The device is gone (its interface was deleted); cause is an errno. Called once; close and reopen
 * from an event, not from here. */
typedef void (*tun_gone_fn)(void *arg, int cause);

struct tun_callbacks {
	tun_packet_fn packet;
	tun_burst_end_fn burst_end;
	tun_gone_fn gone;
	void *arg;
};

/*
 * Opens /dev/net/tun and attaches to an interface of this name, made if it does not exist; a %d in
 * it is filled in by the kernel. One that exists and is persistent is used, and stays when it is
 * closed. Each packet is read to headroom bytes into a buffer of headroom + max_packet + 1 bytes.
 * base is borrowed until tun_close(), callbacks are copied. At most TUN_BURST packets are read
 * before the loop serves others. Reading starts with tun_resume(). Returns NULL with
 * a new string in *error that says what to do about it: no /dev/net/tun, no privilege, in use by
 * another process, not a TUN device, name too long.
 */
struct tun *tun_open(struct event_base *base, const char *name, size_t headroom, size_t max_packet,
    const struct tun_callbacks *callbacks, char **error);
/* Accepts NULL. */
void tun_close(struct tun *t);

const char *tun_name(const struct tun *t);
unsigned int tun_ifindex(const struct tun *t);
/* It existed before and was persistent. */
bool tun_was_persistent(const struct tun *t);

/* Stops and starts reading; both may be repeated. */
void tun_pause(struct tun *t);
void tun_resume(struct tun *t);

/* Writes one packet. Returns 0, or -1 with errno; the packet is then lost, the device is not. */
int tun_write(struct tun *t, const uint8_t *packet, size_t len);

#endif
