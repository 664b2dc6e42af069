/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child of bare_loop: it makes the system calls that a check over a new
 * connection needs, and nothing else.
 */
#ifndef BENCH_BARE_PROBER_H
#define BENCH_BARE_PROBER_H

#include <limits.h>
#include <stdint.h>

#define BARE_RECORD_BYTES 512

struct bare_options {
	uint16_t port; /* at 127.0.0.1 */
	uint64_t rate; /* checks a second, over all targets */
	uint64_t targets;
	uint64_t warmup_ns, duration_ns;
	const char *ca; /* NULL: http */
};

/* What goes through the pipe for each check, in one write. */
struct bare_record {
	uint64_t ended_mono_ns;
	/* from the start to the end of the headers: own clock, kernel's stamp
	 */
	uint64_t request_own_ns, request_stamped_ns;
	/* the same from when the request was written */
	uint64_t wait_own_ns, wait_stamped_ns;
	uint64_t rtt_us;
	uint64_t ok; /* 1: an answer came and the stream ended */
	uint64_t unused[BARE_RECORD_BYTES / 8 - 7];
};
_Static_assert(
	sizeof(struct bare_record) == BARE_RECORD_BYTES, "as a real record");
_Static_assert(BARE_RECORD_BYTES <= PIPE_BUF, "one write must be atomic");

/*
 * Checks at equal distances, target after target, until nobody reads the pipe
 * any more (SIGPIPE) or a signal ends it.
 */
_Noreturn void bare_prober_run(const struct bare_options *options, int pipe_fd);

#endif
