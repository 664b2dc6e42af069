/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many series each worker type may have: what its targets can need, so
 * that a worker that was taken over, or a source of neighbours that invents
 * some, costs neither memory without end nor another type its series.
 */
#ifndef SUPERVISOR_SERIES_BUDGET_H
#define SUPERVISOR_SERIES_BUDGET_H

#include "common/outcome.h"
#include "supervisor/conf.h"
#include "supervisor/registry.h"

#include <stdbool.h>
#include <stdint.h>

/* Neighbours and extra checks beyond those there are: the series of what has
 * gone stay for series_ttl, as far as there is room. */
#define SERIES_BUDGET_SPARE_TARGETS 64
/* A built-in check is one target with a fixed name: room for all that it needs
 * and for many more status codes and nameservers. */
#define SERIES_BUDGET_BUILT_IN_TARGETS 4
/*
 * Neighbours come from a server, not from the configuration: with
 * neighbour_limit = 0 they have this and no more: some 60 MB of text, 100 MB
 * with the longest names.
 */
#define SERIES_BUDGET_PATH_LINES  600000
#define SERIES_BUDGET_PATH_SERIES 80000
/* The program's own: some 300 lines, whatever is checked. */
#define SERIES_BUDGET_OWN 2000

struct series_budget {
	struct registry *registry;
	struct series *refused[REGISTRY_ACCOUNTS]; /* NULL: none so far */
	uint64_t refused_counts[REGISTRY_ACCOUNTS];
	uint64_t refused_mono_ns[REGISTRY_ACCOUNTS]; /* the last time */
	bool said[REGISTRY_ACCOUNTS];
};

/* The account that pays for the series of this type's targets. */
static inline unsigned
series_budget_account(enum worker_type type)
{
	return REGISTRY_OWN + 1 + (unsigned)type;
}

/* The registry has its families.  Zeroes all else. */
void series_budget_init(
	struct series_budget *budget, struct registry *registry);
/* A first or a new configuration. */
void series_budget_apply(struct series_budget *budget, const struct conf *conf);
/* Counts what was refused, and logs when that begins.  Call it regularly. */
void series_budget_report(struct series_budget *budget, uint64_t now_mono_ns);

#endif
