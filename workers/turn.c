/* SPDX-License-Identifier: Apache-2.0 */
/* The bound of one turn; see turn.h. */
#include "workers/turn.h"

#include "common/clock.h"

void
turn_begin(struct turn *turn, unsigned read_count, uint64_t now_ns)
{
	turn->until_mono_ns = now_ns + TURN_NS;
	turn->reads_left = read_count;
	turn->has_read = turn->is_over = false;
}

void
turn_begin_first(struct turn *turn, unsigned read_count)
{
	turn_begin(turn, read_count, UINT64_MAX - TURN_NS);
}

bool
turn_take_read(struct turn *turn)
{
	turn->is_over =
		turn->reads_left == 0 ||
		(turn->has_read && clock_mono_ns() >= turn->until_mono_ns);
	if (turn->is_over)
		return false;
	turn->reads_left--;
	turn->has_read = true;
	return true;
}
