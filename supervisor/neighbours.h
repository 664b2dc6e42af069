/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The neighbours this node knows, as discovery tells them, and those of them
 * that it checks.  They outlive the process that told them: what the next one
 * does not confirm with its first complete list goes, and nothing else does.
 */
#ifndef SUPERVISOR_NEIGHBOURS_H
#define SUPERVISOR_NEIGHBOURS_H

#include "common/loop.h"
#include "common/wire.h"
#include "supervisor/alive.h"
#include "supervisor/conf.h"
#include "supervisor/neighbour_table.h"
#include "supervisor/registry.h"
#include "supervisor/target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * So many are checked at most, also without neighbour_limit: twice the nodes of
 * the largest cluster that Kubernetes supports.
 */
#define NEIGHBOURS_SELECTED_MAX 10000
/* A node whose network is broken from birth must show. */
#define NEIGHBOURS_ADMIT_NS (60 * 1000000000ULL)

struct neighbours_series {
	struct series *known, *selected, *refused;
	struct series *up, *last_success, *received_bytes;
	struct series *errors[DISCOVERY_ERROR_COUNT];
};

struct neighbours {
	const struct conf *conf;
	uint32_t conf_gen; /* which configuration it is: counted */
	struct loop *loop;
	struct registry *registry;
	struct neighbour_table table;
	uint32_t source_gen;          /* of the process that speaks now */
	bool has_list;                /* there was a complete one, ever */
	bool confirmed;               /* the present process has told it all */
	bool heard;                   /* it has answered, or said why not */
	bool left_out;                /* not all are checked, and it was said */
	struct wire_discovery status; /* the last one */
	struct neighbours_series series;
	bool refusal_said; /* in the log, of this configuration */
	uint64_t planned_ns;
	struct loop_timer plan_timer;
	struct loop_timer admit_timer; /* somebody's minute is over */
	struct target_table *targets;
	/* It is time for neighbours_plan(). */
	void (*on_change)(struct neighbours *neighbours);
};

/* neighbour_limit, and NEIGHBOURS_SELECTED_MAX where there is none. */
size_t neighbours_limit(const struct conf *conf);

/* loop, registry, targets and on_change are filled in before. */
void neighbours_init(struct neighbours *neighbours);
void neighbours_fini(struct neighbours *neighbours);
/*
 * A first or a new configuration; the old one is still there.  True: what
 * discovery is to do has changed.
 */
bool neighbours_configure(
	struct neighbours *neighbours, const struct conf *conf);
/* Targets of the worker type path for those that are checked. */
int neighbours_plan(struct neighbours *neighbours, struct target_table *table,
	uint64_t now_ns);

/* A discovery process has come: what it says comes from now on. */
void neighbours_begin(struct neighbours *neighbours);
/* -EPROTO: it tells of more than there can be; this one is not taken. */
int neighbours_take(
	struct neighbours *neighbours, const struct wire_neighbour *record);
/* -EPROTO: what it counts since its birth has gone backwards; it is not taken.
 */
int neighbours_take_status(
	struct neighbours *neighbours, const struct wire_discovery *record);

/* The neighbours are known, or it is known why they are not. */
bool neighbours_settled(const struct neighbours *neighbours);
/* The own node is cordoned, and that counts. */
bool neighbours_own_cordoned(const struct neighbours *neighbours);
int neighbours_open_view(
	struct neighbours *neighbours, struct alive_view *view);
void neighbours_close_view(
	struct neighbours *neighbours, struct alive_view *view);

#endif
