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

	if (url_parse_check(&url, target->spec.url, &error) < 0)
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

/* A change was left out, and there is room to say how it is now. */
static bool
is_due(const struct log_budget *budget, const struct log_budget *own)
{
	uint64_t now_ns = clock_mono_ns();

	return own->suppressed_count > 0 && budget->suppressed_count == 0 &&
	       log_budget_has(own, &log_limit_target, now_ns) &&
	       log_budget_has(budget, &log_limit_source, now_ns);
}

/*
 * A line about this target may be written.  Those that may not are counted, and
 * the next one says how many they were.
 */
static bool
take_line(struct log_budget *budget, struct log_budget *own)
{
	uint64_t now_ns = clock_mono_ns();

	if (!log_budget_has(own, &log_limit_target, now_ns) ||
		!log_budget_take(budget, now_ns)) {
		own->suppressed_count++;
		return false;
	}
	log_budget_use(own, &log_limit_target, now_ns);
	return true;
}

/* Ends the list of a line's fields where nothing was left out. */
static struct log_field
left_out(struct log_budget *own)
{
	uint64_t count = own->suppressed_count;

	own->suppressed_count = 0;
	return count > 0 ? LOG_INT("left_out", count)
			 : (struct log_field){ NULL, NULL, 0 };
}

static void
log_ok(struct target *target)
{
	char url[URL_TEXT_BYTES];

	LOG_INFO("check is ok again", LOG_STR("type", target->spec.label),
		LOG_STR("url", loggable_url(target, url)),
		LOG_INT("failed_ms", target->failed_ns / NS_PER_MS),
		LOG_INT("failed_checks", target->failed_count),
		left_out(&target->log_budget));
}

static void
log_failure(struct target *target, const struct wire_sample *sample)
{
	char url[URL_TEXT_BYTES];

	LOG_WARN("check failed", LOG_STR("type", target->spec.label),
		LOG_STR("url", loggable_url(target, url)),
		LOG_STR("outcome", outcome_name(sample->outcome)),
		LOG_STR("error", sample->detail),
		left_out(&target->log_budget));
}

/* For how long it fails, and how often it has; kept when it is ok again. */
static void
count_failure(struct target *target, bool is_ok)
{
	bool was_ok = !target->has_result || target->outcome == OUTCOME_OK;
	uint64_t now_ns = clock_mono_ns();

	if (is_ok && !was_ok)
		target->failed_ns =
			clock_since_ns(now_ns, target->failing_since_mono_ns);
	if (is_ok)
		return;
	if (was_ok) {
		target->failing_since_mono_ns = now_ns;
		target->failed_count = 0;
	}
	target->failed_count++;
}

void
result_log_change(struct log_budget *budget, struct target *target,
	const struct wire_sample *sample)
{
	bool is_ok = sample->outcome == OUTCOME_OK;

	count_failure(target, is_ok);
	if (is_as_before(target, sample) &&
		!is_due(budget, &target->log_budget))
		return;
	if (is_ok && !target->has_result) {
		LOG_DEBUG("check is ok", LOG_STR("type", target->spec.label));
		return;
	}
	if (!take_line(budget, &target->log_budget))
		return;
	if (is_ok)
		log_ok(target);
	else
		log_failure(target, sample);
}

void
result_log_warning(struct log_budget *budget, struct target *target,
	const char *warning, bool is_new)
{
	struct log_budget *own = &target->warning_log_budget;

	if ((!is_new && !is_due(budget, own)) || !take_line(budget, own))
		return;
	if (warning == NULL)
		LOG_INFO("all DNS queries of a check are answered again",
			LOG_STR("type", target->spec.label), left_out(own));
	else
		LOG_WARN("a DNS query of a check fails, and applications may "
			 "wait for it",
			LOG_STR("type", target->spec.label),
			LOG_STR("error", warning), left_out(own));
}
