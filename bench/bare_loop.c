/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bare_loop: the yardstick.  One process makes the system calls that a check
 * over a new connection needs, and nothing else.  Printed is what a check cost
 * in CPU, and how long it seemed to take.  What a careful prober costs beyond
 * this is the price of its care: of separate processes, too.
 */
#include "bench/args.h"
#include "bench/bare_prober.h"
#include "bench/stats.h"
#include "common/clock.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MAX_TARGETS 10000
#define PATIENCE_S  10

struct measurement {
	uint64_t begin_ns, end_ns; /* the window, on CLOCK_MONOTONIC */
	bool begun;
	uint64_t used_ns; /* CPU: at its begin, then in it */
	uint64_t failed_count;
	struct stats all[4];
};

static uint64_t
cpu_ns(void)
{
	struct timespec used;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) < 0)
		die("CPU clock");
	return (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec;
}

static void
print_result(uint64_t used_ns, uint64_t failed_count, struct stats *all)
{
	static const char *const names[] = { "request_own", "request_stamped",
		"wait_own", "wait_stamped" };

	printf("checks %zu\nfailed %zu\n", all[0].count, (size_t)failed_count);
	printf("cpu_us_per_check %.1f\n",
		(double)used_ns / 1e3 /
			(double)(all[0].count + (size_t)failed_count));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		printf("%s_mean_us %.1f\n%s_p99_us %.1f\n", names[i],
			stats_mean_us(&all[i]), names[i],
			stats_percentile_us(&all[i], 99));
}

static void
add_record(const struct bare_record *record, uint64_t *failed_count,
	struct stats *all)
{
	if (!record->ok) {
		(*failed_count)++;
		return;
	}
	if (stats_add(&all[0], record->request_own_ns) < 0 ||
		stats_add(&all[1], record->request_stamped_ns) < 0 ||
		stats_add(&all[2], record->wait_own_ns) < 0 ||
		stats_add(&all[3], record->wait_stamped_ns) < 0)
		die("out of memory");
}

/* CPU and times of all checks that end within the window. */
static bool
on_record(void *arg, const struct bare_record *record)
{
	struct measurement *measurement = arg;

	if (measurement->begun) {
		add_record(
			record, &measurement->failed_count, measurement->all);
	} else if (record->ended_mono_ns >= measurement->begin_ns) {
		measurement->begun = true;
		measurement->used_ns = cpu_ns();
	}
	if (record->ended_mono_ns < measurement->end_ns)
		return true;
	measurement->used_ns = cpu_ns() - measurement->used_ns;
	return false;
}

static _Noreturn void
usage(int code)
{
	fprintf(code == 0 ? stdout : stderr,
		"usage: bare_loop --port PORT [--ca FILE] [--rate 100] "
		"[--targets 20]\n"
		"       [--warmup SECONDS] [--duration SECONDS]\n"
		"With --ca: https, the server's certificate is verified.\n");
	exit(code);
}

static void
parse_options(int argc, char **argv, struct bare_options *ret_options)
{
	static const struct option known[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "ca", required_argument, NULL, 'c' },
		{ "rate", required_argument, NULL, 'r' },
		{ "targets", required_argument, NULL, 't' },
		{ "warmup", required_argument, NULL, 'w' },
		{ "duration", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct bare_options options = { .rate = 100,
		.targets = 20,
		.warmup_ns = NS_PER_S,
		.duration_ns = 5 * NS_PER_S };
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'p')
			options.port = (uint16_t)args_number(
				"--port", optarg, 1, UINT16_MAX);
		else if (option == 'c')
			options.ca = optarg;
		else if (option == 'r')
			options.rate = args_number("--rate", optarg, 1, 100000);
		else if (option == 't')
			options.targets = args_number(
				"--targets", optarg, 1, MAX_TARGETS);
		else if (option == 'w')
			options.warmup_ns = NS_PER_S * args_number("--warmup",
							       optarg, 0, 600);
		else if (option == 'd')
			options.duration_ns =
				NS_PER_S *
				args_number("--duration", optarg, 1, 600);
		else
			usage(option == 'h' ? 0 : 2);
	}
	if (options.port == 0 || optind != argc)
		usage(2);
	*ret_options = options;
}

int
main(int argc, char **argv)
{
	struct bare_options options;
	struct measurement measurement = { .begun = false };

	parse_options(argc, argv, &options);
	measurement.begin_ns = clock_mono_ns() + options.warmup_ns;
	measurement.end_ns = measurement.begin_ns + options.duration_ns;
	for (size_t i = 0; i < 4; i++)
		stats_init(&measurement.all[i]);
	options.on_record = on_record;
	options.arg = &measurement;
	/* A server that answers nothing must not hold us for ever. */
	alarm(PATIENCE_S +
		(unsigned)((options.warmup_ns + options.duration_ns) /
			   NS_PER_S));
	bare_prober_run(&options);
	print_result(
		measurement.used_ns, measurement.failed_count, measurement.all);
	for (size_t i = 0; i < 4; i++)
		stats_fini(&measurement.all[i]);
	return measurement.failed_count == 0 ? 0 : 1;
}
