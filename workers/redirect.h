/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of redirects, as decisions without state: whether an answer is
 * followed, and what of the request goes along.  Where a Location leads is for
 * the URL module to find out.
 */
#ifndef WORKERS_REDIRECT_H
#define WORKERS_REDIRECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Requests of one check, the first one included. */
#define REDIRECT_MAX_REQUESTS 10

enum redirect {
	REDIRECT_NONE,     /* this answer is the last one */
	REDIRECT_FOLLOW,   /* to the Location, if that can be parsed */
	REDIRECT_TOO_MANY, /* an error of the check: round_trip_error */
	REDIRECT_TOO_LONG, /* the same: the Location is longer than we keep */
};

/* Where a request goes to.  The host as in the URL, brackets or not alike. */
struct redirect_place {
	bool https;
	const char *host;
	uint16_t port; /* the scheme's own where the URL has none */
};

/* n_requests: how many of this check have been sent, 1 after the first. */
enum redirect redirect_decide(unsigned status, const char *location,
	bool location_too_long, unsigned n_requests);
/* What the log and /alive say of it; NULL: it is no error. */
const char *redirect_error(enum redirect redirect);
/* The next request's method: 307 and 308 keep it, the others make it GET. */
const char *redirect_method(unsigned status, const char *method);
/*
 * Whether Authorization, Cookie and the like of the check (not of a Location's
 * user part) go along: while the host name stays that of the first request,
 * on any port, and https is not left.  Once dropped they stay dropped, so the
 * answer to the hop before is asked for (true at first).
 */
bool redirect_keeps_authorization(bool kept_before,
	const struct redirect_place *first, const struct redirect_place *next);
/* The same for the cluster's token: only to that very server, by https. */
bool redirect_keeps_token(bool kept_before, const struct redirect_place *first,
	const struct redirect_place *next);
/*
 * The Referer for a request to an https (or http) place: the URL of the request
 * before, as sent, without user part and fragment.  Its length, 0: none is to
 * be sent (from https to http), or -ENOSPC.
 */
int redirect_format_referer(
	char *buf, size_t cap_bytes, const char *previous_url, bool next_https);

#endif
