/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an HTTP side under test has to show: a node with one result, that is
 * ready, and whose first round is over.
 */
#ifndef TESTS_LIB_ONE_RESULT_H
#define TESTS_LIB_ONE_RESULT_H

#include "supervisor/alive.h"

#include <stdbool.h>

static inline bool
one_result_yes(void *arg)
{
	(void)arg;
	return true;
}

static inline void
one_result_fill(struct alive_view *ret_view)
{
	static const struct alive_result results[] = {
		{ .type = "me_service", .text = "ok" },
	};

	*ret_view = (struct alive_view){ .hostname = "node",
		.results = results,
		.n_results = 1,
		.neighbourhood_state = "skipped" };
}

#endif
