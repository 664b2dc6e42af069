/* SPDX-License-Identifier: Apache-2.0 */
/* An honest neighbour; see ask.h. */
#include "bench/ask.h"

#include "bench/args.h"
#include "common/clock.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define ASK_EVERY_NS (2 * NS_PER_MS)

void
get_or_die(const struct http_get_request *request,
	struct http_get_answer *ret_answer)
{
	int error = http_get(request, ret_answer);

	errno = -error;
	if (error < 0)
		die("%s", request->path);
	if (ret_answer->status != 200)
		die("%s: status %d", request->path, ret_answer->status);
}

void
ask_until(uint64_t end_mono_ns, uint16_t port, struct stats *took)
{
	const struct http_get_request request = {
		.port = port,
		.path = "/alwayshappy",
	};
	struct http_get_answer answer;
	uint64_t due_ns = clock_mono_ns();

	while (due_ns < end_mono_ns) {
		const struct timespec due = {
			(time_t)(due_ns / NS_PER_S),
			(long)(due_ns % NS_PER_S),
		};

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
		get_or_die(&request, &answer);
		if (stats_add(took, answer.took_ns) < 0)
			die("out of memory");
		/* Late: the next one is asked at once, none is left out. */
		due_ns += ASK_EVERY_NS;
	}
}

void
print_asked(const char *name, struct stats *took)
{
	printf("%s_count %zu\n", name, took->count);
	printf("%s_p50_us %.1f\n", name, stats_percentile_us(took, 50));
	printf("%s_p99_us %.1f\n", name, stats_percentile_us(took, 99));
	printf("%s_max_us %.1f\n", name, stats_percentile_us(took, 100));
}
