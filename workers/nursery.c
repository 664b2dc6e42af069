/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nursery; see nursery.h.  It never reads a byte from the network and
 * never touches the token.
 */
#include "workers/nursery.h"

#include "common/control.h"
#include "common/image.h"
#include "common/log.h"
#include "common/sandbox.h"
#include "common/title.h"
#include "common/worker_exit.h"
#include "workers/birth.h"
#include "workers/tls.h"
#include "workers/trust.h"
#include "workers/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct nursery {
	struct control_nursery settings;
	unsigned char settings_bytes[CONTROL_MAX_BYTES];
	unsigned char message_bytes[CONTROL_MAX_BYTES];
	sigset_t mask; /* while it waits, and of the workers */
	char **argv;
};

static int
load_settings(struct nursery *nursery)
{
	ssize_t n = pread(NURSERY_FD_SETTINGS, nursery->settings_bytes,
		sizeof(nursery->settings_bytes), 0);

	if (n < 0)
		return -errno;
	return control_decode_nursery(
		&nursery->settings, nursery->settings_bytes, (size_t)n);
}

/*
 * The newborn opens its own: where /proc hides processes from each other
 * (hidepid, ProtectProc=), it does not hide them from themselves.
 */
static int
tell_memory(uint32_t worker_gen)
{
	struct control_message message;
	int rc;

	memset(&message, 0, sizeof(message));
	message.kind = CONTROL_MEMORY;
	message.body.memory.worker_gen = worker_gen;
	message.fds[0] = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	message.fd_count = message.fds[0] >= 0 ? 1 : 0;
	rc = control_send(NURSERY_FD_CONTROL, &message);
	control_close_fds(&message);
	return rc;
}

/* What fails here is made, or told, by each worker itself. */
static void
prepare_filter(const struct control_nursery *settings, enum sandbox_role role)
{
	if (settings->sandbox != SANDBOX_OFF && !SANDBOX_HAS_SANITIZER)
		sandbox_filter_prepare(role);
}

/* In the newborn.  Its exit code; the caller ends it by _exit(2), for what is
 * registered for exit(3) is the nursery's. */
static int
be_worker(const struct nursery *nursery, const struct control_message *request,
	pid_t nursery_pid)
{
	const struct control_birth *birth = &request->body.birth;
	pid_t parent_pid = getppid() == nursery_pid
				   ? nursery_pid
				   : nursery->settings.supervisor_pid;
	int rc = dup2(request->fds[2], STDERR_FILENO) < 0 ? -errno : 0;

	sigprocmask(SIG_SETMASK, &nursery->mask, NULL);
	if (rc == 0)
		rc = tell_memory(birth->worker_gen);
	if (rc < 0) {
		LOG_ERROR("a worker could not be born", LOG_ERRNO(-rc));
		return 1;
	}
	close(request->fds[2]);
	close(NURSERY_FD_CONTROL);
	close(NURSERY_FD_SETTINGS);
	close(NURSERY_FD_EXECUTABLE);
	return worker_run(request->fds[0], request->fds[1], birth->needs_unix,
		parent_pid, &nursery->settings);
}

/* Not before it is reaped can it be anything else. */
static bool
is_own_child(pid_t pid)
{
	siginfo_t info;

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) ==
	       0;
}

/* An answer, or news, for the supervisor. */
static void
tell(const struct control_message *message)
{
	if (control_send(NURSERY_FD_CONTROL, message) < 0)
		exit(1); /* it is gone or does not read: over */
}

/* In the child it does not return. */
static void
give_birth(struct nursery *nursery, struct control_message *request)
{
	struct control_birth *birth = &request->body.birth;
	struct control_message answer;
	struct control_born *born = &answer.body.born;
	pid_t nursery_pid = getpid();

	memset(&answer, 0, sizeof(answer));
	answer.kind = CONTROL_BORN;
	born->worker_gen = birth->worker_gen;
	/* the limit may be another one when it is asked again */
	born->pid = request->fds_are_lost ? -EMFILE : -EPROTO;
	if (request->fd_count == 3) {
		if (birth->needs_tls)
			trust_load(&nursery->settings);
		if (birth->needs_unix)
			prepare_filter(&nursery->settings, SANDBOX_UNIX_PROBER);
		born->pid = birth_clone();
		if (born->pid == 0)
			_exit(be_worker(nursery, request, nursery_pid));
		born->is_nurserys = born->pid > 0 && is_own_child(born->pid);
	}
	control_close_fds(request);
	tell(&answer);
}

/* There are none where the kernel makes them the supervisor's children. */
static void
reap_own(void)
{
	struct control_message message;
	struct worker_exit worker_exit;
	pid_t pid;

	while ((pid = worker_exit_collect(-1, WNOHANG, &worker_exit)) > 0) {
		memset(&message, 0, sizeof(message));
		message.kind = CONTROL_ENDED;
		message.body.ended = (struct control_ended){
			.pid = pid,
			.wait_status = worker_exit.wait_status,
			.cpu_ns = worker_exit.cpu_ns,
		};
		tell(&message);
	}
}

/* Fresh addresses and fresh trust for the workers to come. */
static void
renew(struct nursery *nursery)
{
	fexecve(NURSERY_FD_EXECUTABLE, nursery->argv, environ);
	LOG_ERROR("the nursery cannot renew itself", LOG_ERRNO(errno));
	exit(1);
}

static void
on_child(int signal_number)
{
	(void)signal_number; /* it wakes serve() */
}

/*
 * A terminal's or an init's signals are the supervisor's to answer; nursery and
 * workers end when their sockets do.  The end of a child comes only while the
 * nursery waits.
 */
static void
set_signals(struct nursery *nursery)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGTERM, SIGPIPE,
		SIGUSR1, SIGUSR2 };
	sigset_t blocked;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, on_child);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, &nursery->mask);
	sigdelset(&nursery->mask, SIGCHLD); /* after it has renewed itself */
}

static int
serve(struct nursery *nursery)
{
	struct pollfd pollfd = { .fd = NURSERY_FD_CONTROL, .events = POLLIN };
	struct control_message message;
	int rc;

	for (;;) {
		reap_own();
		image_give_back();
		if (ppoll(&pollfd, 1, NULL, &nursery->mask) < 0 &&
			errno != EINTR)
			return 1;
		rc = control_receive(NURSERY_FD_CONTROL, &message,
			nursery->message_bytes, sizeof(nursery->message_bytes));
		if (rc == 0)
			continue;
		if (rc < 0)
			return rc == -EPIPE ? 0 : 1;
		if (message.kind == CONTROL_BIRTH)
			give_birth(nursery, &message);
		else if (message.kind == CONTROL_RENEW)
			renew(nursery);
		control_close_fds(&message);
	}
}

int
nursery_run(char **argv)
{
	static struct nursery nursery;
	struct control_message ready = { .kind = CONTROL_READY };
	int rc = load_settings(&nursery);

	if (rc < 0) {
		LOG_ERROR("this program is started by kubenurse, not by hand",
			LOG_ERRNO(-rc));
		return 2;
	}
	nursery.argv = argv;
	log_to_supervisor((enum log_level)nursery.settings.log_level);
	title_set("nursery");
	set_signals(&nursery);
	rc = sandbox_drop_rights(0);
	if (rc < 0)
		LOG_WARN("the nursery keeps its rights", LOG_ERRNO(-rc));
	/* the end of file is not enough: who is stopped does not read it */
	rc = birth_tie_to_parent(nursery.settings.supervisor_pid);
	if (rc < 0)
		return 1;
	prepare_filter(&nursery.settings, SANDBOX_PROBER);
	prepare_filter(&nursery.settings, SANDBOX_API_PROBER);
	prepare_filter(&nursery.settings, SANDBOX_DISCOVERY);
	rc = tls_library_init();
	if (rc < 0 || control_send(NURSERY_FD_CONTROL, &ready) < 0)
		return 1;
	return serve(&nursery);
}
