/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bare loop itself: it makes the system calls that a check over a new
 * connection needs, and nothing else, at the times at which kubenurse would
 * make them.
 */
#ifndef BENCH_BARE_PROBER_H
#define BENCH_BARE_PROBER_H

#include <stdbool.h>
#include <stdint.h>

struct bare_record;

struct bare_options {
	uint16_t port; /* at 127.0.0.1 */
	uint64_t rate; /* checks a second, over all targets */
	uint64_t targets;
	uint64_t warmup_ns, duration_ns;
	const char *ca; /* NULL: http */
	/* Of each check that has ended.  False: it was the last. */
	bool (*on_record)(void *arg, const struct bare_record *record);
	void *arg;
};

struct bare_record {
	uint64_t ended_mono_ns;
	/* from the start to the end of the headers: own clock, kernel's stamp
	 */
	uint64_t request_own_ns, request_stamped_ns;
	/* the same from when the request was written */
	uint64_t wait_own_ns, wait_stamped_ns;
	uint64_t rtt_us;
	bool ok; /* an answer came and the stream ended */
};

/*
 * Each target at its own moment in the interval, as kubenurse spreads targets
 * c1, c2, ... of the same URL (workers/schedule.h), so that both leave each
 * other's connections the same time.
 */
void bare_prober_run(const struct bare_options *options);

#endif
