/* SPDX-License-Identifier: Apache-2.0 */
/* Budgets of series; see series_budget.h. */
#include "supervisor/series_budget.h"

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/metric_families.h"
#include "supervisor/neighbours.h"
#include "supervisor/target_series.h"

#include <string.h>

_Static_assert(REGISTRY_ACCOUNTS == 1 + WORKER_TYPE_COUNT,
	"one account for each type, and the program's own");

/* A refusal after so long without one is news again. */
#define QUIET_NS (600 * NS_PER_S)
/* Status codes of one target, and as many errors. */
#define CODES 8
/* A key without its `type`: the family's longest name and its other labels. */
#define KEY_REST_BYTES 128

struct part {
	enum metric_id id;
	size_t count;
};

/* What aggregate.c counts of one target. */
static const struct part parts[] = {
	{ METRIC_HTTPCLIENT_REQUESTS_TOTAL, CODES },
	{ METRIC_HTTPCLIENT_REQUEST_DURATION, 1 },
	{ METRIC_HTTPCLIENT_TRACE_REQUEST_DURATION, EVENT_COUNT },
	{ METRIC_ERRORS_TOTAL, CODES },
	{ METRIC_PHASE_DURATION, PHASE_COUNT },
	{ METRIC_CHECK_DURATION, 2 },
	{ METRIC_TCP_RTT, 1 },
	{ METRIC_TCP_RETRANSMITS_TOTAL, 2 },
	{ METRIC_TLS_CERTIFICATE_EXPIRY, 1 },
	{ METRIC_TLS_CHAIN_EXPIRY, 1 },
	{ METRIC_CHECK_LAST_SUCCESS, 1 },
	{ METRIC_DNS_QUERY_DURATION, TARGET_SERIES_NAMESERVERS },
	{ METRIC_DNS_ERRORS_TOTAL,
		(DNS_RESULT_COUNT - 1) * TARGET_SERIES_NAMESERVERS },
	{ METRIC_DNS_LATE_DURATION, 1 },
};

static struct registry_budget
budget_of_targets(const struct registry *registry, size_t n_targets)
{
	struct registry_budget budget = { 0, 0 };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		size_t lines = registry_lines_of(registry, parts[i].id);

		budget.max_lines += n_targets * parts[i].count * lines;
		budget.max_series += n_targets * parts[i].count;
	}
	return budget;
}

/* Long names make long lines; those of the configuration are meant. */
static size_t
count_extra(const struct conf *conf)
{
	size_t n_targets = 0;

	for (size_t i = 0; i < conf->checks.n_checks; i++)
		n_targets += 1 + (strlen(conf->checks.checks[i].name) +
					 KEY_REST_BYTES) /
					 REGISTRY_LINE_KEY_BYTES;
	return n_targets;
}

static size_t
count_targets(const struct conf *conf, enum worker_type type)
{
	switch (type) {
	case WORKER_API_SERVER_DIRECT:
	case WORKER_API_SERVER_DNS:
	case WORKER_ME_INGRESS:
	case WORKER_ME_SERVICE:
		return SERIES_BUDGET_BUILT_IN_TARGETS;
	case WORKER_PATH:
		return neighbours_limit(conf) + SERIES_BUDGET_SPARE_TARGETS;
	case WORKER_EXTRA:
		return count_extra(conf) + SERIES_BUDGET_SPARE_TARGETS;
	case WORKER_DISCOVERY:
	case WORKER_TYPE_COUNT:
		break;
	}
	return 0;
}

static struct registry_budget
budget_of_type(const struct registry *registry, const struct conf *conf,
	enum worker_type type)
{
	struct registry_budget budget =
		budget_of_targets(registry, count_targets(conf, type));

	if (type != WORKER_PATH)
		return budget;
	if (budget.max_lines > SERIES_BUDGET_PATH_LINES)
		budget.max_lines = SERIES_BUDGET_PATH_LINES;
	if (budget.max_series > SERIES_BUDGET_PATH_SERIES)
		budget.max_series = SERIES_BUDGET_PATH_SERIES;
	return budget;
}

void
series_budget_init(struct series_budget *budget, struct registry *registry)
{
	const struct registry_budget own = { SERIES_BUDGET_OWN,
		SERIES_BUDGET_OWN };

	memset(budget, 0, sizeof(*budget));
	budget->registry = registry;
	registry_set_budget(registry, REGISTRY_OWN, &own);
}

void
series_budget_apply(struct series_budget *budget, const struct conf *conf)
{
	for (unsigned type = 0; type < WORKER_TYPE_COUNT; type++) {
		struct registry_budget of_type =
			budget_of_type(budget->registry, conf, type);

		registry_set_budget(budget->registry,
			series_budget_account(type), &of_type);
	}
}

static void
report(struct series_budget *budget, unsigned account, uint64_t count,
	uint64_t now_ns)
{
	const char *worker = account == REGISTRY_OWN
				     ? "supervisor"
				     : worker_type_name(account - 1);

	if (budget->refused[account] == NULL)
		budget->refused[account] = registry_get(
			budget->registry, METRIC_SERIES_REFUSED_TOTAL, &worker);
	series_raise(budget->refused[account], count);
	budget->refused_counts[account] = count;
	budget->refused_mono_ns[account] = now_ns;
	if (!budget->said[account])
		LOG_WARN("/metrics is not complete: this worker has as many "
			 "series as it may have",
			LOG_STR("worker", worker));
	budget->said[account] = true;
}

void
series_budget_report(struct series_budget *budget, uint64_t now_mono_ns)
{
	for (unsigned i = 0; i < REGISTRY_ACCOUNTS; i++) {
		uint64_t count = registry_refused_count(budget->registry, i);

		if (count > budget->refused_counts[i])
			report(budget, i, count, now_mono_ns);
		else if (clock_since_ns(now_mono_ns,
				 budget->refused_mono_ns[i]) >= QUIET_NS)
			budget->said[i] = false;
	}
}
