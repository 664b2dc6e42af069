/* SPDX-License-Identifier: Apache-2.0 */
/* A budget of log lines; see log_budget.h. */
#include "supervisor/log_budget.h"

const struct log_limit log_limit_source = { LOG_BUDGET_LINES,
	LOG_BUDGET_LINE_NS };
const struct log_limit log_limit_target = { LOG_TARGET_LINES,
	LOG_TARGET_LINE_NS };

bool
log_budget_has(const struct log_budget *budget, const struct log_limit *limit,
	uint64_t now_ns)
{
	return budget->full_mono_ns <=
	       now_ns + (limit->lines - 1) * limit->line_ns;
}

void
log_budget_use(struct log_budget *budget, const struct log_limit *limit,
	uint64_t now_ns)
{
	if (budget->full_mono_ns < now_ns)
		budget->full_mono_ns = now_ns;
	budget->full_mono_ns += limit->line_ns;
}

bool
log_budget_take(struct log_budget *budget, uint64_t now_ns)
{
	/* how many were suppressed comes first, or a flood would never let
	 * it be said */
	if (budget->suppressed_count > 0 ||
		!log_budget_has(budget, &log_limit_source, now_ns)) {
		budget->suppressed_count++;
		return false;
	}
	log_budget_use(budget, &log_limit_source, now_ns);
	return true;
}

void
log_budget_tell(
	struct log_budget *budget, uint64_t now_ns, struct log_field source)
{
	uint64_t count = budget->suppressed_count;

	if (count == 0 || !log_budget_has(budget, &log_limit_source, now_ns))
		return;
	budget->suppressed_count = 0;
	log_budget_take(budget, now_ns);
	LOG_WARN("log lines were suppressed: too many of them", source,
		LOG_INT("lines", count));
}
