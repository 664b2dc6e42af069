/* SPDX-License-Identifier: Apache-2.0 */
/* The log of another process; see log_relay.h. */
#include "supervisor/log_relay.h"

#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES 4096
/* As pipe(7) has it where pages are of 4 KiB. */
#define LOG_PIPE_BYTES (64 * 1024)
/* All that is in the pipe: the last words of a process are no more. */
#define TURN_READS (LOG_PIPE_BYTES / READ_BYTES)
/* Stands for a NUL, which no text of the log can hold. */
#define NUL_MARK '\x1a'

static void
write_line(struct log_relay *relay)
{
	static struct log_record record;
	const struct log_field text[] = { LOG_STR("text", relay->line),
		{ NULL, NULL, 0 } };

	relay->line[relay->len_bytes] = '\0';
	if (relay->len_bytes == 0 ||
		!log_budget_take(&relay->budget, clock_mono_ns()))
		return;
	if (log_record_decode(&record, relay->line))
		log_write_of(relay->process, record.level, record.message,
			record.fields);
	else
		log_write_of(relay->process, LOG_LEVEL_WARN,
			"text on standard error", text);
}

static void
take_bytes(struct log_relay *relay, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n') {
			relay->bell_count += relay->len_bytes == 0;
			write_line(relay);
			relay->len_bytes = 0;
		} else if (relay->len_bytes < sizeof(relay->line) - 1) {
			relay->line[relay->len_bytes++] =
				bytes[i] != '\0' ? bytes[i] : NUL_MARK;
		} /* of a line that is too long its beginning is shown */
	}
}

/* False: there will be nothing more. */
static bool
read_pipe(struct log_relay *relay)
{
	char bytes[READ_BYTES];

	for (int i = 0; i < TURN_READS; i++) {
		ssize_t n = read(relay->fd, bytes, sizeof(bytes));

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (n == 0)
			return false;
		take_bytes(relay, bytes, (size_t)n);
	}
	return true;
}

static void
release(struct log_relay *relay)
{
	if (relay->fd < 0)
		return;
	write_line(relay); /* one that has no end */
	relay->len_bytes = 0;
	log_budget_tell(&relay->budget, clock_mono_ns(),
		LOG_STR("source", relay->process));
	loop_watch_close(relay->loop, &relay->watch);
	close(relay->fd);
	relay->fd = -1;
}

/* What floods is not read before its next line may be written. */
static void
listen_again(struct log_relay *relay, bool is_muted)
{
	if (relay->is_muted == is_muted)
		return;
	relay->is_muted = is_muted;
	loop_watch_change(
		relay->loop, &relay->watch, is_muted ? 0 : (unsigned)LOOP_READ);
}

static void
on_readable(struct loop_watch *watch, unsigned ready)
{
	struct log_relay *relay = LOOP_OWNER(watch, struct log_relay, watch);

	(void)ready;
	relay->bell_count = 0;
	if (!read_pipe(relay))
		release(relay);
	else if (!log_budget_has(
			 &relay->budget, &log_limit_source, clock_mono_ns()))
		listen_again(relay, true);
	if (relay->bell_count > 0 && relay->on_bell != NULL)
		relay->on_bell(relay, relay->bell_count);
}

void
log_relay_init(struct log_relay *relay, struct loop *loop, const char *process)
{
	memset(relay, 0, sizeof(*relay));
	relay->loop = loop;
	relay->process = process;
	relay->fd = -1;
	loop_watch_init(&relay->watch, on_readable);
}

int
log_relay_open(struct log_relay *relay, int *ret_write_fd)
{
	int fds[2], rc;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	(void)fcntl(fds[0], F_SETPIPE_SZ, LOG_PIPE_BYTES);
	rc = loop_watch_open(relay->loop, &relay->watch, fds[0], LOOP_READ);
	if (rc < 0) {
		close(fds[0]);
		close(fds[1]);
		return rc;
	}
	relay->fd = fds[0];
	relay->is_muted = false;
	*ret_write_fd = fds[1];
	return 0;
}

void
log_relay_tick(struct log_relay *relay, uint64_t now_ns)
{
	log_budget_tell(
		&relay->budget, now_ns, LOG_STR("source", relay->process));
	if (relay->fd >= 0 &&
		log_budget_has(&relay->budget, &log_limit_source, now_ns))
		listen_again(relay, false);
}

void
log_relay_close(struct log_relay *relay)
{
	if (relay->fd >= 0)
		read_pipe(relay);
	release(relay);
}
