/* SPDX-License-Identifier: Apache-2.0 */
/* Tells a worker about a target; see target_message.h. */
#include "supervisor/target_message.h"

#include "common/log.h"
#include "supervisor/service_account.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* What passes, when others have given back what they hold. */
static bool
is_want(int rc)
{
	return rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM;
}

/*
 * Adds the file's descriptor.  1; 0: there is none, or it cannot be opened,
 * which is logged, and of which the check fails; a negative errno: it is to be
 * tried again.
 */
static int
attach_file(struct control_message *message, const char *label,
	const char *path, uint32_t *ret_errno)
{
	int fd;

	/* the second: out of reach, and trusted by every worker anyway */
	if (path[0] == '\0' || strcmp(path, SERVICE_ACCOUNT_CA) == 0)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && is_want(-errno))
		return -errno;
	if (fd < 0) {
		*ret_errno = (uint32_t)errno;
		LOG_ERROR("a file of a check cannot be read",
			LOG_STR("type", label), LOG_STR("file", path),
			LOG_ERRNO(errno));
		return 0;
	}
	message->fds[message->fd_count++] = fd;
	return 1;
}

static int
fill_target(struct control_message *message, const struct target *target)
{
	const struct target_spec *spec = &target->spec;
	struct control_target *out = &message->body.target;
	int has_ca, has_header_file;

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
		.insecure = spec->insecure,
		.follow_redirects = spec->follow_redirects,
		.reuse_connections = spec->reuse_connections,
		.ca_path = spec->ca_path,
		.header_path = spec->header_path,
	};
	memcpy(out->expect, spec->expect,
		spec->expect_count * sizeof(out->expect[0]));
	/* in this order: control.h */
	has_ca = attach_file(
		message, spec->label, spec->ca_path, &out->ca_errno);
	if (has_ca < 0)
		return has_ca;
	has_header_file = attach_file(
		message, spec->label, spec->header_path, &out->header_errno);
	out->has_ca = has_ca > 0;
	out->has_header_file = has_header_file > 0;
	return has_header_file < 0 ? has_header_file : 0;
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
