/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From samples to series and results.  Each hop counts in the metrics of
 * kubenurse 1.x; the last one decides between success and one error.  What is
 * handed over has been checked (wire.h) and belongs to this target.
 */
#ifndef SUPERVISOR_AGGREGATE_H
#define SUPERVISOR_AGGREGATE_H

#include "common/wire.h"
#include "supervisor/log_budget.h"
#include "supervisor/registry.h"
#include "supervisor/target.h"

#include <stdbool.h>

struct aggregate {
	struct registry *registry;
	bool neighbour_detail; /* N histograms per neighbour, not per path */
	/* Changes of results go into the log within these; zeroed at first. */
	struct log_budget log_budgets[WORKER_TYPE_COUNT];
};

void aggregate_sample(struct aggregate *aggregate, struct target *target,
	const struct wire_sample *sample);
void aggregate_dns(struct aggregate *aggregate, struct target *target,
	const struct wire_dns *dns);
/* One that the check did not wait for: applications do. */
void aggregate_dns_late(struct aggregate *aggregate, struct target *target,
	const struct wire_dns_late *late);
/* Says what was not logged, for each type.  Four times a second. */
void aggregate_tell_suppressed(struct aggregate *aggregate, uint64_t now_ns);

#endif
