/* SPDX-License-Identifier: Apache-2.0 */
/* Status codes from the first to the last, both included: what a check takes
 * for success is a list of such ranges. */
#ifndef COMMON_STATUS_RANGE_H
#define COMMON_STATUS_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct status_range {
	uint16_t first;
	uint16_t last;
};

static inline bool
status_range_has(
	const struct status_range *ranges, size_t count, uint16_t status)
{
	for (size_t i = 0; i < count; i++)
		if (ranges[i].first <= status && status <= ranges[i].last)
			return true;
	return false;
}

#endif
