/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the configuration to targets: which checks there are, and with what
 * options.  Neighbours are not planned here: discovery finds them.
 */
#ifndef SUPERVISOR_PLAN_H
#define SUPERVISOR_PLAN_H

#include "supervisor/conf.h"
#include "supervisor/target.h"

#include <stdbool.h>

/* Contract: DNS and connect together, at least; the whole of a built-in check.
 */
#define PLAN_DIAL_TIMEOUT_NS  (5 * 1000000000ULL)
#define PLAN_CHECK_TIMEOUT_NS (6 * 1000000000ULL)

/*
 * Makes the table hold the configured checks of all types but path.  What has
 * not changed keeps its generation.  0 or -ENOMEM.
 */
int plan_checks(
	struct target_table *table, const struct conf *conf, uint64_t now_ns);
/* DNS and connect together: five sixths of a longer timeout than that. */
uint64_t plan_dial_timeout_ns(uint64_t timeout_ns);
/* How many targets plan_checks() makes of it. */
size_t plan_count(const struct conf *conf);
/* Neither these targets nor neighbours are to be expected. */
bool plan_is_idle(const struct conf *conf);
/* The options all built-in checks have in common; key, label and URL are the
 * caller's. */
void plan_fill_defaults(struct target_spec *spec, const struct conf *conf);
/* The n-th of count targets starts after this, so that they are spread. */
uint64_t plan_stagger_ns(const struct conf *conf, size_t index, size_t count);
/* The built-in check of this type has no target, or is off. */
bool plan_skips(const struct conf *conf, enum worker_type type);

#endif
