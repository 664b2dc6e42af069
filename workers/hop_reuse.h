/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hop and the pool of kept connections: when one may be used, and when one
 * may be kept.
 */
#ifndef WORKERS_HOP_REUSE_H
#define WORKERS_HOP_REUSE_H

#include <stdbool.h>

struct hop;

/* Puts a kept connection into the hop's transport, unwatched. */
bool hop_reuse_take(struct hop *hop);
/*
 * After an answer: the connection goes to the pool, if the answer and the
 * configuration allow it.  False: it is still the hop's.
 */
bool hop_reuse_keep(struct hop *hop);

#endif
