/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many neighbours there may be, and how fast discovery may tell of them.
 * Its store, the configuration, the supervisor's table and the supervisor's
 * judgement of a flood all derive from these numbers.
 */
#ifndef COMMON_NEIGHBOUR_LIMITS_H
#define COMMON_NEIGHBOUR_LIMITS_H

/* Four times the nodes of the largest cluster that Kubernetes supports. */
#define NEIGHBOURS_MAX      20000
#define NEIGHBOURS_MAX_TEXT "20000"

/*
 * Records that discovery writes at once: a list in which every neighbour has
 * another name, so that each of the old ones leaves and each new one comes.
 */
#define NEIGHBOUR_RECORDS_BURST (2ULL * NEIGHBOURS_MAX)
/* After that: one rolling update of all neighbours in a minute. */
#define NEIGHBOUR_RECORDS_PER_S 400ULL

#endif
