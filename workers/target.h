/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker checks: one URL with its options, its timer and its one check.
 * All memory that a check needs is taken here, when the target comes.
 */
#ifndef WORKERS_TARGET_H
#define WORKERS_TARGET_H

#include "common/control.h"
#include "common/loop.h"
#include "common/url.h"
#include "workers/check.h"

#include <stdbool.h>
#include <stdint.h>

struct tls_identity;
struct tls_trust;
struct worker;

struct target {
	struct target *next;
	struct worker *worker;
	uint32_t id;
	uint32_t gen;
	char *label;
	char *method;
	char *origin;
	char *server_name;
	char *headers;         /* lines; those of the header file too */
	char *headers_scratch; /* as long */
	struct url url;
	const char *url_error; /* NULL: it can be checked */
	struct status_range expect[CONTROL_MAX_EXPECT];
	uint32_t expect_count;
	uint64_t interval_ns;
	uint64_t timeout_ns;
	uint64_t dial_timeout_ns;
	uint64_t phase_ns;
	int tls_security_level; /* -1: OpenSSL's */
	bool insecure;
	bool follow_redirects;
	bool reuse_connections;
	struct tls_trust *own_trust;   /* NULL: the worker's */
	struct tls_identity *identity; /* for its own server; or NULL */
	char *identity_files;          /* paths; NULL: none are named */
	/* Files without which no check can be made, "KEY PATH: why"; or NULL */
	char *ca_error;       /* at the handshake */
	char *identity_error; /* the same */
	char *header_error;   /* where they would be sent */
	int header_errno;
	char *request; /* room for a request's head */
	size_t request_cap_bytes;
	struct loop_timer timer; /* the next check */
	struct check check;
};

/*
 * A target is new or has changed: a check under way against the old one ends
 * as cancelled.  Without memory it is left out, and logged.
 */
void target_apply(struct worker *worker, struct control_message *message);
void target_remove(
	struct worker *worker, const struct control_target_gone *gone);
/* No further checks are started; those under way go on. */
void target_stop_all(struct target *targets);
void target_free_all(struct worker *worker);
/* The check has ended: the next one is due at its phase. */
void target_schedule(struct target *target);
/* The present generation of a target; 0: not known. */
uint32_t target_gen(struct worker *worker, uint32_t id);
bool target_expects(const struct target *target, uint16_t http_status);

#endif
