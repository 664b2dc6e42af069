/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent of all: brings up the nursery, the listeners and the workers, in
 * that order, keeps them, and takes them down.  It makes no outbound
 * connection and parses nothing that a probed server sent.
 */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include "common/loop.h"
#include "supervisor/aggregate.h"
#include "supervisor/conf.h"
#include "supervisor/file_watch.h"
#include "supervisor/http_server.h"
#include "supervisor/neighbours.h"
#include "supervisor/notify.h"
#include "supervisor/nursery.h"
#include "supervisor/origins.h"
#include "supervisor/process_metrics.h"
#include "supervisor/registry.h"
#include "supervisor/series_budget.h"
#include "supervisor/target.h"
#include "supervisor/worker_pool.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* As the loop may be ended. */
enum exit_code {
	EXIT_CODE_OK = 0,
	EXIT_CODE_FAILED = 1, /* could not start, or a second signal */
	EXIT_CODE_BAD_CONF = 2,
};

/* The supervisor's own gauges. */
struct supervisor_series {
	struct series *incoming_checks;
	struct series *reload_successful;
	struct series *reload_success_time;
	struct series *build_info;
	struct series *tls_reload_successful; /* NULL: no https */
};

struct supervisor {
	struct loop *loop;
	struct conf *conf;
	struct conf_input conf_input; /* to load it again */
	struct file_stamp conf_stamp; /* before it was read at the start */
	const char *conf_path;        /* NULL: no file */
	char host_name[HOST_NAME_MAX + 1];
	bool in_cluster;
	int executable_fd;
	struct notify notify;
	struct nursery nursery;
	struct registry *registry;
	struct series_budget series_budget;
	struct aggregate aggregate;
	struct target_table targets;
	struct worker_pool pool;
	struct neighbours neighbours;
	struct origins *origins;
	struct process_metrics *process_metrics;
	struct http_server *http;
	struct http_tls *http_tls; /* NULL: no https */
	struct file_watch file_watch;
	struct supervisor_series series;
	int signal_fd;
	struct loop_watch signal_watch;
	struct loop_timer tick;
	struct loop_timer shutdown;
	uint64_t started_mono_ns;
	uint64_t watchdog_due_ns;
	unsigned scrape_count; /* being answered */
	bool first_round_ended;
	bool stopping;
	enum exit_code exit_code;
};

/*
 * Runs until a signal ends it.  conf becomes the supervisor's; what input
 * points to must stay; stamp is that of the file before it was read.  The exit
 * code.
 */
enum exit_code supervisor_run(struct conf *conf, const struct conf_input *input,
	const struct file_stamp *stamp);
/* Something in the configuration or in its files may have changed. */
void supervisor_reload(struct supervisor *supervisor);
/* Targets as the configuration has them; tells the workers. */
int supervisor_plan(struct supervisor *supervisor);

#endif
