/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is checked, as the supervisor knows it: the specification that goes to
 * a worker, the generation by which its samples are known, and what they said.
 * A target is found again by type and key; when its specification changes it
 * gets a new generation, and samples of the old one are dropped.
 */
#ifndef SUPERVISOR_TARGET_H
#define SUPERVISOR_TARGET_H

#include "common/control.h"
#include "common/name_hash.h"
#include "common/outcome.h"
#include "common/status_range.h"
#include "common/wire.h"
#include "supervisor/log_budget.h"
#include "supervisor/target_series.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TARGET_EXPECT_MAX 32

/* Strings are copied by target_table_want(); NULL counts as "". */
struct target_spec {
	const char *key;   /* unique within its worker type */
	const char *label; /* of the metrics: `type` */
	const char *url;
	const char *method;
	const char *origin;  /* Kubenurse-Neighbour-Origin */
	const char *headers; /* "Name: value\n" each: a secret */
	const char *server_name;
	const char *files[CONTROL_FILE_COUNT]; /* paths */
	struct status_range expect[TARGET_EXPECT_MAX];
	size_t expect_count;
	uint64_t interval_ns;
	uint64_t timeout_ns;
	uint64_t dial_timeout_ns;
	uint32_t tls_security_level; /* as in struct control_target */
	bool insecure;
	bool follow_redirects;
	bool reuse_connections;
};

/* What the worker does not know yet. */
enum target_news {
	TARGET_NEWS_NONE,
	TARGET_NEWS_SPEC,
	TARGET_NEWS_GONE,
};

struct target {
	struct target *next; /* in the bucket of its key, or of free ones */
	bool used;
	uint32_t id;
	uint32_t gen;
	enum worker_type type;
	struct target_spec spec; /* owned copies */
	enum target_news news;
	bool wanted;              /* during a plan */
	uint64_t first_delay_ns;  /* of its very first check */
	uint64_t started_mono_ns; /* the last check's start; 0: none yet */
	bool held; /* who is being replaced ends a check of it: not yet told */
	struct target_series series;
	/* Its lines in the log, those of warnings apart; since when and how
	 * often it fails, and, once it is ok again, for how long it failed. */
	struct log_budget log_budget, warning_log_budget;
	uint64_t failing_since_mono_ns;
	uint64_t failed_count;
	uint64_t failed_ns;
	/* The last result. */
	bool has_result;
	uint8_t outcome;
	uint16_t http_status;
	int32_t sys_errno;
	uint64_t ended_unix_ns; /* when it came */
	char detail[WIRE_DETAIL_BYTES];
	char *warning; /* beside the result; NULL: none */
	uint64_t warned_mono_ns;
	/* The last check has asked DNS; not everything was answered in time. */
	bool asked_dns, missed_dns;
};

struct target_table {
	struct target **targets; /* by id */
	size_t count;
	uint32_t last_gen;
	/* Those that are not gone, by type and key. */
	struct name_hash_key hash_key;
	struct target **buckets;
	size_t bucket_count; /* a power of two */
	struct target *free_slots;
};

/* A target as it is now: another specification makes another one. */
struct target_ref {
	uint32_t id, gen; /* gen 0: none */
};

enum target_match {
	TARGET_CURRENT,
	TARGET_STALE,   /* changed or removed meanwhile: drop the sample */
	TARGET_UNKNOWN, /* never issued: nonsense */
};

void target_table_init(struct target_table *table);
void target_table_fini(struct target_table *table, uint64_t now_ns);

/* A plan for one type: begin, want each, end.  What was not wanted goes. */
void target_table_begin(struct target_table *table, enum worker_type type);
/*
 * first_delay_ns is for a target that is new; ret_ref may be NULL.  0 or
 * -ENOMEM.
 */
int target_table_want(struct target_table *table, enum worker_type type,
	const struct target_spec *spec, uint64_t first_delay_ns,
	struct target_ref *ret_ref);
/* The same for one that is known to want nothing else.  False: it is gone, or
 * has changed. */
bool target_table_keep(struct target_table *table, struct target_ref ref);
void target_table_end(
	struct target_table *table, enum worker_type type, uint64_t now_ns);

/*
 * This one goes at once, without a plan: what it still says is dropped.  Its
 * worker hears of it with the next update.
 */
void target_table_drop(struct target_table *table, enum worker_type type,
	const char *key, uint64_t now_ns);
/* Frees the slot of a target that is gone, once its worker knows. */
void target_table_forget(struct target_table *table, struct target *target);
/* All targets of the type are news to a new worker, and gone ones forgotten. */
void target_table_renew(struct target_table *table, enum worker_type type);
/* The series of nameservers are held no longer, until they are asked again. */
void target_table_forget_nameservers(
	struct target_table *table, enum worker_type type, uint64_t now_ns);
/* The worker that was replaced has ended its checks of all of them. */
void target_table_release(struct target_table *table, enum worker_type type);
/* Targets with files get a new generation: what they name has changed. */
void target_table_touch_files(struct target_table *table);
bool target_table_has(const struct target_table *table, enum worker_type type);
size_t target_table_count(
	const struct target_table *table, enum worker_type type);
/* Whether a worker of this type will speak TLS. */
bool target_table_needs_tls(
	const struct target_table *table, enum worker_type type);
/* Whether it will open sockets of this host; one target alone. */
bool target_table_needs_unix(
	const struct target_table *table, enum worker_type type);
bool target_is_unix(const struct target *target);
enum target_match target_table_match(const struct target_table *table,
	enum worker_type type, uint32_t id, uint32_t gen,
	struct target **ret_target);

#endif
