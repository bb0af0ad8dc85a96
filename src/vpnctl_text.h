/*
 * What mqtt-vpnctl(8) prints: the daemon's JSON as text for people, and as Prometheus metrics. A
 * member that is missing or of another type is left out or counts as 0, as the daemon may be
 * of another version.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef VPNCTL_TEXT_H
#define VPNCTL_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct cJSON;

/*
 * What a terminal obeys instead of showing it, what shows as nothing, and what is not UTF-8 becomes
 * '?', in text and in every string of json: some of them come from a broker, a certificate or a
 * peer, and all go to a terminal.
 */
void vpnctl_text_sanitize(char *text);
void vpnctl_text_sanitize_json(struct cJSON *json);
/* Prints JSON with the same characters as escapes, so that a program reads them unchanged. */
void vpnctl_text_print_json(FILE *out, const char *json);

bool vpnctl_text_link_is_up(const struct cJSON *status);
/* False for a node that the key server of its group does not let send. */
bool vpnctl_text_may_send(const struct cJSON *status);

void vpnctl_text_status(FILE *out, const struct cJSON *status);
void vpnctl_text_peers(FILE *out, const struct cJSON *peers);
void vpnctl_text_stats(FILE *out, const struct cJSON *stats);
void vpnctl_text_reload(FILE *out, const struct cJSON *reload);
void vpnctl_text_log(FILE *out, const struct cJSON *log);
/* Of a key server. */
void vpnctl_text_groups(FILE *out, const struct cJSON *groups);
void vpnctl_text_members(FILE *out, const struct cJSON *members);
void vpnctl_text_evict(FILE *out, const struct cJSON *answer);
void vpnctl_text_admit(FILE *out, const struct cJSON *answer);
void vpnctl_text_rotate(FILE *out, const struct cJSON *answer);

/* What went through between two answers to "status", elapsed_ms apart. */
void vpnctl_text_rates(
    FILE *out, const struct cJSON *before, const struct cJSON *status, uint64_t elapsed_ms);

/*
 * Prometheus' text exposition format 0.0.4. instance, which may be NULL, becomes the label
 * "interface". status and stats are both NULL when the daemon does not answer.
 */
void vpnctl_text_metrics(
    FILE *out, const char *instance, const struct cJSON *status, const struct cJSON *stats);

#endif
