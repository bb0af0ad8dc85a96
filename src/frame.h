/*
 * The native wire's message headers, and the records in a message's plaintext: see
 * mqtt-vpn-protocol(7).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef FRAME_H
#define FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "aead.h"

#define FRAME_VERSION 0x91
#define FRAME_PREFIX_LEN 4 /* version, type, flags: all messages begin with it */
#define FRAME_HEADER_LEN 16
#define FRAME_MULTICAST_HEADER_LEN 24
#define FRAME_HEADER_MAX FRAME_MULTICAST_HEADER_LEN
#define FRAME_RECORD_LEN 3	 /* before a packet */
#define FRAME_SUPER_RECORD_LEN 5 /* before one that is to be cut */
#define FRAME_ASK_LEN 9
#define FRAME_REPORT_LEN 17
#define FRAME_MESSAGE_MAX 65536
#define FRAME_MESSAGE_MIN 1500 /* what every node must take */
/* The largest IP packet: alone in the largest message. */
#define FRAME_PACKET_MAX (FRAME_MESSAGE_MAX - FRAME_HEADER_LEN - AEAD_TAG_LEN - FRAME_RECORD_LEN)

enum frame_type {
	FRAME_INIT = 0x01,
	FRAME_RESPONSE = 0x02,
	FRAME_NOTICE = 0x03,
	FRAME_DATA = 0x10,
	FRAME_GROUP = 0x20,	/* to all of a group */
	FRAME_GROUP_ONE = 0x21, /* to one member of it */
	FRAME_MULTICAST = 0x22,
	FRAME_CONTROL = 0x30,
	FRAME_REKEY = 0x31, /* of a key server; what follows is rekey's */
};

#define FRAME_FLAG_SIGNED 0x0001 /* multicast, and to all of a group */

struct frame_header {
	enum frame_type type;
	uint16_t flags;
	uint32_t index;	  /* receiver's index; multicast and groups: sender id */
	uint64_t counter; /* 0 for handshakes and notices, as the index but for a response */
	uint64_t key_id;  /* multicast; groups: the epoch, then the slot in the lower half */
	size_t len;	  /* of the header: where the rest begins */
};

enum frame_error {
	FRAME_TOO_SHORT = -1,
	FRAME_BAD_VERSION = -2, /* also a bare IP packet, and MQTT_VPN's messages */
	FRAME_BAD_TYPE = -3,
	FRAME_BAD_FLAGS = -4,
	FRAME_BAD_RECORD = -5, /* unknown kind, cut short, empty, padding that is not zero */
	FRAME_BAD_GSO = -6,    /* gso_size 0, or larger than the packet */
};

/* Reads the header: FRAME_PREFIX_LEN bytes of an init, notice or rekey, 8 of a response, else the
 * whole. Returns 0 or a negative enum frame_error. */
int frame_parse(const uint8_t *message, size_t len, struct frame_header *h);
/* Writes the header that h describes (h->len is not read). Returns its length. */
size_t frame_write(uint8_t *out, const struct frame_header *h);

enum frame_kind {
	FRAME_PADDING = 0,
	FRAME_PACKET = 1,
	FRAME_PARTIAL = 2,
	FRAME_SUPER = 3,
	FRAME_ASK = 4,
	FRAME_REPORT = 5,
	/* in groups: from which counter on may I read what you send to all? */
	FRAME_ASK_FLOOR = 6,
	FRAME_FLOOR = 7,
};

/* What a node takes, as it tells its peers. */
#define FRAME_FEATURE_PARTIAL 0x0001
#define FRAME_FEATURE_SUPER 0x0002
#define FRAME_FEATURE_REPORTS 0x0004

struct frame_record {
	enum frame_kind kind;
	uint16_t gso_size;     /* FRAME_SUPER only */
	const uint8_t *packet; /* NULL from FRAME_ASK on */
	size_t len;
	uint64_t token; /* from FRAME_ASK on */
	uint64_t count; /* FRAME_REPORT: bytes received; FRAME_FLOOR: the counter */
};

/* The record at *pos, which moves behind it. Returns 1; 0 at the end or at good padding; a negative
 * enum frame_error. The packets are not checked beyond their length. */
int frame_next(const uint8_t *plain, size_t len, size_t *pos, struct frame_record *r);
/* Appends a packet as a record of kind FRAME_PACKET. Returns the new length, 0 if it does not fit.
 */
size_t
frame_append(uint8_t *plain, size_t used, size_t size, const uint8_t *packet, size_t packet_len);
/* Writes what stands before a packet of this kind; gso_size: of FRAME_SUPER. Returns its length. */
size_t frame_put_head(uint8_t *out, enum frame_kind kind, size_t packet_len, uint16_t gso_size);
/* Append a record of FRAME_ASK_LEN (FRAME_ASK, FRAME_ASK_FLOOR) or FRAME_REPORT_LEN (FRAME_REPORT,
 * FRAME_FLOOR), for which there is room. Return the new length. */
size_t frame_append_ask(uint8_t *plain, size_t used, enum frame_kind kind, uint64_t token);
size_t frame_append_report(
    uint8_t *plain, size_t used, enum frame_kind kind, uint64_t token, uint64_t count);

enum frame_padding { FRAME_PAD_NONE, FRAME_PAD_16, FRAME_PAD_BUCKETS };

/*
 * Pads a plaintext of used bytes with zeros: to the next multiple of 16, or to the next bucket (64,
 * 96, 128, 192, ...: powers of two and the middles between them), but never beyond size. Returns
 * the new length.
 */
size_t frame_pad(uint8_t *plain, size_t used, size_t size, enum frame_padding padding);

#endif
