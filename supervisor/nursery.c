/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's end of the nursery; see nursery.h. */
#include "supervisor/nursery.h"

#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* As the nursery knows them: workers/nursery.h. */
#define CHILD_FD_CONTROL    3
#define CHILD_FD_SETTINGS   4
#define CHILD_FD_EXECUTABLE 5
/* The nursery does not get this one: it closes when the program is executed. */
#define CHILD_FD_FAILURE 6
#define CHILD_FD_COUNT   4
/* Beside those: where its standard error comes from. */
#define FDS_COUNT (CHILD_FD_COUNT + 1)

#define WORKER_NAME "kubenurse-worker"

int
nursery_open_executable(const char **ret_path)
{
	static char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;
	int fd = -1;

	*ret_path = path;
	if (n > 0) {
		path[n] = '\0';
		slash = strrchr(path, '/');
		if (slash != NULL &&
			(size_t)(slash - path) + sizeof("/" WORKER_NAME) <
				sizeof(path)) {
			strcpy(slash + 1, WORKER_NAME);
			fd = open(path, O_PATH | O_CLOEXEC);
		}
	}
	if (fd < 0) {
		snprintf(path, sizeof(path), "%s/%s", LIBEXECDIR, WORKER_NAME);
		fd = open(path, O_PATH | O_CLOEXEC);
	}
	return fd < 0 ? -errno : fd;
}

bool
nursery_is_exposed(const char *worker_path)
{
	return access("/proc/self/exe", R_OK) == 0 ||
	       access(worker_path, R_OK) == 0;
}

/* A descriptor of the encoded settings, which nobody can change any more. */
static int
seal_settings(const struct control_nursery *settings)
{
	static unsigned char buf[CONTROL_MAX_BYTES];
	int len = control_encode_nursery(settings, buf, sizeof(buf));
	int fd;

	if (len < 0)
		return len;
	fd = memfd_create(
		"kubenurse-settings", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (write(fd, buf, (size_t)len) != len ||
		fcntl(fd, F_ADD_SEALS,
			F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW |
				F_SEAL_WRITE) < 0) {
		close(fd);
		return -EIO;
	}
	return fd;
}

/* Only what libraries of the workers look at; no secrets. */
static char **
child_environment(void)
{
	static const char *const names[] = { "SSL_CERT_FILE", "SSL_CERT_DIR",
		"LOCALDOMAIN", "RES_OPTIONS", "TZ", "PATH", "LD_LIBRARY_PATH",
		"ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS",
		"MALLOC_ARENA_MAX" };
	static char *list[sizeof(names) / sizeof(names[0]) + 1];
	size_t count = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL)
			list[count++] =
				(char *)(uintptr_t)value - strlen(names[i]) - 1;
	}
	list[count] = NULL;
	return list;
}

/* Descriptors, as the child is to have them.  0 or a negative errno. */
static int
arrange(const int *fds)
{
	int high[FDS_COUNT], null_fd;

	/* out of the way first: a source may be another's target */
	for (int i = 0; i < FDS_COUNT; i++) {
		high[i] = fcntl(
			fds[i], F_DUPFD, CHILD_FD_CONTROL + CHILD_FD_COUNT);
		if (high[i] < 0)
			return -errno;
	}
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd >= 0) {
		dup2(null_fd, STDIN_FILENO);
		dup2(null_fd, STDOUT_FILENO);
	}
	if (dup2(high[CHILD_FD_COUNT], STDERR_FILENO) < 0)
		return -errno;
	for (int i = 0; i < CHILD_FD_COUNT; i++) {
		int fd = CHILD_FD_CONTROL + i;

		if (dup3(high[i], fd, fd == CHILD_FD_FAILURE ? O_CLOEXEC : 0) <
			0)
			return -errno;
	}
	closefrom(CHILD_FD_CONTROL + CHILD_FD_COUNT);
	return 0;
}

/*
 * In the child: nothing but async-signal-safe calls.  Does not return.  What
 * fails is written, as a negative errno, to the last of the descriptors.
 */
static void
become_nursery(const int *fds, char **envp)
{
	char *const argv[] = { WORKER_NAME, NULL };
	/* what can fail there does so before anything has its place */
	int rc = arrange(fds), failure_fd = fds[CHILD_FD_COUNT - 1];
	sigset_t none;

	if (rc == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		fexecve(CHILD_FD_EXECUTABLE, argv, envp);
		rc = -errno;
		failure_fd = CHILD_FD_FAILURE;
	}
	if (write(failure_fd, &rc, sizeof(rc)) < 0)
		_exit(126); /* nobody is there to be told */
	_exit(127);
}

/* Returns when the program has been executed, or could not be. */
static int
fork_nursery(struct nursery *nursery, int control_fd, int settings_fd,
	int executable_fd, int log_fd)
{
	char **envp = child_environment();
	int failure[2], rc = 0, told = 0;
	ssize_t n;

	if (pipe2(failure, O_CLOEXEC) < 0)
		return -errno;
	nursery->pid = fork();
	if (nursery->pid == 0)
		become_nursery((const int[]){ control_fd, settings_fd,
				       executable_fd, failure[1], log_fd },
			envp);
	if (nursery->pid < 0)
		rc = -errno;
	close(failure[1]);
	do
		n = read(failure[0], &told, sizeof(told));
	while (n < 0 && errno == EINTR);
	close(failure[0]);
	return n == (ssize_t)sizeof(told) ? told : rc;
}

/* The message's descriptor, which is not the message's any more; -1: none. */
static int
take_fd(struct control_message *message)
{
	if (message->fd_count == 0)
		return -1;
	return message->fds[--message->fd_count];
}

static void
on_readable(struct loop_watch *watch, unsigned ready)
{
	struct nursery *nursery = LOOP_OWNER(watch, struct nursery, watch);
	static unsigned char buf[CONTROL_MAX_BYTES];
	struct control_message message;
	int rc = control_receive(nursery->fd, &message, buf, sizeof(buf));

	(void)ready;
	if (rc == 0)
		return;
	if (rc < 0) {
		log_relay_close(&nursery->log); /* why, perhaps */
		nursery->on_gone(nursery);
		return;
	}
	if (message.kind == CONTROL_BORN)
		nursery->on_born(nursery, &message.body.born);
	else if (message.kind == CONTROL_ENDED)
		nursery->on_ended(nursery, message.body.ended.pid,
			&(struct worker_exit){ message.body.ended.wait_status,
				message.body.ended.cpu_ns });
	else if (message.kind == CONTROL_MEMORY)
		nursery->on_memory(nursery, message.body.memory.worker_gen,
			take_fd(&message));
	control_close_fds(&message);
}

int
nursery_start(struct nursery *nursery, struct loop *loop, int executable_fd,
	const struct control_nursery *settings)
{
	int pair[2], settings_fd, log_fd, rc;

	nursery->loop = loop;
	nursery->fd = -1;
	settings_fd = seal_settings(settings);
	if (settings_fd < 0)
		return settings_fd;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		rc = -errno;
		close(settings_fd);
		return rc;
	}
	log_relay_init(&nursery->log, loop, "nursery");
	rc = log_relay_open(&nursery->log, &log_fd);
	if (rc == 0) {
		rc = fork_nursery(
			nursery, pair[1], settings_fd, executable_fd, log_fd);
		close(log_fd);
	}
	close(pair[1]);
	close(settings_fd);
	loop_watch_init(&nursery->watch, on_readable);
	if (rc == 0)
		rc = loop_watch_open(loop, &nursery->watch, pair[0], LOOP_READ);
	if (rc < 0) {
		log_relay_close(&nursery->log);
		close(pair[0]);
		return rc;
	}
	nursery->fd = pair[0];
	return 0;
}

int
nursery_ask(struct nursery *nursery, const struct control_birth *birth,
	int control_fd, int pipe_fd, int log_fd)
{
	struct control_message message;

	memset(&message, 0, sizeof(message));
	message.kind = CONTROL_BIRTH;
	message.body.birth = *birth;
	message.fds[0] = control_fd;
	message.fds[1] = pipe_fd;
	message.fds[2] = log_fd;
	message.fd_count = 3;
	return control_send(nursery->fd, &message);
}

int
nursery_renew(struct nursery *nursery)
{
	struct control_message message;

	memset(&message, 0, sizeof(message));
	message.kind = CONTROL_RENEW;
	return control_send(nursery->fd, &message);
}

void
nursery_stop(struct nursery *nursery)
{
	if (nursery->fd < 0)
		return;
	loop_watch_close(nursery->loop, &nursery->watch);
	close(nursery->fd);
	nursery->fd = -1;
	log_relay_close(&nursery->log);
}
