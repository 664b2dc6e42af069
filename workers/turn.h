/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much one connection may do in one turn of the event loop, so that a peer
 * that sends as fast as it is read delays no other target: so many reads, and
 * no further one once the turn has lasted TURN_NS.  The first read is always
 * allowed: every connection gets on in every turn.
 */
#ifndef WORKERS_TURN_H
#define WORKERS_TURN_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Counted from the start of the loop's turn, so all connections of a worker
 * share it.  A tenth of the 5 ms that a check may be late beside a hostile
 * server (docs/benchmarks.md).
 */
#define TURN_NS (500 * 1000ULL)

struct turn {
	uint64_t until_mono_ns;
	unsigned reads_left;
	bool has_read;
	bool is_over; /* a read was refused */
};

/* now_ns: when the loop's turn began, as loop_now_ns() says. */
void turn_begin(struct turn *turn, unsigned read_count, uint64_t now_ns);
/* The same without a limit of time, for a connection that is just made. */
void turn_begin_first(struct turn *turn, unsigned read_count);
/* Takes one read.  False: the turn is over. */
bool turn_take_read(struct turn *turn);

#endif
