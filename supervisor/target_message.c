/* SPDX-License-Identifier: Apache-2.0 */
/* Tells a worker about a target; see target_message.h. */
#include "supervisor/target_message.h"

#include "common/log.h"
#include "supervisor/check_files.h"
#include "supervisor/service_account.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* What passes, when others have given back what they hold. */
static bool
is_want(int rc)
{
	return rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM;
}

/*
 * Adds the file's descriptor.  One that cannot be opened is logged, and the
 * check fails of it; a negative errno: it is to be tried again.
 */
static int
attach_file(struct control_message *message, const char *label,
	enum control_file_kind kind, const char *path)
{
	struct control_file *file = &message->body.target.files[kind];
	int fd;

	file->path = path;
	/* the second: out of reach, and trusted by every worker anyway */
	if (path[0] == '\0' || (kind == CONTROL_FILE_CA &&
				       strcmp(path, SERVICE_ACCOUNT_CA) == 0))
		return 0;
	fd = check_files_open(path);
	if (is_want(fd))
		return fd;
	file->is_open = fd >= 0;
	if (file->is_open) {
		message->fds[message->fd_count++] = fd;
		return 0;
	}
	file->error = (uint32_t)-fd;
	LOG_ERROR("a file of a check cannot be read", LOG_STR("type", label),
		LOG_STR("file", path), LOG_ERRNO(-fd));
	return 0;
}

static int
fill_target(struct control_message *message, const struct target *target)
{
	const struct target_spec *spec = &target->spec;
	struct control_target *out = &message->body.target;
	int rc = 0;

	message->kind = CONTROL_TARGET;
	*out = (struct control_target){
		.id = target->id,
		.gen = target->gen,
		.label = spec->label,
		.url = spec->url,
		.method = spec->method,
		.origin = spec->origin,
		.headers = spec->headers,
		.server_name = spec->server_name,
		.expect_count = (uint32_t)spec->expect_count,
		.interval_ns = spec->interval_ns,
		.timeout_ns = spec->timeout_ns,
		.dial_timeout_ns = spec->dial_timeout_ns,
		.first_delay_ns = target->first_delay_ns,
		.started_mono_ns = target->started_mono_ns,
		.tls_security_level = spec->tls_security_level,
		.insecure = spec->insecure,
		.follow_redirects = spec->follow_redirects,
		.reuse_connections = spec->reuse_connections,
	};
	memcpy(out->expect, spec->expect,
		spec->expect_count * sizeof(out->expect[0]));
	for (int i = 0; i < CONTROL_FILE_COUNT && rc == 0; i++)
		rc = attach_file(message, spec->label,
			(enum control_file_kind)i, spec->files[i]);
	return rc;
}

int
target_message_send(struct worker_process *process, const struct target *target)
{
	struct control_message message;
	int rc = 0;

	memset(&message, 0, sizeof(message));
	if (target->news == TARGET_NEWS_GONE) {
		message.kind = CONTROL_TARGET_GONE;
		message.body.gone.id = target->id;
		message.body.gone.gen = target->gen;
	} else {
		rc = fill_target(&message, target);
	}
	if (rc == 0)
		rc = worker_process_send(process, &message);
	control_close_fds(&message);
	return rc;
}
