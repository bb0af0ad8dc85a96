/*
 * How much may be on the way to one peer, so that no queue grows where we cannot see it: at the
 * broker, and on the path behind it. The sender asks, the receiver reports what it has got; from
 * that follow the rate of delivery and the round trip, and the window is what the path holds
 * without a queue, and a few milliseconds more. After BBR (Cardwell et al., ACM Queue 14(5), 2016).
 * Pure: time comes in as an argument.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef WINDOW_H
#define WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WINDOW_INITIAL (48 * 1024)
#define WINDOW_MIN (6 * 1024)
#define WINDOW_MAX (32 * 1024 * 1024)
#define WINDOW_MESSAGE_MAX 65536
#define WINDOW_MESSAGE_MIN 3000
#define WINDOW_ASKS 64	/* on the way at once */
#define WINDOW_ROUNDS 8 /* that the highest rate of delivery is remembered for */

/* The state of delivery at some moment, which later ones are compared with. */
struct window_mark {
	uint64_t arrived; /* bytes */
	uint64_t us;
	uint64_t sent_us; /* when the message went whose answer it was */
};

/* A question on the way. */
struct window_ask {
	uint64_t token; /* bytes sent up to its message, that one included */
	uint64_t sent_us;
	struct window_mark since; /* what its rate is measured from */
	bool idle; /* since then there was nothing to send: the rate says little about the path */
};

struct window {
	uint64_t sent, delivered;    /* bytes, ever; delivered: or lost, as the answers say */
	uint64_t received;	     /* the other's own count, as last reported */
	uint64_t lost;		     /* bytes, ever: sent, and not received */
	size_t size;		     /* bytes that may be on the way */
	uint32_t min_rtt_us, rtt_us; /* 0: not known yet */
	uint64_t rate;		     /* bytes a second, of delivery; 0: not known yet */
	/* What follows is the module's own. */
	struct window_ask asks[WINDOW_ASKS];
	unsigned int ask_first, ask_count;
	uint64_t asked, asked_us; /* the newest question */
	uint64_t answered_us;
	uint64_t arrived;	 /* bytes, ever: of what was sent, as far as answered */
	struct window_mark mark; /* for the questions to come; a few milliseconds old at most */
	uint64_t idle_us;	 /* when there was nothing more to send, last */
	uint64_t loaded_us;	 /* when a rate was measured without such a pause, last */
	uint64_t loaded_sent;	 /* and what had been sent then */
	bool idle;		 /* nothing was behind the last message */
	bool known;		 /* the path has been loaded once */
	bool draining;		 /* so that the next message meets no queue of ours */
	uint64_t hold_until_us;	 /* and stays so until then; 0: not yet drained */
	bool stale;		 /* the smallest round trip should be measured anew soon */
	bool granted;		 /* one message may pass, as answers have got lost */
	unsigned int expired;	 /* how often that was so, without an answer since */
	/* The smallest round trip of this epoch and of the one before, UINT32_MAX: none. */
	uint32_t epoch_rtt_us, last_epoch_rtt_us;
	uint64_t epoch_us;     /* when it began */
	uint64_t epoch_token;  /* what was sent before may have met a queue of ours */
	uint64_t epoch_low_us; /* when the round trip was at its smallest */
	uint64_t epoch_rate;   /* rate when it began */
	/* A round lasts a round trip at least. */
	uint64_t round_token, round_us;
	uint64_t round_lost;   /* lost when it began */
	uint32_t round_rtt_us; /* its smallest */
	uint32_t round_longest_us;
	uint64_t round_sum_us; /* of round_answers round trips */
	uint32_t round_answers;
	uint32_t repair_us;	   /* that things wait on the way for others to be repaired */
	bool round_loaded;	   /* it has a rate that says something about the path */
	bool round_shut;	   /* the window was what limited it */
	unsigned int push;	   /* how far the window goes beyond what the rate asks for */
	bool started;		   /* a queue has been seen */
	unsigned int queue_rounds; /* in a row that seem to have had one */
	uint64_t rates[WINDOW_ROUNDS];
	unsigned int newest_rate;
};

void window_init(struct window *w);

/* Whether a message may be sent now. */
bool window_open(const struct window *w);
/* The most that a message should have, so that what comes behind it does not wait too long: a few
 * milliseconds of the path, from WINDOW_MESSAGE_MIN to WINDOW_MESSAGE_MAX bytes. */
size_t window_message_max(const struct window *w);
/* Whether a message of so many bytes, sent now, should ask for a report. Not asking when it says
 * so may shut the window until it expires. */
bool window_wants_report(const struct window *w, size_t bytes, uint64_t now_us);
/* A message of so many bytes goes; asks: with the question window_token(). more: there is more to
 * send behind it. */
uint64_t window_token(const struct window *w, size_t bytes);
void window_sent(struct window *w, size_t bytes, bool asks, bool more, uint64_t now_us);
/* The answer to the question with that token, and how many bytes the other has received in all.
 * Anybody's nonsense changes nothing: unknown tokens, those of the future, less than before. */
void window_report(struct window *w, uint64_t token, uint64_t received, uint64_t now_us);
/* When a shut window opens by itself, as the answer must have got lost; UINT64_MAX if it is open.
 * window_expire() opens it for one message, at or after that time. */
uint64_t window_expiry_us(const struct window *w);
void window_expire(struct window *w, uint64_t now_us);

#endif
