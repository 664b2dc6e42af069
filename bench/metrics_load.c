/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics_load: how long a scrape of /metrics takes, and how long a neighbour
 * waits for /alwayshappy while somebody scrapes without a pause.  A child
 * scrapes, the parent asks.
 */
#include "bench/args.h"
#include "bench/ask.h"
#include "bench/http_get.h"
#include "bench/stats.h"
#include "common/clock.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCRAPE_COUNT 7

static void
scrape(const struct http_get_request *request, const char *name)
{
	struct http_get_answer answer = { .status = 0 };
	struct stats took;

	stats_init(&took);
	for (int i = 0; i < SCRAPE_COUNT; i++) {
		get_or_die(request, &answer);
		if (stats_add(&took, answer.took_ns) < 0)
			die("out of memory");
	}
	if (!request->gzip)
		printf("series %zu\n", answer.series_count);
	printf("%s_bytes %zu\n", name, answer.body_bytes);
	printf("%s_p50_ms %.2f\n", name, stats_percentile_us(&took, 50) / 1e3);
	printf("%s_max_ms %.2f\n", name, stats_percentile_us(&took, 100) / 1e3);
	stats_fini(&took);
}

static pid_t
start_scraper(const struct http_get_request *request)
{
	struct http_get_answer answer;
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == parent)
		get_or_die(request, &answer);
	_exit(0);
}

static void
measure_waiting(
	const struct http_get_request *metrics, uint16_t port, uint64_t for_ns)
{
	struct stats quiet, scraped;
	int status;
	pid_t pid;

	stats_init(&quiet);
	stats_init(&scraped);
	ask_until(clock_mono_ns() + for_ns / 2, port, &quiet);
	pid = start_scraper(metrics);
	ask_until(clock_mono_ns() + for_ns, port, &scraped);
	if (waitpid(pid, &status, WNOHANG) != 0)
		die("the scraper ended before its time");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	print_asked("quiet", &quiet);
	print_asked("scraped", &scraped);
	stats_fini(&quiet);
	stats_fini(&scraped);
}

static _Noreturn void
usage(int code)
{
	fprintf(code == 0 ? stdout : stderr,
		"usage: metrics_load [--port 8080] [--seconds 6] [--gzip]\n"
		"--gzip: the scraper of the second part asks for gzip.\n");
	exit(code);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "seconds", required_argument, NULL, 's' },
		{ "gzip", no_argument, NULL, 'g' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct http_get_request plain = { .port = 8080, .path = "/metrics" };
	struct http_get_request packed;
	uint64_t seconds = 6;
	bool gzip = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'p')
			plain.port = (uint16_t)args_number(
				"--port", optarg, 1, UINT16_MAX);
		else if (option == 's')
			seconds = args_number("--seconds", optarg, 1, 600);
		else if (option == 'g')
			gzip = true;
		else
			usage(option == 'h' ? 0 : 2);
	}
	if (optind != argc)
		usage(2);
	packed = plain;
	packed.gzip = true;
	scrape(&plain, "scrape");
	scrape(&packed, "scrape_gzip");
	fflush(stdout);
	measure_waiting(
		gzip ? &packed : &plain, plain.port, seconds * NS_PER_S);
	return 0;
}
