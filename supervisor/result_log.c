/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of results in the log; see result_log.h. */
#include "supervisor/result_log.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/url.h"

#include <string.h>

/* With user part and query hidden; what does not parse holds who knows what. */
static const char *
loggable_url(const struct target *target, char text[URL_TEXT_BYTES])
{
	struct url url;
	const char *error;

	if (url_parse(&url, target->spec.url, &error) < 0)
		return "(not a URL)";
	return url_format(&url, true, text);
}

/* No number tells NXDOMAIN from SERVFAIL, nor expired from self-signed. */
static bool
is_told_by_text(const struct wire_sample *sample)
{
	return sample->outcome == OUTCOME_DNS_FAILED ||
	       sample->outcome == OUTCOME_TLS_FAILED;
}

static bool
is_as_before(const struct target *target, const struct wire_sample *sample)
{
	return target->has_result && target->outcome == sample->outcome &&
	       target->http_status == sample->http_status &&
	       target->sys_errno == sample->sys_errno &&
	       (!is_told_by_text(sample) ||
		       strcmp(target->detail, sample->detail) == 0);
}

/*
 * A line about this target may be written.  Those that may not are counted, and
 * the next one says how many they were.
 */
static bool
take_line(struct log_budget *budget, struct target *target)
{
	uint64_t now_ns = clock_mono_ns();

	if (!log_budget_has(&target->log_budget, &log_limit_target, now_ns) ||
		!log_budget_take(budget, now_ns)) {
		target->log_budget.suppressed_count++;
		return false;
	}
	log_budget_use(&target->log_budget, &log_limit_target, now_ns);
	return true;
}

/* Ends the list of a line's fields where nothing was left out. */
static struct log_field
left_out(struct target *target)
{
	uint64_t count = target->log_budget.suppressed_count;

	target->log_budget.suppressed_count = 0;
	return count > 0 ? LOG_INT("left_out", count)
			 : (struct log_field){ NULL, NULL, 0 };
}

static void
log_ok(struct target *target)
{
	char url[URL_TEXT_BYTES];

	LOG_INFO("check is ok again", LOG_STR("type", target->spec.label),
		LOG_STR("url", loggable_url(target, url)),
		LOG_INT("failed_ms", clock_since_ns(clock_mono_ns(),
					     target->failing_since_mono_ns) /
					     NS_PER_MS),
		LOG_INT("failed_checks", target->failed_count),
		left_out(target));
}

static void
log_failure(struct target *target, const struct wire_sample *sample)
{
	char url[URL_TEXT_BYTES];

	LOG_WARN("check failed", LOG_STR("type", target->spec.label),
		LOG_STR("url", loggable_url(target, url)),
		LOG_STR("outcome", outcome_name(sample->outcome)),
		LOG_STR("error", sample->detail), left_out(target));
}

/* For how long it fails, and how often it has; kept when it is ok again. */
static void
count_failure(struct target *target)
{
	if (!target->has_result || target->outcome == OUTCOME_OK) {
		target->failing_since_mono_ns = clock_mono_ns();
		target->failed_count = 0;
	}
	target->failed_count++;
}

void
result_log_change(struct log_budget *budget, struct target *target,
	const struct wire_sample *sample)
{
	/* a change that was left out is told as soon as there is room */
	bool is_due = log_budget_has(&target->log_budget, &log_limit_target,
			      clock_mono_ns()) &&
		      target->log_budget.suppressed_count > 0;
	bool is_ok = sample->outcome == OUTCOME_OK;

	if (!is_ok)
		count_failure(target);
	if (is_as_before(target, sample) && !is_due)
		return;
	if (is_ok && !target->has_result) {
		LOG_DEBUG("check is ok", LOG_STR("type", target->spec.label));
		return;
	}
	if (!take_line(budget, target))
		return;
	if (is_ok)
		log_ok(target);
	else
		log_failure(target, sample);
}

void
result_log_warning(
	struct log_budget *budget, struct target *target, const char *warning)
{
	if (!take_line(budget, target))
		return;
	if (warning == NULL)
		LOG_INFO("all DNS queries of a check are answered again",
			LOG_STR("type", target->spec.label), left_out(target));
	else
		LOG_WARN("a DNS query of a check is not answered, and "
			 "applications wait for it",
			LOG_STR("type", target->spec.label),
			LOG_STR("error", warning), left_out(target));
}
