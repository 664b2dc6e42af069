/* SPDX-License-Identifier: Apache-2.0 */
/* Which neighbours a node checks; see ring.h. */
#include "supervisor/ring.h"

#include <stdlib.h>
#include <string.h>

/* Once round the ring: the subtraction wraps. */
static uint64_t
distance(uint64_t own_hash, uint64_t node_hash)
{
	return node_hash - own_hash;
}

static int
compare_bool(bool a, bool b)
{
	return a == b ? 0 : a ? -1 : 1;
}

static int
compare(const void *left, const void *right, void *own_hash)
{
	const struct ring_candidate *a = left, *b = right;
	uint64_t own = *(const uint64_t *)own_hash;
	uint64_t a_distance = distance(own, a->node_hash);
	uint64_t b_distance = distance(own, b->node_hash);
	int order;

	if (a_distance != b_distance)
		return a_distance < b_distance ? -1 : 1;
	order = strcmp(a->node_name, b->node_name);
	if (order == 0)
		order = compare_bool(a->ready, b->ready);
	if (order == 0)
		order = compare_bool(a->selected, b->selected);
	return order != 0 ? order : strcmp(a->pod_name, b->pod_name);
}

size_t
ring_select(struct ring_candidate *candidates, size_t count, uint64_t own_hash,
	int64_t limit)
{
	size_t n = 0;

	if (count > 0)
		qsort_r(candidates, count, sizeof(*candidates), compare,
			&own_hash);
	for (size_t i = 0; i < count; i++) {
		if (limit > 0 && n == (uint64_t)limit)
			break;
		if (n > 0 && strcmp(candidates[n - 1].node_name,
				     candidates[i].node_name) == 0)
			continue;
		candidates[n++] = candidates[i];
	}
	return n;
}
