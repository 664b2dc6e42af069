/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubenurse-worker for the tests of the watch over workers: the same objects,
 * and a real-time signal for each harm that nothing from outside can do.  It
 * is installed nowhere.  tests/lib/lab.py knows the numbers.
 */
#include "common/title.h"
#include "common/wire.h"
#include "workers/birth.h"
#include "workers/nursery.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum harm {
	HARM_LOOP,       /* never comes back */
	HARM_GROW,       /* STEP_BYTES more with each heartbeat */
	HARM_HALF,       /* half a record */
	HARM_BIRTH,      /* a record of another birth */
	HARM_GENERATION, /* of a target generation that was never issued */
	HARM_FLOOD,      /* heartbeats without end */
	HARM_FILL,       /* heartbeats until the pipe is full */
	HARM_EXIT,
	HARM_FORGE,   /* lines of the log as if they were another's */
	HARM_CHATTER, /* CHATTER_LINES of them */
	HARM_ABORT,   /* with last words */
	HARM_COUNT
};

#define STEP_BYTES    (16 << 20)
#define CHATTER_LINES 100000

/* While there is a file of this name and the supervisor's number, a worker dies
 * with its first word. */
#define STILLBIRTH_PATH "/run/stillbirth"

/* While there is a file of this name, the kernel ignores CLONE_PARENT, as
 * gVisor does. */
#define ORPHAN_PATH "/run/no-clone-parent"

/* Of this worker, as its last record had them. */
static int pipe_fd;
static struct wire_record last;
static volatile sig_atomic_t growing;

int __real_wire_write(int fd, const struct wire_record *record);
int __wrap_wire_write(int fd, const struct wire_record *record);

pid_t __real_birth_clone(void);
pid_t __wrap_birth_clone(void);

/* Takes the place of birth_clone() in the nursery. */
pid_t
__wrap_birth_clone(void)
{
	pid_t pid;

	if (access(ORPHAN_PATH, F_OK) < 0)
		return __real_birth_clone();
	pid = fork();
	return pid < 0 ? -errno : pid;
}

static void
grow(void)
{
	void *memory = mmap(NULL, STEP_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory != MAP_FAILED)
		memset(memory, 1, STEP_BYTES);
}

static bool
is_stillborn(void)
{
	char path[sizeof(STILLBIRTH_PATH) + 16];

	snprintf(path, sizeof(path), "%s.%d", STILLBIRTH_PATH, (int)getppid());
	return access(path, F_OK) == 0;
}

/* Takes the place of wire_write() in all of the worker. */
int
__wrap_wire_write(int fd, const struct wire_record *record)
{
	pipe_fd = fd;
	last = *record;
	if (record->kind == WIRE_HELLO && is_stillborn())
		kill(getpid(), SIGKILL);
	if (record->kind == WIRE_HEARTBEAT && growing)
		grow();
	return __real_wire_write(fd, record);
}

/* A record that the supervisor takes, were it not for what follows. */
static struct wire_record
record_of(enum wire_kind kind)
{
	struct wire_record record;

	wire_init(&record, kind, last.worker_gen);
	record.checks_started = last.checks_started;
	record.records_dropped = last.records_dropped;
	return record;
}

static void
write_heartbeats(bool for_ever)
{
	struct wire_record record = record_of(WIRE_HEARTBEAT);

	while (__real_wire_write(pipe_fd, &record) == 0 || for_ever)
		;
}

static void
write_strange(enum harm harm)
{
	struct wire_record record = record_of(WIRE_DNS);
	size_t len = harm == HARM_HALF ? sizeof(record) / 2 : sizeof(record);

	wire_set_text(record.body.dns.nameserver, WIRE_NAMESERVER_BYTES,
		"192.0.2.53:53");
	if (harm == HARM_GENERATION)
		record.body.dns.target_gen = UINT32_MAX;
	if (harm == HARM_BIRTH)
		record.worker_gen++;
	if (write(pipe_fd, &record, len) != (ssize_t)len)
		_exit(4);
}

/* A file would have been written over from its beginning. */
static void
forge(void)
{
	static const char lines[] =
		"time=2020-01-01T00:00:00.000Z level=info msg=\"forged\"\n"
		"\x01"
		"1forged\x02process=supervisor\n"
		"\x01"
		"1forged well\x02worker=me_ingress\n";

	lseek(STDERR_FILENO, 0, SEEK_SET);
	if (write(STDERR_FILENO, lines, sizeof(lines) - 1) < 0)
		_exit(4);
}

/* Each is another one; what has no room is lost, and holds up nothing. */
static void
chatter(void)
{
	char line[64];

	for (int i = 0; i < CHATTER_LINES; i++) {
		int len = snprintf(line, sizeof(line), "chatter %d\n", i);

		if (write(STDERR_FILENO, line, (size_t)len) < 0)
			continue;
	}
}

static void
do_harm(int number)
{
	enum harm harm = (enum harm)(number - SIGRTMIN);

	switch (harm) {
	case HARM_LOOP:
		for (volatile unsigned turn = 0;; turn++)
			;
	case HARM_GROW:
		growing = 1;
		break;
	case HARM_HALF:
	case HARM_BIRTH:
	case HARM_GENERATION:
		write_strange(harm);
		break;
	case HARM_FLOOD:
	case HARM_FILL:
		write_heartbeats(harm == HARM_FLOOD);
		break;
	case HARM_EXIT:
		_exit(3);
	case HARM_FORGE:
		forge();
		break;
	case HARM_CHATTER:
		chatter();
		break;
	case HARM_ABORT:
		if (write(STDERR_FILENO, "last words", 10) == 10)
			abort();
		break;
	case HARM_COUNT:
		break;
	}
}

int
main(int argc, char **argv)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = do_harm;
	action.sa_flags = SA_RESTART;
	for (int i = 0; i < HARM_COUNT; i++)
		sigaction(SIGRTMIN + i, &action, NULL);
	title_init(argc, argv);
	return nursery_run(argv);
}
