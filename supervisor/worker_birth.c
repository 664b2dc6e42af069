/* SPDX-License-Identifier: Apache-2.0 */
/* Asking for a worker; see worker_birth.h. */
#include "supervisor/worker_birth.h"

#include "supervisor/worker_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * A pipe whose read end is ours, and a pair of control sockets.  Nothing comes
 * up on those, so the worker cannot send either: messages that are never read
 * would hold descriptors in flight, whose number the kernel limits per user,
 * and no other worker could be born (unix(7), ETOOMANYREFS).
 */
static int
open_channels(int pipe_fds[2], int control_fds[2])
{
	int rc;

	if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	/* as much as we may: the default of 64 KiB does as well */
	(void)fcntl(pipe_fds[0], F_SETPIPE_SZ, WORKER_PIPE_BYTES);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    0, control_fds) == 0) {
		shutdown(control_fds[0], SHUT_RD);
		return 0;
	}
	rc = -errno;
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	return rc;
}

static int
send_boot(struct worker_slot *slot, struct worker_process *process)
{
	struct control_message message;

	memset(&message, 0, sizeof(message));
	message.kind = CONTROL_BOOT;
	message.body.boot = (struct control_boot){
		.worker_type = slot->type,
		.worker_gen = process->gen,
		.log_level = slot->pool->log_level,
	};
	return worker_process_send(process, &message);
}

bool
worker_birth_needs_tls(const struct worker_slot *slot)
{
	if (slot->type == WORKER_DISCOVERY)
		return discovery_order_needs_tls(slot->pool->neighbours->conf);
	return target_table_needs_tls(slot->pool->targets, slot->type);
}

int
worker_birth_ask(struct worker_slot *slot, struct worker_process *process)
{
	struct worker_pool *pool = slot->pool;
	struct control_birth birth = {
		.worker_type = slot->type,
		.worker_gen = ++pool->last_gen,
		.needs_tls = worker_birth_needs_tls(slot),
		.needs_unix =
			target_table_needs_unix(pool->targets, slot->type),
	};
	int pipe_fds[2], control_fds[2], log_fd = -1;
	int rc = open_channels(pipe_fds, control_fds);

	if (rc < 0)
		return rc;
	process->has_unix = birth.needs_unix;
	rc = worker_process_ask(process, birth.worker_gen, control_fds[0],
		pipe_fds[0], &log_fd);
	/* before the nursery can have closed the other end, because it could
	 * not: then it says why */
	if (rc == 0)
		rc = send_boot(slot, process);
	if (rc == 0)
		rc = nursery_ask(pool->nursery, &birth, control_fds[1],
			pipe_fds[1], log_fd);
	if (log_fd >= 0)
		close(log_fd);
	close(control_fds[1]);
	close(pipe_fds[1]);
	return rc;
}
