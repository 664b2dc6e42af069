/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the workers that check do with their messages: all kinds but discovery.
 * Targets come and go, and a check under way may end before the worker does.
 */
#ifndef WORKERS_PROBER_H
#define WORKERS_PROBER_H

struct worker;
struct worker_body;

extern const struct worker_body prober_body;

/* A check has started, or ended: bookkeeping for heartbeat and drain. */
void prober_check_started(struct worker *worker);
void prober_check_ended(struct worker *worker);

#endif
