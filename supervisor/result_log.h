/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the log says of the results of a check: when it begins to fail, fails
 * otherwise, or is ok again, never once a round.  How often that happens the
 * checked server decides, or a worker that was taken over: so there is a limit
 * for each target (log_limit_target) and one for all of a type.
 */
#ifndef SUPERVISOR_RESULT_LOG_H
#define SUPERVISOR_RESULT_LOG_H

#include "common/wire.h"
#include "supervisor/log_budget.h"
#include "supervisor/target.h"

/* Before the result of the target becomes this one.  budget: its type's. */
void result_log_change(struct log_budget *budget, struct target *target,
	const struct wire_sample *sample);
/* There is a warning beside the result, or none: NULL.  is_new: that has just
 * changed; else only what was left out before is said. */
void result_log_warning(struct log_budget *budget, struct target *target,
	const char *warning, bool is_new);

#endif
