/* SPDX-License-Identifier: Apache-2.0 */
/* One worker process; see worker_process.h. */
#include "supervisor/worker_process.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/signal_name.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_BATCH_COUNT 32
/* Records that one turn reads from one worker, so that a flood of them cannot
 * keep the others waiting. */
#define READ_TURN_BATCHES 8

/* The program waits no longer for one that it has killed when it ends itself.
 */
#define END_MAX_MS 1000

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void
close_pipe_watch(struct worker_process *process)
{
	loop_watch_close(process->pipes->set, &process->pipe_watch);
}

static void
release(struct worker_process *process)
{
	loop_watch_close(process->loop, &process->pid_watch);
	loop_watch_close(process->loop, &process->control_watch);
	close_pipe_watch(process);
	close_fd(&process->pid_fd);
	close_fd(&process->control_fd);
	close_fd(&process->pipe_fd);
	close_fd(&process->memory_fd);
	log_relay_close(&process->log);
	process->state = WORKER_FREE;
	process->pid = 0;
}

/* Only to a process of which we do not know that it was reaped: until then the
 * number is its own. */
static void
send_kill(struct worker_process *process)
{
	process->killed_mono_ns = clock_mono_ns();
	if (process->pid_fd >= 0)
		syscall(SYS_pidfd_send_signal, process->pid_fd, SIGKILL, NULL,
			0);
	else
		kill(process->pid, SIGKILL);
}

/* What it died of goes to the log once, where it is decided. */
void
worker_process_kill(struct worker_process *process, enum worker_end why)
{
	if (process->killed || process->state == WORKER_FREE)
		return;
	process->killed = true;
	process->kill_reason = why;
	if (process->pid > 0) /* else as soon as the nursery says who it is */
		send_kill(process);
}

static void
on_nonsense(struct worker_process *process, const char *what)
{
	if (!process->killed)
		LOG_ERROR("a worker wrote nonsense, killing it",
			LOG_STR("worker", worker_type_name(process->type)),
			LOG_STR("what", what));
	close_pipe_watch(process);
	worker_process_kill(process, WORKER_END_NONSENSE);
}

/* The clock and the last account may differ by some nanoseconds. */
static void
take_cpu(struct worker_process *process, uint64_t cpu_ns)
{
	if (cpu_ns > process->cpu_ns)
		process->cpu_ns = cpu_ns;
}

static void
take_record(struct worker_process *process, const struct wire_record *record)
{
	process->heard_mono_ns = loop_now_ns(process->loop);
	process->checks_started = record->checks_started;
	process->records_dropped = record->records_dropped;
	if (record->kind == WIRE_HEARTBEAT && process->pid > 0)
		take_cpu(process, worker_exit_cpu_so_far_ns(process->pid));
	if (record->kind == WIRE_SAMPLE && record->body.sample.last)
		process->checks_ended++;
	process->trapped = record->kind == WIRE_TRAP;
	if (record->kind != WIRE_HELLO) {
		process->ops->on_record(process, record);
		return;
	}
	if (process->state == WORKER_ASKED || process->state == WORKER_BORN) {
		process->state = WORKER_SPEAKING;
		process->ops->on_record(process, record);
		process->ops->on_hello(process);
	}
}

/* What must not go backwards, and cannot be more than was begun; and nobody
 * says anything after his last word. */
static bool
story_holds(
	const struct worker_process *process, const struct wire_record *record)
{
	bool ends = record->kind == WIRE_SAMPLE && record->body.sample.last;

	return !process->trapped &&
	       record->checks_started >= process->checks_started &&
	       record->records_dropped >= process->records_dropped &&
	       record->checks_started >= process->checks_ended + (ends ? 1 : 0);
}

/* The number read; 0: nothing more, now or ever. */
static int
read_batch(struct worker_process *process)
{
	static struct wire_record records[READ_BATCH_COUNT];
	int n = wire_read(process->pipe_fd, records, READ_BATCH_COUNT);

	if (n == -EPROTO) {
		on_nonsense(process, "a torn record");
		return 0;
	}
	if (n < 0) { /* its end is closed: the pidfd tells the rest */
		close_pipe_watch(process);
		return 0;
	}
	if (n < READ_BATCH_COUNT)
		process->emptied = true;
	process->records_since_judged += (unsigned)n;
	for (int i = 0; i < n && !process->killed; i++) {
		if (wire_check(&records[i], process->gen) < 0 ||
			!story_holds(process, &records[i])) {
			on_nonsense(process, "a record that does not check");
			return 0;
		}
		take_record(process, &records[i]);
	}
	return n;
}

/* How many records; READ_TURN_BATCHES full batches: there may be more. */
static unsigned
read_pipe(struct worker_process *process)
{
	unsigned count = 0;

	for (int i = 0; i < READ_TURN_BATCHES && process->pipe_watch.fd >= 0;
		i++) {
		int n = read_batch(process);

		count += (unsigned)n;
		if (n < READ_BATCH_COUNT)
			break;
	}
	return count;
}

void
worker_process_read(struct worker_process *process)
{
	if (process->pipe_fd >= 0)
		read_pipe(process);
}

static void
on_pipe(struct loop_watch *watch, unsigned ready)
{
	struct worker_process *process =
		LOOP_OWNER(watch, struct worker_process, pipe_watch);
	unsigned count = read_pipe(process);

	(void)ready;
	worker_pipes_note(process->pipes, count,
		count == READ_TURN_BATCHES * READ_BATCH_COUNT);
}

/* It counts as records do: who rings for ever is no better. */
static void
on_bell(struct log_relay *relay, unsigned count)
{
	struct worker_process *process =
		LOOP_OWNER(relay, struct worker_process, log);

	process->records_since_judged += count;
	worker_pipes_ring(process->pipes);
}

static void
on_control(struct loop_watch *watch, unsigned ready)
{
	struct worker_process *process =
		LOOP_OWNER(watch, struct worker_process, control_watch);

	if (ready & (LOOP_HUP | LOOP_ERR)) {
		loop_watch_close(process->loop, watch);
		return;
	}
	loop_watch_change(process->loop, watch, 0);
	process->ops->on_writable(process);
}

static void
on_pid(struct loop_watch *watch, unsigned ready)
{
	struct worker_process *process =
		LOOP_OWNER(watch, struct worker_process, pid_watch);
	struct worker_exit worker_exit;

	(void)ready;
	if (worker_exit_collect(process->pid, WNOHANG, &worker_exit) ==
		process->pid)
		worker_process_reaped(process, &worker_exit);
	else /* a debugger's, until SIGCHLD says so */
		loop_watch_close(process->loop, watch);
}

void
worker_process_init(struct worker_process *process, struct loop *loop,
	struct worker_pipes *pipes, enum worker_type type,
	const struct worker_process_ops *ops, void *owner)
{
	memset(process, 0, sizeof(*process));
	process->loop = loop;
	process->pipes = pipes;
	process->type = type;
	process->ops = ops;
	process->owner = owner;
	process->pid_fd = process->control_fd = process->pipe_fd = -1;
	process->memory_fd = -1;
	log_relay_init(&process->log, loop, worker_type_name(type));
	process->log.on_bell = on_bell;
	loop_watch_init(&process->pid_watch, on_pid);
	loop_watch_init(&process->control_watch, on_control);
	loop_watch_init(&process->pipe_watch, on_pipe);
}

int
worker_process_ask(struct worker_process *process, uint32_t gen, int control_fd,
	int pipe_fd, int *ret_log_fd)
{
	int rc, log_fd;

	process->gen = gen;
	process->control_fd = control_fd;
	process->pipe_fd = pipe_fd;
	process->pid = 0;
	process->killed = process->cancelled = process->trapped = false;
	process->is_nurserys = false;
	process->checks_started = process->checks_ended = 0;
	process->started_counted = 0;
	process->records_dropped = process->dropped_counted = 0;
	process->cpu_ns = process->cpu_counted_ns = 0;
	process->passed_count = 0;
	process->born_mono_ns = process->heard_mono_ns = clock_mono_ns();
	process->judged_mono_ns = process->born_mono_ns;
	process->emptied_mono_ns = process->born_mono_ns;
	process->records_since_judged = 0;
	flood_init(&process->flood, process->type == WORKER_DISCOVERY
					    ? FLOOD_BURST_DISCOVERY_RECORDS
					    : FLOOD_BURST_RECORDS);
	process->state = WORKER_ASKED;
	rc = loop_watch_open(
		process->pipes->set, &process->pipe_watch, pipe_fd, LOOP_READ);
	if (rc == 0)
		rc = loop_watch_open(
			process->loop, &process->control_watch, control_fd, 0);
	if (rc == 0)
		rc = log_relay_open(&process->log, &log_fd);
	if (rc < 0)
		release(process);
	else
		*ret_log_fd = log_fd;
	return rc;
}

/*
 * Its end is also told by SIGCHLD, so a kernel or a container without
 * pidfd_open(2) does as well.  False: there is no such process any more.
 */
static bool
watch_pid(struct worker_process *process)
{
	process->pid_fd = (int)syscall(SYS_pidfd_open, process->pid, 0);
	if (process->is_nurserys) /* which tells its end, in any case */
		return true;
	if (process->pid_fd < 0) /* a zombie still takes signals */
		return kill(process->pid, 0) == 0 || errno != ESRCH;
	if (loop_watch_open(process->loop, &process->pid_watch, process->pid_fd,
		    LOOP_READ) < 0)
		close_fd(&process->pid_fd);
	return true;
}

void
worker_process_born(struct worker_process *process, int32_t pid,
	const struct worker_exit *early)
{
	uint64_t lived_ns =
		clock_since_ns(clock_mono_ns(), process->born_mono_ns);

	if (pid <= 0) {
		LOG_ERROR("the nursery could not start a worker",
			LOG_STR("worker", worker_type_name(process->type)),
			LOG_ERRNO(-pid));
		release(process);
		process->ops->on_end(process, WORKER_END_UNBORN, lived_ns);
		return;
	}
	process->pid = pid;
	process->heard_mono_ns = clock_mono_ns();
	if (process->state == WORKER_ASKED)
		process->state = WORKER_BORN;
	if (!watch_pid(process)) {
		/* reaped before the nursery's answer was read */
		process->pid = 0;
		worker_process_reaped(process, early);
		return;
	}
	if (process->killed) /* for what it wrote before it had a name */
		send_kill(process);
}

void
worker_process_take_memory(struct worker_process *process, int memory_fd)
{
	close_fd(&process->memory_fd);
	process->memory_fd = memory_fd;
	if (memory_fd < 0)
		LOG_WARN("the memory of a worker cannot be watched: there is "
			 "no /proc, or no descriptor is left",
			LOG_STR("worker", worker_type_name(process->type)));
}

int
worker_process_send(
	struct worker_process *process, const struct control_message *message)
{
	int rc = control_send(process->control_fd, message);

	if (rc == -EAGAIN)
		loop_watch_change(
			process->loop, &process->control_watch, LOOP_WRITE);
	return rc;
}

static void
send_bare(struct worker_process *process, enum control_kind kind)
{
	struct control_message message;

	memset(&message, 0, sizeof(message));
	message.kind = kind;
	/* whose socket is full is told by its end of file */
	if (process->control_fd >= 0 &&
		control_send(process->control_fd, &message) < 0) {
		loop_watch_close(process->loop, &process->control_watch);
		close_fd(&process->control_fd);
	}
}

void
worker_process_drain(struct worker_process *process, uint64_t max_ns)
{
	process->state = WORKER_DRAINING;
	process->leave_mono_ns = clock_mono_ns() + max_ns;
	send_bare(process, CONTROL_DRAIN);
}

void
worker_process_cancel(struct worker_process *process)
{
	if (process->state == WORKER_FREE || process->cancelled)
		return;
	process->cancelled = true;
	process->state = WORKER_DRAINING;
	process->leave_mono_ns = clock_mono_ns() + WORKER_SILENCE_NS;
	send_bare(process, CONTROL_CANCEL);
}

static bool
floods(struct worker_process *process, uint64_t now_ns)
{
	bool too_many =
		flood_judge(&process->flood, process->records_since_judged,
			clock_since_ns(now_ns, process->judged_mono_ns),
			process->records_per_s);

	if (process->emptied)
		process->emptied_mono_ns = now_ns;
	process->emptied = false;
	process->judged_mono_ns = now_ns;
	process->records_since_judged = 0;
	/* one that is closed is never emptied again: that is silence */
	return process->pipe_watch.fd >= 0 &&
	       (too_many || clock_since_ns(now_ns, process->emptied_mono_ns) >=
				    WORKER_SILENCE_NS);
}

void
worker_process_judge(
	struct worker_process *process, uint64_t now_ns, uint64_t late_ns)
{
	log_relay_tick(&process->log, now_ns);
	if (process->state == WORKER_FREE)
		return;
	if (process->pid == 0) { /* the nursery may have been held as well */
		process->born_mono_ns += late_ns;
		return;
	}
	process->heard_mono_ns += late_ns;
	process->leave_mono_ns += late_ns;
	process->emptied_mono_ns += late_ns;
	process->killed_mono_ns += late_ns;
	worker_process_read(process);
	if (floods(process, now_ns))
		on_nonsense(process, "a flood of records");
	if (process->killed || process->state == WORKER_FREE)
		return;
	if (process->state == WORKER_DRAINING &&
		now_ns >= process->leave_mono_ns) {
		LOG_WARN("a worker does not leave, killing it",
			LOG_STR("worker", worker_type_name(process->type)),
			LOG_INT("pid", process->pid));
		worker_process_kill(process, WORKER_END_PLANNED);
		return;
	}
	if (clock_since_ns(now_ns, process->heard_mono_ns) < WORKER_SILENCE_NS)
		return;
	LOG_ERROR("a worker is silent, killing it",
		LOG_STR("worker", worker_type_name(process->type)),
		LOG_INT("pid", process->pid),
		LOG_INT("silent_ms",
			clock_since_ns(now_ns, process->heard_mono_ns) /
				NS_PER_MS));
	worker_process_kill(process, WORKER_END_SILENT);
}

bool
worker_process_is_undead(const struct worker_process *process, uint64_t now_ns)
{
	return process->state != WORKER_FREE && process->killed &&
	       process->pid > 0 &&
	       clock_since_ns(now_ns, process->killed_mono_ns) >=
		       WORKER_DEATH_MAX_NS;
}

static enum worker_end
end_of(const struct worker_process *process, int wait_status)
{
	if (process->killed)
		return process->kill_reason;
	if (process->state == WORKER_DRAINING && WIFEXITED(wait_status))
		return WORKER_END_PLANNED;
	return WIFSIGNALED(wait_status) ? WORKER_END_SIGNAL : WORKER_END_EXIT;
}

void
worker_process_reaped(
	struct worker_process *process, const struct worker_exit *worker_exit)
{
	int wait_status = worker_exit->wait_status;
	enum worker_end end = end_of(process, wait_status);
	uint64_t lived_ns =
		clock_since_ns(clock_mono_ns(), process->born_mono_ns);

	take_cpu(process, worker_exit->cpu_ns);
	/* what it had said before it died still counts */
	while (process->pipe_watch.fd >= 0 && read_batch(process) > 0)
		;
	log_relay_close(
		&process->log); /* its last words, before what follows */
	if (end == WORKER_END_SIGNAL)
		LOG_ERROR("a worker died by a signal",
			LOG_STR("worker", worker_type_name(process->type)),
			LOG_INT("pid", process->pid),
			LOG_STR("signal", signal_name(WTERMSIG(wait_status))));
	else if (end == WORKER_END_EXIT)
		LOG_ERROR("a worker exited",
			LOG_STR("worker", worker_type_name(process->type)),
			LOG_INT("pid", process->pid),
			LOG_INT("status", WIFEXITED(wait_status)
						  ? WEXITSTATUS(wait_status)
						  : -1));
	release(process);
	process->ops->on_end(process, end, lived_ns);
}

uint64_t
worker_process_in_flight(const struct worker_process *process)
{
	return clock_since_ns(process->checks_started,
		process->checks_ended + process->records_dropped);
}

/* One that the kernel holds is left to it; the nursery's go with the nursery.
 */
static void
wait_for_end(const struct worker_process *process)
{
	struct pollfd pollfd = { .fd = process->pid_fd, .events = POLLIN };

	if (process->is_nurserys)
		return;
	poll(&pollfd, 1, process->pid_fd < 0 ? 0 : END_MAX_MS);
	if (waitpid(process->pid, NULL, process->pid_fd < 0 ? 0 : WNOHANG) == 0)
		LOG_ERROR("a worker was killed and does not end",
			LOG_STR("worker", worker_type_name(process->type)),
			LOG_INT("pid", process->pid));
}

void
worker_process_end(struct worker_process *process)
{
	if (process->state == WORKER_FREE)
		return;
	worker_process_kill(process, WORKER_END_PLANNED);
	if (process->pid > 0)
		wait_for_end(process);
	release(process);
}
