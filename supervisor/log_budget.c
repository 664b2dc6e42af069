/* SPDX-License-Identifier: Apache-2.0 */
/* A budget of log lines; see log_budget.h. */
#include "supervisor/log_budget.h"

bool
log_budget_has(const struct log_budget *budget, uint64_t now_ns)
{
	return budget->full_mono_ns <=
	       now_ns + (LOG_BUDGET_LINES - 1) * LOG_BUDGET_LINE_NS;
}

bool
log_budget_take(struct log_budget *budget, uint64_t now_ns)
{
	/* how many were suppressed comes first, or a flood would never let
	 * it be said */
	if (budget->suppressed_count > 0 || !log_budget_has(budget, now_ns)) {
		budget->suppressed_count++;
		return false;
	}
	if (budget->full_mono_ns < now_ns)
		budget->full_mono_ns = now_ns;
	budget->full_mono_ns += LOG_BUDGET_LINE_NS;
	return true;
}

void
log_budget_tell(
	struct log_budget *budget, uint64_t now_ns, struct log_field source)
{
	uint64_t count = budget->suppressed_count;

	if (count == 0 || !log_budget_has(budget, now_ns))
		return;
	budget->suppressed_count = 0;
	log_budget_take(budget, now_ns);
	LOG_WARN("log lines were suppressed: too many of them", source,
		LOG_INT("lines", count));
}
