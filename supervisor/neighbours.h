/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The neighbours this node knows, as discovery tells them, and those of them
 * that it checks.
 */
#ifndef SUPERVISOR_NEIGHBOURS_H
#define SUPERVISOR_NEIGHBOURS_H

#include "supervisor/alive.h"
#include "supervisor/conf.h"
#include "supervisor/target.h"

struct neighbours {
	const struct conf *conf;
};

void neighbours_init(struct neighbours *neighbours, const struct conf *conf);
/* Targets of the worker type path for those that are checked. */
int neighbours_plan(struct neighbours *neighbours, struct target_table *table,
	uint64_t now_ns);
int neighbours_open_view(
	struct neighbours *neighbours, struct alive_view *view);
void neighbours_close_view(
	struct neighbours *neighbours, struct alive_view *view);

#endif
