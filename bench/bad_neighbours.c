/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bad_neighbours: how long an honest neighbour waits for /alwayshappy while
 * others misbehave.  A child keeps many connections that send a byte a second
 * and opens anew those that are cut; each second some more come with rubbish,
 * or vanish in the middle of a request.  The parent asks.
 */
#include "bench/args.h"
#include "bench/ask.h"
#include "bench/stats.h"
#include "common/clock.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLOW_MAX     4000
#define ROUNDS_PER_S 50

struct neighbours {
	uint16_t port;
	size_t slow_count;
	int fds[SLOW_MAX];
};

static int
connect_to(uint16_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("connect");
	return fd;
}

/* The next byte of headers that never end; anew where it was cut. */
static void
trickle(struct neighbours *neighbours, size_t index)
{
	int *fd = &neighbours->fds[index];
	char dropped[512];

	if (recv(*fd, dropped, sizeof(dropped), MSG_DONTWAIT) == 0 ||
		send(*fd, "G", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		close(*fd);
		*fd = connect_to(neighbours->port);
	}
}

static void
spit(uint16_t port, bool vanishes)
{
	static const char rubbish[] = "\x16\x03\x01\x02 rubbish\r\n\r\n";
	const struct linger at_once = { 1, 0 };
	int fd = connect_to(port);

	(void)send(fd, rubbish, sizeof(rubbish) - 1, MSG_NOSIGNAL);
	if (vanishes)
		setsockopt(
			fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

static _Noreturn void
misbehave(struct neighbours *neighbours, pid_t parent)
{
	const struct timespec pause = { 0, NS_PER_S / ROUNDS_PER_S };

	for (unsigned round = 0; getppid() == parent; round++) {
		for (size_t i = round % ROUNDS_PER_S;
			i < neighbours->slow_count; i += ROUNDS_PER_S)
			trickle(neighbours, i);
		for (int i = 0; i < 4; i++)
			spit(neighbours->port, i % 2 == 0);
		nanosleep(&pause, NULL);
	}
	_exit(0);
}

/* Returns when all are connected. */
static pid_t
start_neighbours(struct neighbours *neighbours)
{
	pid_t parent = getpid(), pid;

	for (size_t i = 0; i < neighbours->slow_count; i++)
		neighbours->fds[i] = connect_to(neighbours->port);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		misbehave(neighbours, parent);
	}
	for (size_t i = 0; i < neighbours->slow_count; i++)
		close(neighbours->fds[i]);
	return pid;
}

static void
measure(struct neighbours *neighbours, uint64_t for_ns)
{
	struct stats quiet, harassed;
	int status;
	pid_t pid;

	stats_init(&quiet);
	stats_init(&harassed);
	ask_until(clock_mono_ns() + for_ns / 2, neighbours->port, &quiet);
	pid = start_neighbours(neighbours);
	ask_until(clock_mono_ns() + for_ns, neighbours->port, &harassed);
	if (waitpid(pid, &status, WNOHANG) != 0)
		die("the bad neighbours ended before their time");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	print_asked("quiet", &quiet);
	print_asked("harassed", &harassed);
	stats_fini(&quiet);
	stats_fini(&harassed);
}

static _Noreturn void
usage(int code)
{
	fprintf(code == 0 ? stdout : stderr,
		"usage: bad_neighbours [--port 8080] [--seconds 12] "
		"[--slow 1500]\n");
	exit(code);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "seconds", required_argument, NULL, 's' },
		{ "slow", required_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static struct neighbours neighbours = { .port = 8080,
		.slow_count = 1500 };
	struct rlimit files;
	uint64_t seconds = 12; /* longer than two header timeouts */
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'p')
			neighbours.port = (uint16_t)args_number(
				"--port", optarg, 1, UINT16_MAX);
		else if (option == 's')
			seconds = args_number("--seconds", optarg, 1, 600);
		else if (option == 'n')
			neighbours.slow_count =
				args_number("--slow", optarg, 1, SLOW_MAX);
		else
			usage(option == 'h' ? 0 : 2);
	}
	if (optind != argc)
		usage(2);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	measure(&neighbours, seconds * NS_PER_S);
	return 0;
}
