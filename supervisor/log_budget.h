/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much one source may write into the log: a burst, and then a line now and
 * then. What a worker or a server decides, and not an operator, must not fill a
 * disk. One that is zeroed is full.
 */
#ifndef SUPERVISOR_LOG_BUDGET_H
#define SUPERVISOR_LOG_BUDGET_H

#include "common/log.h"

#include <stdbool.h>
#include <stdint.h>

struct log_limit {
	unsigned lines;   /* of the burst */
	uint64_t line_ns; /* one more after each of these */
};

/* A worker, or the targets of one type: two reports of a sanitizer; the changes
 * of two hundred neighbours at once. */
#define LOG_BUDGET_LINES   200
#define LOG_BUDGET_LINE_NS 1000000000ULL
extern const struct log_limit log_limit_source;
/* One target: it may flap some times before it has to wait a minute. */
#define LOG_TARGET_LINES   10
#define LOG_TARGET_LINE_NS 60000000000ULL
extern const struct log_limit log_limit_target;

struct log_budget {
	uint64_t full_mono_ns; /* when all of it may be used again */
	uint64_t suppressed_count;
};

bool log_budget_has(const struct log_budget *budget,
	const struct log_limit *limit, uint64_t now_ns);
/* Uses it for a line that is written in any case. */
void log_budget_use(struct log_budget *budget, const struct log_limit *limit,
	uint64_t now_ns);
/* Of log_limit_source.  True: a line may be written.  False: it is counted as
 * suppressed, as are all others until that has been said. */
bool log_budget_take(struct log_budget *budget, uint64_t now_ns);
/* Says how many were suppressed, when there were any and there is room to say
 * so.  source says of what. */
void log_budget_tell(
	struct log_budget *budget, uint64_t now_ns, struct log_field source);

#endif
