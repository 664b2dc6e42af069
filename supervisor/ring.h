/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which neighbours a node checks.  All nodes stand on a ring by a hash of
 * their names; each checks those that follow it, so that without a word
 * between them every node of n > limit is checked by exactly limit others, and
 * one that comes or goes changes the sets of limit others.  A pure function.
 */
#ifndef SUPERVISOR_RING_H
#define SUPERVISOR_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring_candidate {
	uint64_t node_hash;
	const char *node_name;
	const char *pod_name;
	bool ready;
	bool selected; /* it has been so far: of two equals it stays */
	void *owner;   /* the caller's */
};

/*
 * Brings the selected ones to the front, nearest first, and returns how many
 * they are.  Of several pods on one node one counts, a ready one before
 * others.  limit <= 0: none.
 */
size_t ring_select(struct ring_candidate *candidates, size_t count,
	uint64_t own_hash, int64_t limit);

#endif
