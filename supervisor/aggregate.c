/* SPDX-License-Identifier: Apache-2.0 */
/* From samples to series and results; see aggregate.h. */
#include "supervisor/aggregate.h"

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/metric_families.h"
#include "supervisor/result_log.h"
#include "supervisor/series_budget.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARNING_BYTES (WIRE_DETAIL_BYTES + 96)
#define US_TO_NS(us)  ((uint64_t)(us)*1000)

/* The series in *place, looked up when it is not there yet.  The target's
 * worker type pays for it. */
static struct series *
series_at(struct aggregate *aggregate, const struct target *target,
	struct series **place, enum metric_id metric, const char *first,
	const char *second)
{
	const char *const values[] = { first, second };

	if (*place == NULL)
		*place = registry_get_for(aggregate->registry,
			series_budget_account(target->type), metric, values);
	return *place;
}

/* New histograms put all neighbours together: series are what users pay for. */
static const char *
wide_label(const struct aggregate *aggregate, const struct target *target)
{
	if (target->type == WORKER_PATH && !aggregate->neighbour_detail)
		return "path";
	return target->spec.label;
}

static uint16_t
code_of(const struct wire_sample *sample)
{
	return sample->has_status ? sample->http_status : TARGET_NO_RESPONSE;
}

static void
format_code(uint16_t code, char *text, size_t cap_bytes)
{
	if (code == TARGET_NO_RESPONSE)
		snprintf(text, cap_bytes, "round_trip_error");
	else
		snprintf(text, cap_bytes, "%u", code);
}

/* A place for this code; the last one serves all that come too many. */
static struct target_series_code *
code_place(struct target_series *series, uint16_t code)
{
	struct target_series_code *place = series->codes;
	struct target_series_code *last =
		&series->codes[TARGET_SERIES_CODES - 1];

	while (place < last && place->requests != NULL && place->code != code)
		place++;
	if (place->requests != NULL && place->code != code) {
		uint64_t now_ns = clock_mono_ns();

		registry_put(place->requests, now_ns);
		registry_put(place->errors, now_ns);
		memset(place, 0, sizeof(*place));
	}
	place->code = code;
	return place;
}

static void
count_request(struct aggregate *aggregate, struct target *target,
	const struct wire_sample *sample)
{
	struct target_series_code *place =
		code_place(&target->series, code_of(sample));
	char code[24] = "";

	if (place->requests == NULL) /* else it has its name */
		format_code(code_of(sample), code, sizeof(code));
	series_add(series_at(aggregate, target, &place->requests,
			   METRIC_HTTPCLIENT_REQUESTS_TOTAL, target->spec.label,
			   code),
		1);
	if (sample->has_status)
		series_observe(series_at(aggregate, target,
				       &target->series.request_duration,
				       METRIC_HTTPCLIENT_REQUEST_DURATION,
				       target->spec.label, NULL),
			sample->response_ns);
}

static void
count_trace(struct aggregate *aggregate, struct target *target,
	const struct wire_sample *sample)
{
	for (unsigned i = 0; i < EVENT_COUNT; i++)
		if ((sample->events >> i & 1) != 0)
			series_observe(
				series_at(aggregate, target,
					&target->series.trace[i],
					METRIC_HTTPCLIENT_TRACE_REQUEST_DURATION,
					target->spec.label, event_name(i)),
				sample->event_ns[i]);
}

static void
count_phases(struct aggregate *aggregate, struct target *target,
	const struct wire_sample *sample)
{
	for (unsigned i = 0; i < PHASE_COUNT; i++)
		if ((sample->phases >> i & 1) != 0)
			series_observe(series_at(aggregate, target,
					       &target->series.phases[i],
					       METRIC_PHASE_DURATION,
					       wide_label(aggregate, target),
					       phase_name(i)),
				sample->phase_ns[i]);
}

static void
count_tcp(struct aggregate *aggregate, struct target *target,
	const struct wire_sample *sample)
{
	struct target_series *series = &target->series;

	if (sample->rtt_us > 0)
		series_observe(series_at(aggregate, target, &series->tcp_rtt,
				       METRIC_TCP_RTT,
				       wide_label(aggregate, target), NULL),
			US_TO_NS(sample->rtt_us));
	if (sample->retransmits_syn > 0)
		series_add(series_at(aggregate, target, &series->retransmits[0],
				   METRIC_TCP_RETRANSMITS_TOTAL,
				   target->spec.label, "syn"),
			sample->retransmits_syn);
	if (sample->retransmits_data > 0)
		series_add(series_at(aggregate, target, &series->retransmits[1],
				   METRIC_TCP_RETRANSMITS_TOTAL,
				   target->spec.label, "data"),
			sample->retransmits_data);
}

static void
count_error(struct aggregate *aggregate, struct target *target,
	enum target_error error, const char *event)
{
	series_add(series_at(aggregate, target, &target->series.errors[error],
			   METRIC_ERRORS_TOTAL, target->spec.label, event),
		1);
}

static void
count_status_error(struct aggregate *aggregate, struct target *target,
	uint16_t http_status)
{
	struct target_series_code *place =
		code_place(&target->series, http_status);
	char event[32];

	snprintf(event, sizeof(event), "status_code_%u", http_status);
	series_add(series_at(aggregate, target, &place->errors,
			   METRIC_ERRORS_TOTAL, target->spec.label, event),
		1);
}

static void
count_success(struct aggregate *aggregate, struct target *target)
{
	series_set(series_at(aggregate, target, &target->series.last_success,
			   METRIC_CHECK_LAST_SUCCESS, target->spec.label, NULL),
		(double)clock_unix_ns() / (double)NS_PER_S);
}

/* Exactly one error per failed check, in the phase where it failed. */
static void
count_outcome(struct aggregate *aggregate, struct target *target,
	const struct wire_sample *sample)
{
	switch ((enum outcome)sample->outcome) {
	case OUTCOME_OK:
		count_success(aggregate, target);
		break;
	case OUTCOME_STATUS:
		count_status_error(aggregate, target, sample->http_status);
		break;
	case OUTCOME_DNS_FAILED:
		count_error(aggregate, target, TARGET_ERROR_DNS,
			event_name(EVENT_DNS_DONE));
		break;
	case OUTCOME_CONNECT_FAILED:
		count_error(aggregate, target, TARGET_ERROR_CONNECT,
			event_name(EVENT_CONNECT_DONE));
		break;
	case OUTCOME_TLS_FAILED:
		count_error(aggregate, target, TARGET_ERROR_TLS,
			event_name(EVENT_TLS_HANDSHAKE_DONE));
		break;
	case OUTCOME_WRITE_FAILED:
		count_error(aggregate, target, TARGET_ERROR_WRITE,
			event_name(EVENT_WROTE_REQUEST));
		break;
	case OUTCOME_ROUND_TRIP_FAILED:
		count_error(aggregate, target, TARGET_ERROR_ROUND_TRIP,
			"round_trip_error");
		break;
	case OUTCOME_REDIRECT:
	case OUTCOME_CANCELLED:
	case OUTCOME_COUNT:
		break;
	}
}

static void
keep_result(struct aggregate *aggregate, struct target *target,
	const struct wire_sample *sample)
{
	result_log_change(
		&aggregate->log_budgets[target->type], target, sample);
	target->has_result = true;
	/* it may have been read some time later */
	target->ended_unix_ns =
		clock_unix_ns() -
		clock_since_ns(clock_mono_ns(),
			sample->started_mono_ns + sample->duration_ns);
	target->outcome = sample->outcome;
	target->http_status = sample->http_status;
	target->sys_errno = sample->sys_errno;
	memcpy(target->detail, sample->detail, sizeof(target->detail));
}

/*
 * A chain that no longer holds leaves the last one's date, so that the alarm
 * about its end goes on after it.
 */
static void
count_expiry(struct aggregate *aggregate, struct target *target,
	const struct wire_sample *sample)
{
	if (sample->cert_not_after_unix_s != 0)
		series_set(series_at(aggregate, target,
				   &target->series.certificate_expiry,
				   METRIC_TLS_CERTIFICATE_EXPIRY,
				   target->spec.label, NULL),
			(double)sample->cert_not_after_unix_s);
	if (sample->chain_not_after_unix_s != 0)
		series_set(series_at(aggregate, target,
				   &target->series.chain_expiry,
				   METRIC_TLS_CHAIN_EXPIRY, target->spec.label,
				   NULL),
			(double)sample->chain_not_after_unix_s);
}

static void
count_check(struct aggregate *aggregate, struct target *target,
	const struct wire_sample *sample)
{
	bool ok = sample->outcome == OUTCOME_OK;

	count_outcome(aggregate, target, sample);
	series_observe(
		series_at(aggregate, target,
			&target->series.check_duration[ok ? 0 : 1],
			METRIC_CHECK_DURATION, wide_label(aggregate, target),
			ok ? "ok" : "error"),
		sample->check_duration_ns);
	count_expiry(aggregate, target, sample);
	keep_result(aggregate, target, sample);
}

static void
clear_warning(struct aggregate *aggregate, struct target *target)
{
	bool is_new = target->warning != NULL;

	free(target->warning);
	target->warning = NULL;
	result_log_warning(
		&aggregate->log_budgets[target->type], target, NULL, is_new);
}

/*
 * A warning of DNS ends with a check for which all was answered in time, and
 * which began after it: a query of an earlier one may take long to fail.
 */
static void
note_dns(struct aggregate *aggregate, struct target *target,
	const struct wire_sample *sample)
{
	if (sample->hop == 0)
		target->asked_dns = target->missed_dns = false;
	if ((sample->events >> EVENT_DNS_START & 1) != 0) {
		target->asked_dns = true;
		target->missed_dns |= sample->dns_answered == 0;
	}
	if (sample->last && target->asked_dns && !target->missed_dns &&
		sample->started_mono_ns > target->warned_mono_ns)
		clear_warning(aggregate, target);
}

void
aggregate_sample(struct aggregate *aggregate, struct target *target,
	const struct wire_sample *sample)
{
	if (sample->outcome == OUTCOME_CANCELLED)
		return;
	count_request(aggregate, target, sample);
	count_trace(aggregate, target, sample);
	count_phases(aggregate, target, sample);
	count_tcp(aggregate, target, sample);
	note_dns(aggregate, target, sample);
	if (sample->last)
		count_check(aggregate, target, sample);
}

void
aggregate_tell_suppressed(struct aggregate *aggregate, uint64_t now_ns)
{
	for (unsigned i = 0; i < WORKER_TYPE_COUNT; i++)
		log_budget_tell(&aggregate->log_budgets[i], now_ns,
			LOG_STR("type", worker_type_name(i)));
}

static struct target_series_nameserver *
nameserver_place(struct target_series *series, const char *name)
{
	struct target_series_nameserver *place = series->nameservers;
	struct target_series_nameserver *last =
		&series->nameservers[TARGET_SERIES_NAMESERVERS - 1];

	while (place < last && place->name[0] != '\0' &&
		strcmp(place->name, name) != 0)
		place++;
	if (strcmp(place->name, name) != 0 && place->name[0] != '\0') {
		uint64_t now_ns = clock_mono_ns();

		registry_put(place->duration, now_ns);
		for (unsigned i = 0; i < DNS_RESULT_COUNT; i++)
			registry_put(place->errors[i], now_ns);
		memset(place, 0, sizeof(*place));
	}
	snprintf(place->name, sizeof(place->name), "%s", name);
	return place;
}

void
aggregate_dns(struct aggregate *aggregate, struct target *target,
	const struct wire_dns *dns)
{
	struct target_series_nameserver *place =
		nameserver_place(&target->series, dns->nameserver);
	const char *reason = dns_result_name(dns->result);
	const char *const error_labels[] = { target->spec.label,
		dns->nameserver, reason };
	struct series **error = &place->errors[dns->result];
	bool answered = dns->result == DNS_OK || dns->result == DNS_NXDOMAIN ||
			dns->result == DNS_SERVFAIL ||
			dns->result == DNS_REFUSED ||
			dns->result == DNS_FORMERR || dns->result == DNS_NOTIMP;

	if (answered)
		series_observe(
			series_at(aggregate, target, &place->duration,
				METRIC_DNS_QUERY_DURATION,
				wide_label(aggregate, target), dns->nameserver),
			dns->duration_ns);
	if (dns->result == DNS_OK)
		return;
	if (*error == NULL)
		*error = registry_get_for(aggregate->registry,
			series_budget_account(target->type),
			METRIC_DNS_ERRORS_TOTAL, error_labels);
	series_add(*error, 1);
}

/* A refusal that comes at once costs applications no time. */
static void
format_warning(const struct wire_dns_late *late, char text[WARNING_BYTES])
{
	bool hangs = !late->ended || late->waited_ns >= NS_PER_S / 10;
	size_t len = (size_t)snprintf(text, WARNING_BYTES, "%s", late->detail);

	if (hangs)
		snprintf(text + len, WARNING_BYTES - len,
			"; an application that waits for A and AAAA hangs for "
			"%.1f s%s",
			(double)late->waited_ns / (double)NS_PER_S,
			late->ended ? "" : " or longer");
}

void
aggregate_dns_late(struct aggregate *aggregate, struct target *target,
	const struct wire_dns_late *late)
{
	char text[WARNING_BYTES];
	bool is_new = target->warning == NULL;

	if (late->ended)
		series_observe(
			series_at(aggregate, target, &target->series.dns_wait,
				METRIC_DNS_LATE_DURATION,
				wide_label(aggregate, target), NULL),
			late->waited_ns);
	if (!late->failed)
		return;
	target->warned_mono_ns = clock_mono_ns();
	format_warning(late, text);
	/* the first try of the next check knows less than what has ended */
	if (is_new || late->ended) {
		free(target->warning);
		target->warning = strdup(text);
	}
	result_log_warning(
		&aggregate->log_budgets[target->type], target, text, is_new);
}
