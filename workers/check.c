/* SPDX-License-Identifier: Apache-2.0 */
/* One check: its hops, its budget, its result; see check.h. */
#include "workers/check.h"

#include "common/clock.h"
#include "workers/hop_dial.h"
#include "workers/prober.h"
#include "workers/redirect.h"
#include "workers/target.h"
#include "workers/worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

_Static_assert(REDIRECT_MAX_REQUESTS <= WIRE_HOPS_MAX, "every hop can be told");

static void next_hop(struct check *check, uint64_t start_ns);

static uint64_t
held_ns(const struct check *check)
{
	return loop_held_ns(check->target->worker->loop);
}

static void
arm_deadline(struct check *check, uint64_t due_ns)
{
	check->deadline_held_ns = held_ns(check);
	loop_timer_start(check->target->worker->loop, &check->deadline, due_ns);
}

static void
disarm_deadline(struct check *check)
{
	loop_timer_stop(check->target->worker->loop, &check->deadline);
}

static uint64_t
end_of_budget_ns(const struct check *check)
{
	return check->started_ns + check->target->timeout_ns + held_ns(check) -
	       check->started_held_ns;
}

/*
 * The limit of DNS and connect is as long as the default timeout of libc's
 * resolver (resolv.conf(5): 5 s).  A nameserver that is silent must not keep
 * the next one from being asked, as every application asks it: a lookup that
 * still has one has until the check's end.
 */
static void
on_deadline(struct loop_timer *timer)
{
	struct check *check = LOOP_OWNER(timer, struct check, deadline);
	uint64_t since_ns = held_ns(check) - check->deadline_held_ns;

	/* the time in which this process was held is not the server's fault */
	if (since_ns > 0)
		arm_deadline(check, timer->due_mono_ns + since_ns);
	else if (hop_dial_has_other_server(&check->hop) &&
		 timer->due_mono_ns < end_of_budget_ns(check))
		arm_deadline(check, end_of_budget_ns(check));
	else
		hop_expire(&check->hop);
}

static void
arm_dial(struct check *check, uint64_t start_ns)
{
	uint64_t dial_ns = start_ns + check->target->dial_timeout_ns +
			   held_ns(check) - check->started_held_ns;
	uint64_t end_ns = end_of_budget_ns(check);

	arm_deadline(check, dial_ns < end_ns ? dial_ns : end_ns);
}

static void
on_redial(struct hop *hop)
{
	arm_dial(LOOP_OWNER(hop, struct check, hop), clock_mono_ns());
}

static void
on_connected(struct hop *hop)
{
	struct check *check = LOOP_OWNER(hop, struct check, hop);

	arm_deadline(check, end_of_budget_ns(check));
}

/*
 * The records of all hops, the redirects that were followed first.  When the
 * pipe has no room for one the whole check is lost: a part of it would be
 * missing in sums that must be equal.
 */
static void
emit(struct check *check)
{
	struct worker *worker = check->target->worker;
	struct wire_record record;

	for (unsigned i = 0; i + 1U < check->hop_count; i++) {
		wire_init(&record, WIRE_SAMPLE, worker->gen);
		record.body.sample = check->passed[i];
		if (worker_try_emit(worker, &record) == -EAGAIN) {
			worker->records_dropped++;
			return;
		}
	}
	worker_emit(worker, &check->hop.record);
}

static const struct wire_sample *
first_hop(const struct check *check)
{
	return check->hop_count > 1 ? &check->passed[0]
				    : &check->hop.record.body.sample;
}

/* The last hop is over: the result, and the time of the next check. */
static void
end(struct check *check, uint64_t end_ns)
{
	struct wire_sample *sample = &check->hop.record.body.sample;

	sample->last = 1;
	sample->check_duration_ns = end_ns - first_hop(check)->started_mono_ns;
	check->running = false;
	disarm_deadline(check);
	if (sample->outcome == OUTCOME_CANCELLED) {
		worker_emit(check->target->worker, &check->hop.record);
	} else {
		emit(check);
		target_schedule(check->target);
	}
	prober_check_ended(check->target->worker);
}

static void
fail_redirect(struct wire_sample *sample, const char *text)
{
	sample->outcome = OUTCOME_ROUND_TRIP_FAILED;
	wire_set_text(sample->detail, sizeof(sample->detail), text);
}

/*
 * What ends the redirects, and where.  Of a host that the configuration does
 * not name the path is not shown: it may be meant for others.
 */
static void
fail_following(struct check *check, enum redirect redirect)
{
	char text[URL_TEXT_BYTES + WIRE_DETAIL_BYTES]; /* is cut */
	char where[URL_TEXT_BYTES];
	struct url url = check->url;

	if (!redirect_same_host(&check->target->url, &url))
		strcpy(url.target, "/");
	snprintf(text, sizeof(text), "%s, at %s", redirect_error(redirect),
		url_format(&url, true, where));
	fail_redirect(&check->hop.record.body.sample, text);
}

/* Where the Location leads.  False: nowhere, the check has failed. */
static bool
read_location(struct check *check, struct url *ret_url)
{
	struct wire_sample *sample = &check->hop.record.body.sample;
	char text[2 * WIRE_DETAIL_BYTES]; /* is cut when it is set */
	const char *error;
	int rc = url_resolve(&check->url, check->hop.response.fields.location,
		ret_url, &error);

	if (rc == -EPROTONOSUPPORT) { /* a request, but one that cannot be */
		*ret_url = check->url;
		check->refusal = "bad Location: the scheme is neither http "
				 "nor https";
		return true;
	}
	if (rc < 0) {
		snprintf(text, sizeof(text), "bad Location: %s", error);
		fail_redirect(sample, text);
		return false;
	}
	if (!check->target->worker->kind->leaves_host &&
		!redirect_same_host(&check->target->url, ret_url)) {
		snprintf(text, sizeof(text),
			"redirect to another host is not followed: %s",
			ret_url->host);
		fail_redirect(sample, text);
		return false;
	}
	return true;
}

/* Prepares the next hop.  False: this one was the last, judged here. */
static bool
follow(struct check *check)
{
	struct hop *hop = &check->hop;
	struct wire_sample *sample = &hop->record.body.sample;
	struct url url;
	enum redirect redirect = REDIRECT_NONE;

	if (check->target->follow_redirects)
		redirect = redirect_decide(hop->response.status,
			hop->response.fields.location,
			hop->response.fields.location_too_long,
			check->hop_count);
	if (redirect == REDIRECT_NONE)
		return false;
	if (redirect != REDIRECT_FOLLOW) {
		fail_following(check, redirect);
		return false;
	}
	if (!read_location(check, &url))
		return false;
	redirect_stay(&check->target->url, check->target->server_name, &url);
	if (!redirect_same_origin(&check->target->url, &url))
		check->may_authorize = false;
	redirect_drop_user(&check->url, &url);
	check->method = redirect_method(hop->response.status, check->method);
	check->referer = check->url;
	check->referer_name = check->server_name;
	check->has_referrer_address = hop->has_origin_address;
	check->referrer_address = hop->origin_address;
	check->url = url;
	sample->outcome = OUTCOME_REDIRECT;
	return true;
}

/*
 * /alive shows what a server says.  Of one that the configuration does not name
 * it shows the number only: the text may be meant for others.
 */
static void
hide_phrase(struct check *check)
{
	struct wire_sample *sample = &check->hop.record.body.sample;

	if (!redirect_same_host(&check->target->url, &check->url))
		snprintf(sample->detail, sizeof(sample->detail), "%03u",
			sample->http_status);
}

static void
on_done(struct hop *hop)
{
	struct check *check = LOOP_OWNER(hop, struct check, hop);
	struct wire_sample *sample = &hop->record.body.sample;
	uint64_t end_ns = sample->started_mono_ns + sample->duration_ns;

	sample->hop = (uint8_t)(check->hop_count - 1);
	if (check->hop_count == 1)
		sample->lateness_ns = check->lateness_ns;
	if (sample->outcome == OUTCOME_OK) {
		if (target_expects(check->target, sample->http_status)) {
			wire_set_text(
				sample->detail, sizeof(sample->detail), "ok");
		} else if (follow(check)) {
			check->passed[sample->hop] = *sample;
			hop_close(hop);
			next_hop(check, end_ns);
			return;
		} else if (sample->outcome == OUTCOME_OK) {
			sample->outcome = OUTCOME_STATUS;
			hide_phrase(check);
		}
	}
	end(check, end_ns);
}

/* The target's own name belongs to its scheme, host and port. */
static const char *
server_name(const struct check *check)
{
	const struct target *target = check->target;

	return target->server_name[0] != '\0' &&
			       redirect_same_origin(&target->url, &check->url)
		       ? target->server_name
		       : NULL;
}

/* start_ns: 0 for the first. */
static void
next_hop(struct check *check, uint64_t start_ns)
{
	struct hop_request request;

	check->server_name = server_name(check);
	request = (struct hop_request){
		.target = check->target,
		.url = &check->url,
		.server_name = check->server_name,
		.referer_name = check->referer_name,
		.referer = check->hop_count > 0 ? &check->referer : NULL,
		.referrer_address = check->has_referrer_address
					    ? &check->referrer_address
					    : NULL,
		.method = check->method,
		.may_authorize = check->may_authorize,
	};

	check->hop_count++;
	arm_dial(check, start_ns != 0 ? start_ns : check->started_ns);
	if (check->refusal != NULL)
		hop_refuse(&check->hop, &request, start_ns, check->refusal);
	else
		hop_start(&check->hop, &request, start_ns);
}

void
check_init(struct check *check, struct target *target)
{
	memset(check, 0, sizeof(*check));
	check->target = target;
	loop_timer_init(&check->deadline, on_deadline);
	hop_init(&check->hop, on_done, on_connected);
	check->hop.on_redial = on_redial;
}

void
check_start(struct check *check, uint64_t due_ns)
{
	if (check->running)
		return;         /* the end of that one sets the timer again */
	hop_close(&check->hop); /* what lingers of the check before */
	check->running = true;
	check->started_ns = clock_mono_ns();
	check->started_held_ns = held_ns(check);
	check->lateness_ns = clock_since_ns(check->started_ns, due_ns);
	check->hop_count = 0;
	check->may_authorize = true;
	check->has_referrer_address = false;
	check->referer_name = NULL;
	check->method = check->target->method;
	check->url = check->target->url;
	check->refusal = check->target->url_error;
	prober_check_started(check->target->worker);
	next_hop(check, 0);
}

void
check_cancel(struct check *check)
{
	struct wire_sample *sample = &check->hop.record.body.sample;

	disarm_deadline(check);
	if (!check->running) {
		hop_close(&check->hop);
		return;
	}
	hop_cancel(&check->hop);
	sample->hop = (uint8_t)(check->hop_count - 1);
	end(check, sample->started_mono_ns + sample->duration_ns);
}
