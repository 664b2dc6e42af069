/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS queries whose owner has gone on without them: it has an address of one
 * family, and an application that waits for both (glibc, curl) still hangs.
 * They run on until they are answered or every try has failed.  One set per
 * resolver; a query is moved into it, and frees itself.
 */
#ifndef WORKERS_DNS_LATE_H
#define WORKERS_DNS_LATE_H

#include "common/outcome.h"
#include "workers/dns_exchange.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct resolver_options;

/* More at once are given up, and counted nowhere. */
#define DNS_LATE_MAX 256

/* What one has met: told at each try that fails, and when it is over. */
struct dns_late {
	uint64_t waited_ns; /* since the start of the resolution */
	bool ended;         /* no further try will be made */
	bool failed;        /* a try has, or there is no answer in the end */
	const char *text;   /* of what failed; valid during the callback */
};

struct dns_late_query {
	bool is_ipv6; /* AAAA, else A */
	uint32_t context_id;
	uint64_t started_mono_ns;
	const char *host;
};

struct dns_late_set {
	struct loop *loop;
	const struct resolv_conf *conf;
	/* Whether an answer can be read.  DNS_OK or DNS_MALFORMED. */
	enum dns_result (*check)(void *arg, bool is_ipv6, const uint8_t *bytes,
		size_t len_bytes);
	void *check_arg;
	void (*on_server_answer)(void *arg, uint32_t context_id,
		const char *nameserver, uint64_t duration_ns,
		enum dns_result result);
	void (*on_late)(
		void *arg, uint32_t context_id, const struct dns_late *late);
	void *callback_arg;
	struct late_lookup *lookups;
	unsigned count;
};

/* The callbacks are those of the options. */
void dns_late_init(struct dns_late_set *set, struct loop *loop,
	const struct resolv_conf *conf,
	enum dns_result (*check)(void *arg, bool is_ipv6, const uint8_t *bytes,
		size_t len_bytes),
	void *check_arg, const struct resolver_options *options);
/* Takes over an exchange that runs.  Where it cannot, it lets it run. */
void dns_late_take(struct dns_late_set *set, struct dns_exchange *exchange,
	const struct dns_late_query *query);
/* Says what an exchange met that its owner did not need. */
void dns_late_tell(const struct dns_late_set *set,
	const struct dns_late_query *query, const struct dns_exchange *exchange,
	enum dns_result result, bool ended);
/* These are given up, and counted nowhere. */
void dns_late_cancel(struct dns_late_set *set, uint32_t context_id);
void dns_late_cancel_all(struct dns_late_set *set);

#endif
