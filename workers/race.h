/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connecting to a name with several addresses: attempts race each other as RFC
 * 8305 has it.  IPv6 first, families in turn; the next attempt starts after a
 * head start of 300 ms, or at once when one has failed.  The winner is handed
 * over, the losers are closed and are no error.  Embedded in a hop.
 */
#ifndef WORKERS_RACE_H
#define WORKERS_RACE_H

#include "common/loop.h"
#include "workers/resolver.h"
#include "workers/socket.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* What the Go program has as its FallbackDelay (RFC 8305 says 250 ms). */
#define RACE_HEAD_START_NS (300 * 1000000ULL)
/* RFC 8305 section 3: how long an answer for IPv4 waits for one for IPv6. */
#define RACE_RESOLUTION_DELAY_NS (50 * 1000000ULL)

#define RACE_ADDRESSES_MAX 16 /* per family */
#define RACE_ATTEMPTS_MAX  8  /* under way at once */

struct race_address {
	union {
		struct sockaddr any;
		struct sockaddr_in ipv4;
		struct sockaddr_in6 ipv6;
	} socket;
};

struct race_family {
	struct race_address addresses[RACE_ADDRESSES_MAX];
	unsigned count;
	unsigned next;
	bool complete; /* no more addresses will come */
};

struct attempt {
	struct race *race;
	struct loop_watch watch;
	int fd;              /* -1: free */
	unsigned ready;      /* as the watch told when it had won */
	uint64_t started_ns; /* right before connect(2) */
	const struct race_address *address;
};

struct race_callbacks {
	/* What the descriptors are watched for, the winner's still when it is
	 * handed over: LOOP_WRITE, perhaps with others. */
	unsigned wanted;
	/* False: this address is left out.  NULL: all may be tried. */
	bool (*may_try)(struct race *race, const struct race_address *address);
	/* The first attempt has started, at now_ns, or could not. */
	void (*on_first)(struct race *race, uint64_t now_ns);
	/* The race is over; the descriptor in winner->watch, still watched, is
	 * the receiver's. */
	void (*on_won)(struct race *race, struct attempt *winner,
		uint64_t now_ns, const struct tcp_observation *observation);
	/* Every address has failed: the errno of the first that did. */
	void (*on_lost)(struct race *race, int sys_errno,
		const struct race_address *address);
};

struct race {
	struct loop *loop;
	const struct race_callbacks *callbacks;
	struct race_family ipv6, ipv4;
	struct attempt attempts[RACE_ATTEMPTS_MAX];
	struct loop_timer timer; /* head start or resolution delay */
	bool running;
	bool started; /* an attempt was made */
	bool last_was_ipv6;
	unsigned live;
	int first_errno;
	const struct race_address *first_failed;
	uint32_t retransmits_syn; /* of all attempts that have ended */
};

void race_start(struct race *race, struct loop *loop,
	const struct race_callbacks *callbacks);
/* Copies an address; one over the bound is left out. */
void race_add(struct race *race, const struct sockaddr *address);
/* What the resolver found of one family, which is complete with it. */
void race_add_answer(
	struct race *race, const struct resolver_answer *answer, uint16_t port);
/* An address that needs no resolver; there are no others. */
void race_add_literal(struct race *race, const struct race_address *address);
/* All addresses of this family (AF_INET, AF_INET6) are there, maybe none. */
void race_complete(struct race *race, int family);
/* Closes all attempts but a winner.  Idempotent. */
void race_stop(struct race *race);
/* False: host is a name.  zone: of an IPv6 literal, or "". */
bool race_parse_literal(struct race_address *ret_address, const char *host,
	const char *zone, uint16_t port);
/* Where an attempt is under way; NULL: nowhere. */
const struct race_address *race_pending(const struct race *race);
/* "192.0.2.1:443", "[2001:db8::1]:443".  Returns buf. */
const char *race_format_address(
	const struct race_address *address, char *buf, size_t cap_bytes);

#endif
