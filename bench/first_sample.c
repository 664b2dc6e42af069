/* SPDX-License-Identifier: Apache-2.0 */
/*
 * first_sample: starts a program and says how long it takes until a text is
 * seen at its /metrics, from before the fork, with nothing subtracted: neither
 * the exec nor the polling.  Ends the program again, by SIGTERM, then SIGKILL.
 */
#include "bench/args.h"
#include "bench/http_get.h"
#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POLL_EVERY_US 500

static void
pause_us(long us)
{
	const struct timespec pause = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&pause, NULL);
}

/* The program's log goes to stderr; its stdout must not mix with ours. */
static pid_t
start_program(char **command)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid > 0)
		return pid;
	if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		die("dup2");
	execvp(command[0], command);
	die("%s", command[0]);
}

static bool
has_ended(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == pid;
}

static void
end_program(pid_t pid, uint64_t patience_ns)
{
	uint64_t deadline_ns = clock_mono_ns() + patience_ns;

	kill(pid, SIGTERM);
	while (!has_ended(pid)) {
		if (clock_mono_ns() > deadline_ns) {
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
			return;
		}
		pause_us(5000);
	}
}

static _Noreturn void
usage(int code)
{
	fprintf(code == 0 ? stdout : stderr,
		"usage: first_sample [--port 8080] [--find TEXT] "
		"[--timeout SECONDS] -- PROGRAM [ARGUMENT...]\n");
	exit(code);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "find", required_argument, NULL, 'f' },
		{ "timeout", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct http_get_request request = {
		.port = 8080,
		.path = "/metrics",
		.find = "kubenurse_httpclient_requests_total{",
	};
	struct http_get_answer answer = { .found = false };
	uint64_t timeout_s = 20, started_ns, seen_ns;
	int option;
	pid_t pid;

	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (option == 'p')
			request.port = (uint16_t)args_number(
				"--port", optarg, 1, UINT16_MAX);
		else if (option == 'f')
			request.find = optarg;
		else if (option == 't')
			timeout_s = args_number("--timeout", optarg, 1, 600);
		else
			usage(option == 'h' ? 0 : 2);
	}
	if (optind == argc)
		usage(2);
	started_ns = clock_mono_ns();
	pid = start_program(argv + optind);
	for (;;) {
		if (http_get(&request, &answer) == 0 && answer.found)
			break;
		errno = 0;
		if (has_ended(pid))
			die("%s ended", argv[optind]);
		if (clock_mono_ns() - started_ns > timeout_s * NS_PER_S) {
			end_program(pid, NS_PER_S);
			die("no sample after %u s", (unsigned)timeout_s);
		}
		pause_us(POLL_EVERY_US);
	}
	seen_ns = clock_mono_ns();
	end_program(pid, 10 * NS_PER_S);
	printf("first_sample_ms %.1f\n", (double)(seen_ns - started_ns) / 1e6);
	return 0;
}
