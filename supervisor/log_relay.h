/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker or the nursery writes to its standard error: a pipe of its own,
 * whose other end is here.  Each line is checked, gets the name of its process
 * and goes into the log within the budget of that process; what is no line of
 * ours (a library's last words, a sanitizer's report) is shown as text, and an
 * empty one is the bell of a worker, for what is in its sample pipe.  A
 * process that writes too much loses lines and waits for nothing: its end of
 * the pipe does not block.
 */
#ifndef SUPERVISOR_LOG_RELAY_H
#define SUPERVISOR_LOG_RELAY_H

#include "common/log_record.h"
#include "common/loop.h"
#include "supervisor/log_budget.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log_relay {
	struct loop *loop;
	struct loop_watch watch;
	const char *process; /* the name; not ours */
	int fd;              /* -1: closed */
	/* The process has rung so often (LOG_RECORD_BELL); or NULL. */
	void (*on_bell)(struct log_relay *relay, unsigned count);
	unsigned bell_count; /* of the reading under way */
	bool is_muted;       /* until there is budget again */
	struct log_budget budget;
	char line[LOG_RECORD_MAX_BYTES]; /* its beginning, so far */
	size_t len_bytes;
};

void log_relay_init(
	struct log_relay *relay, struct loop *loop, const char *process);
/*
 * A pipe whose read end is the relay's; *ret_write_fd is the caller's.  Both
 * are O_CLOEXEC and O_NONBLOCK.  The budget goes on where it was.  0 or a
 * negative errno.
 */
int log_relay_open(struct log_relay *relay, int *ret_write_fd);
/* Four times a second. */
void log_relay_tick(struct log_relay *relay, uint64_t now_ns);
/* Writes what is still in the pipe, and closes it.  Idempotent. */
void log_relay_close(struct log_relay *relay);

#endif
