/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of redirects, as decisions without state: whether an answer is
 * followed, where to, and what of the request goes along.  The Location is a
 * stranger's word; what it means is for the URL module to find out.
 */
#ifndef WORKERS_REDIRECT_H
#define WORKERS_REDIRECT_H

#include "common/address.h"
#include "common/url.h"

#include <stdbool.h>
#include <stddef.h>

/* Requests of one check, the first one included. */
#define REDIRECT_MAX_REQUESTS 10

enum redirect {
	REDIRECT_NONE,     /* this answer is the last one */
	REDIRECT_FOLLOW,   /* to the Location, if that can be parsed */
	REDIRECT_TOO_MANY, /* an error of the check: round_trip_error */
	REDIRECT_TOO_LONG, /* the same: the Location is longer than we keep */
};

/* n_requests: how many of this check have been sent, 1 after the first. */
enum redirect redirect_decide(unsigned status, const char *location,
	bool location_too_long, unsigned n_requests);
/* What the log and /alive say of it; NULL: it is no error. */
const char *redirect_error(enum redirect redirect);
/* The next request's method: 307 and 308 keep it, the others make it GET. */
const char *redirect_method(unsigned status, const char *method);

/* The name as written, but for case, or the address and its zone; any port.  Or
 * the path of a socket. */
bool redirect_same_host(const struct url *a, const struct url *b);
/* Scheme, host and port (RFC 6454). */
bool redirect_same_origin(const struct url *a, const struct url *b);
/*
 * Whether a redirect may lead to an address.  One of no other machine may be
 * reached from that very address, and this machine from this machine: nobody
 * else leads there.  from: where the answer came from; NULL: unknown.
 */
bool redirect_may_reach(const struct in6_addr *from, const struct in6_addr *to);
/*
 * Drops a Location's user part on the way to another origin (RFC 9110 section
 * 4.2.4): who redirects does not log in elsewhere by this program.
 */
void redirect_drop_user(const struct url *previous, struct url *next);
/*
 * The Referer: the URL of the request before, with the name it was asked by
 * (NULL: its host), without user part, query and fragment, and for another
 * origin without its path.  Its length, 0: none is to
 * be sent (from https to http), or -ENOSPC.
 */
int redirect_format_referer(char *buf, size_t cap_bytes,
	const struct url *previous, const char *name, const struct url *next);
/*
 * A Location that has the name by which the target's address is asked (""
 * where there is none), with its scheme and port, leads to that address.
 */
void redirect_stay(
	const struct url *target, const char *name, struct url *location);

#endif
