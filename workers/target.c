/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker checks; see target.h. */
#include "workers/target.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/strbuf.h"
#include "workers/header_file.h"
#include "workers/identity.h"
#include "workers/schedule.h"
#include "workers/tls.h"
#include "workers/tls_identity.h"
#include "workers/token.h"
#include "workers/trust.h"
#include "workers/worker.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A request's head without URL, headers and token. */
#define REQUEST_FIXED_BYTES 2048

static void
target_free(struct target *target)
{
	if (target == NULL)
		return;
	if (target->worker != NULL) {
		loop_timer_stop(target->worker->loop, &target->timer);
		check_cancel(&target->check);
		resolver_cancel_late(target->worker->resolver, target->id);
	}
	if (target->worker != NULL)
		idle_pool_forget_owner(&target->worker->idle_pool, target);
	if (target->own_trust != NULL)
		idle_pool_forget_trust(
			&target->worker->idle_pool, target->own_trust);
	tls_trust_free(target->own_trust);
	free(target->label);
	free(target->method);
	free(target->origin);
	free(target->server_name);
	if (target->headers_scratch != NULL) /* as long as the headers */
		explicit_bzero(
			target->headers_scratch, strlen(target->headers));
	free(target->headers_scratch);
	if (target->headers != NULL)
		explicit_bzero(target->headers, strlen(target->headers));
	free(target->headers);
	tls_identity_free(target->identity);
	free(target->identity_files);
	free(target->identity_error);
	free(target->ca_error);
	free(target->header_error);
	free(target->request);
	free(target);
}

/* What it says goes along with each request, and nothing of it to the log. */
static int
take_header_file(struct target *target, const struct control_target *spec,
	int fd, struct strbuf *lines)
{
	char text[PATH_MAX + 64], why[64];
	size_t n_before = 0;
	unsigned line = 0;
	const struct control_file *file = &spec->files[CONTROL_FILE_HEADERS];
	int rc = -(int)file->error;

	for (const char *p = spec->headers; *p != '\0'; p++)
		n_before += *p == '\n';
	if (rc == 0)
		rc = header_file_read(fd, n_before, lines, &line);
	if (rc == 0)
		return 0;
	if (line > 0)
		snprintf(why, sizeof(why),
			"line %u is no header that a check may send", line);
	else
		snprintf(why, sizeof(why), "%s",
			rc == -ENODATA ? "there is no header in it"
				       : strerror(-rc));
	snprintf(text, sizeof(text), "header_file %s: %s", file->path, why);
	target->header_error = strdup(text);
	target->header_errno = -rc;
	if (target->header_error == NULL)
		return -ENOMEM;
	if (file->error == 0) /* else the supervisor has said it */
		LOG_ERROR("a header file cannot be used",
			LOG_STR("type", spec->label),
			LOG_STR("error", target->header_error));
	return 0;
}

static int
take_ca(struct target *target, const struct control_target *spec, int fd)
{
	const struct control_file *file = &spec->files[CONTROL_FILE_CA];
	char text[PATH_MAX + 64] = "ca ";
	size_t len = strlen(text);

	if (file->error != 0)
		snprintf(text + len, sizeof(text) - len, "%s: %s", file->path,
			strerror((int)file->error));
	else
		target->own_trust = trust_with_file(target->worker->settings,
			file->path, fd, text + len, sizeof(text) - len);
	if (target->own_trust != NULL)
		return 0;
	target->ca_error = strdup(text);
	return target->ca_error != NULL ? 0 : -ENOMEM;
}

/* The descriptors beside the message, by their files; -1: there is none. */
static void
sort_files(const struct control_message *message, int fds[CONTROL_FILE_COUNT])
{
	unsigned next = 0;

	for (size_t i = 0; i < CONTROL_FILE_COUNT; i++)
		fds[i] = message->body.target.files[i].is_open &&
					 next < message->fd_count
				 ? message->fds[next++]
				 : -1;
}

static bool
has_file(const struct control_target *spec, const int fds[],
	enum control_file_kind kind)
{
	return fds[kind] >= 0 || spec->files[kind].error != 0;
}

static int
take_files(struct target *target, const struct control_message *message,
	struct target *old)
{
	const struct control_target *spec = &message->body.target;
	int fds[CONTROL_FILE_COUNT], rc;
	struct strbuf lines;

	sort_files(message, fds);
	rc = identity_take(target, spec, fds, old);
	strbuf_init(&lines, CONTROL_MAX_BYTES);
	strbuf_add_string(&lines, spec->headers);
	if (rc == 0 && has_file(spec, fds, CONTROL_FILE_CA))
		rc = take_ca(target, spec, fds[CONTROL_FILE_CA]);
	if (rc == 0 && has_file(spec, fds, CONTROL_FILE_HEADERS))
		rc = take_header_file(
			target, spec, fds[CONTROL_FILE_HEADERS], &lines);
	target->headers = strbuf_take(&lines);
	if (rc < 0 || target->headers == NULL)
		return -ENOMEM;
	target->headers_scratch = malloc(strlen(target->headers) + 1);
	return target->headers_scratch != NULL ? 0 : -ENOMEM;
}

static void
copy_numbers(struct target *target, const struct control_target *spec)
{
	target->id = spec->id;
	target->gen = spec->gen;
	memcpy(target->expect, spec->expect, sizeof(target->expect));
	target->expect_count = spec->expect_count;
	target->interval_ns = spec->interval_ns;
	target->timeout_ns = spec->timeout_ns;
	target->dial_timeout_ns = spec->dial_timeout_ns;
	target->tls_security_level =
		(int)spec->tls_security_level - CONTROL_TLS_LEVEL_FIRST;
	target->insecure = spec->insecure;
	target->follow_redirects = spec->follow_redirects;
	target->reuse_connections = spec->reuse_connections;
	target->phase_ns =
		schedule_phase_ns(spec->label, spec->url, spec->interval_ns);
}

/* A check at a time, and of each a connection: one that is kept, in the end. */
static int
reserve_idle(const struct target *target)
{
	size_t count = 1;

	if (!target->reuse_connections)
		return 0;
	for (const struct target *other = target->worker->targets;
		other != NULL; other = other->next)
		count += other->reuse_connections;
	return idle_pool_reserve(
		&target->worker->idle_pool, count * IDLE_POOL_PER_PLACE);
}

/* A socket of this host has no name of its own to be asked by. */
static int
name_socket(struct target *target)
{
	if (target->url.family != AF_UNIX || target->server_name[0] != '\0')
		return 0;
	free(target->server_name);
	target->server_name = strdup("localhost");
	return target->server_name != NULL ? 0 : -ENOMEM;
}

static void
parse_url(struct target *target, const char *text)
{
	const struct worker *worker = target->worker;
	int rc = worker->kind->reaches_unix
			 ? url_parse_check(
				   &target->url, text, &target->url_error)
			 : url_parse(&target->url, text, &target->url_error);

	/* the supervisor knows; opening one would end this process */
	if (rc == 0 && target->url.family == AF_UNIX && !worker->has_unix)
		target->url_error = "unix:// is not open to this process";
	else if (rc == 0)
		target->url_error = NULL;
}

/* old: the same target as it was, or NULL. */
static int
fill(struct target *target, const struct control_message *message,
	struct target *old)
{
	const struct control_target *spec = &message->body.target;
	struct worker *worker = target->worker;
	int rc;

	copy_numbers(target, spec);
	target->label = strdup(spec->label);
	target->method = strdup(spec->method);
	target->origin = strdup(spec->origin);
	target->server_name = strdup(spec->server_name);
	if (target->label == NULL || target->method == NULL ||
		target->origin == NULL || target->server_name == NULL)
		return -ENOMEM;
	parse_url(target, spec->url);
	rc = name_socket(target);
	if (rc == 0)
		rc = take_files(target, message, old);
	if (rc < 0)
		return rc;
	target->request_cap_bytes =
		REQUEST_FIXED_BYTES + 2 * URL_TEXT_BYTES +
		2 * strlen(target->headers) +
		(worker->kind->reads_token ? TOKEN_MAX_BYTES : 0);
	target->request = malloc(target->request_cap_bytes);
	if (target->request == NULL)
		return -ENOMEM;
	return reserve_idle(target);
}

/*
 * A worker that holds the token is told when to check, and under which name to
 * report.  Whom it asks for what, and whom it trusts, the settings say: a
 * supervisor that was taken over must not lead the token elsewhere.
 */
static void
seal(struct control_target *spec, const struct worker *worker)
{
	const struct control_nursery *settings = worker->settings;

	spec->url = worker->kind->type == WORKER_API_SERVER_DNS
			    ? settings->api_dns_url
			    : settings->api_direct_url;
	spec->method = "GET";
	spec->headers = spec->origin = spec->server_name = "";
	for (size_t i = 0; i < CONTROL_FILE_COUNT; i++)
		spec->files[i] = (struct control_file){ .path = "" };
	spec->insecure = settings->api_insecure;
	spec->tls_security_level = 0;
}

static void
on_timer(struct loop_timer *timer)
{
	struct target *target = LOOP_OWNER(timer, struct target, timer);

	check_start(&target->check, timer->due_mono_ns);
}

static struct target **
find(struct worker *worker, uint32_t id)
{
	struct target **place = &worker->targets;

	while (*place != NULL && (*place)->id != id)
		place = &(*place)->next;
	return place;
}

/*
 * What another worker has checked before goes on in its phase.  A moment that
 * has passed between the two is made up for at once, so that none is missed.
 */
static uint64_t
first_ns(const struct target *target, const struct control_target *spec)
{
	uint64_t now_ns = clock_mono_ns(), next_ns;

	if (spec->started_mono_ns == 0)
		return now_ns + spec->first_delay_ns;
	next_ns = schedule_next_ns(spec->started_mono_ns, 0,
		target->interval_ns, target->phase_ns);
	return next_ns > now_ns ? next_ns : now_ns;
}

void
target_apply(struct worker *worker, struct control_message *message)
{
	struct control_target *spec = &message->body.target;
	struct target **place = find(worker, spec->id);
	struct target *old = *place, *target = NULL;

	if (worker->draining || spec->interval_ns == 0)
		return;
	if (worker->kind->is_api_server)
		seal(spec, worker);
	if (old != NULL)
		*place = old->next;
	target = calloc(1, sizeof(*target));
	if (target != NULL) {
		target->worker = worker;
		loop_timer_init(&target->timer, on_timer);
		check_init(&target->check, target);
	}
	if (target == NULL || fill(target, message, old) < 0) {
		LOG_ERROR(
			"no memory for a target", LOG_STR("type", spec->label));
		target_free(target);
		target_free(old);
		return;
	}
	target_free(old);
	target->next = worker->targets;
	worker->targets = target;
	loop_timer_start(worker->loop, &target->timer, first_ns(target, spec));
}

void
target_remove(struct worker *worker, const struct control_target_gone *gone)
{
	struct target **place = find(worker, gone->id);
	struct target *target = *place;

	if (target == NULL)
		return;
	*place = target->next;
	target_free(target);
}

void
target_stop_all(struct target *targets)
{
	for (; targets != NULL; targets = targets->next)
		loop_timer_stop(targets->worker->loop, &targets->timer);
}

void
target_free_all(struct worker *worker)
{
	struct target *target;

	while ((target = worker->targets) != NULL) {
		worker->targets = target->next;
		target_free(target);
	}
}

void
target_schedule(struct target *target)
{
	struct worker *worker = target->worker;

	if (worker->draining)
		return;
	loop_timer_start(worker->loop, &target->timer,
		schedule_next_ns(target->check.started_ns, clock_mono_ns(),
			target->interval_ns, target->phase_ns));
}

uint32_t
target_gen(struct worker *worker, uint32_t id)
{
	const struct target *target = *find(worker, id);

	return target != NULL ? target->gen : 0;
}

bool
target_expects(const struct target *target, uint16_t http_status)
{
	return status_range_has(
		target->expect, target->expect_count, http_status);
}
