/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One check of a target: a chain of hops, one per redirect, within one budget
 * of time.  Each hop leaves a record; they go up together when the check ends,
 * for one that is cut short must count nowhere.  The last carries the result.
 */
#ifndef WORKERS_CHECK_H
#define WORKERS_CHECK_H

#include "common/loop.h"
#include "common/url.h"
#include "common/wire.h"
#include "workers/hop.h"
#include "workers/redirect.h"

#include <stdbool.h>
#include <stdint.h>

struct target;

struct check {
	struct target *target;
	bool running;
	uint64_t started_ns; /* its budget begins, and its work; the clock of
				the first hop starts a little later */
	/* What loop_held_ns was, then and when the deadline was set. */
	uint64_t started_held_ns, deadline_held_ns;
	uint64_t lateness_ns; /* against the timer that started it */
	uint8_t hop_count;
	bool may_authorize; /* no redirect has left the target's origin yet */
	const char *method; /* of the present hop */
	struct url url;     /* of the present hop */
	struct url referer; /* of the one before */
	/* What their servers are called instead of their hosts, or NULL. */
	const char *server_name, *referer_name;
	bool has_referrer_address; /* where that one was answered from */
	struct in6_addr referrer_address;
	const char *refusal;        /* why it cannot be made; NULL: it can */
	struct loop_timer deadline; /* dial first, then the whole check */
	struct hop hop;
	/* What the hops before this one left: hop_count - 1 of them. */
	struct wire_sample passed[REDIRECT_MAX_REQUESTS - 1];
};

void check_init(struct check *check, struct target *target);
/* due_ns: when its timer was to fire. */
void check_start(struct check *check, uint64_t due_ns);
/* Ends it, with a record that counts nowhere.  Idempotent. */
void check_cancel(struct check *check);

#endif
