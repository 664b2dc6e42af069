/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process_* metrics of this process, by the convention of the Prometheus
 * client libraries.  What it needs of /proc is opened once, after the last
 * change of user and before the sandbox, and only read afterwards.
 */
#ifndef SUPERVISOR_PROCESS_METRICS_H
#define SUPERVISOR_PROCESS_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/registry.h"

struct process_metrics;

/* The fields of proc(5) stat that are wanted. */
struct process_stat {
	uint64_t start_ticks; /* since boot */
	uint64_t virtual_bytes;
	uint64_t resident_pages;
};

/*
 * Shows the metrics of families METRIC_PROCESS_*, computed at each scrape.
 * What a hardened /proc does not tell is left out.  Must be freed after the
 * last scrape.  NULL: no memory, or no hook left.
 */
struct process_metrics *process_metrics_start(struct registry *registry);
void process_metrics_free(struct process_metrics *process);

/* text is /proc/PID/stat.  False: it cannot be understood. */
bool process_stat_parse(const char *text, struct process_stat *ret_stat);

#endif
