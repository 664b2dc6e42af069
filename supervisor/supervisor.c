/* SPDX-License-Identifier: Apache-2.0 */
/* The parent of all; see supervisor.h. */
#include "supervisor/supervisor.h"

#include "common/clock.h"
#include "common/image.h"
#include "common/log.h"
#include "common/signal_name.h"
#include "supervisor/check_files.h"
#include "supervisor/http_tls.h"
#include "supervisor/metric_families.h"
#include "supervisor/plan.h"
#include "supervisor/privileges.h"
#include "supervisor/reload.h"
#include "supervisor/sandbox.h"
#include "supervisor/service_account.h"
#include "supervisor/status.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* How often workers are judged: silence (WORKER_SILENCE_NS) is noticed so much
 * later at most, and has to be within three seconds. */
#define TICK_NS (250 * NS_PER_MS)
_Static_assert(TICK_NS % WORKER_PIPES_LATE_NS == 0,
	"the loop is woken for both at the same time");
/* A scrape of ten neighbours takes a millisecond; who reads slowly gets text
 * of more than one moment. */
#define SCRAPE_HOLD_NS (50 * NS_PER_MS)
/* Connections in flight may take so long at the end (contract). */
#define FAREWELL_NS (5 * NS_PER_S)

static void
die(struct supervisor *supervisor)
{
	supervisor->exit_code = EXIT_CODE_FAILED;
	loop_stop(supervisor->loop);
}

/* ------------------------------------------------------------- children */

static void
on_born(struct nursery *nursery, const struct control_born *born)
{
	worker_pool_born(
		&LOOP_OWNER(nursery, struct supervisor, nursery)->pool, born);
}

static void
on_ended(struct nursery *nursery, pid_t pid,
	const struct worker_exit *worker_exit)
{
	worker_pool_reaped(
		&LOOP_OWNER(nursery, struct supervisor, nursery)->pool, pid,
		worker_exit);
}

static void
on_memory(struct nursery *nursery, uint32_t worker_gen, int memory_fd)
{
	worker_pool_take_memory(
		&LOOP_OWNER(nursery, struct supervisor, nursery)->pool,
		worker_gen, memory_fd);
}

static void
on_nursery_gone(struct nursery *nursery)
{
	struct supervisor *supervisor =
		LOOP_OWNER(nursery, struct supervisor, nursery);

	LOG_ERROR("the nursery has ended, and so must this program");
	nursery_stop(nursery);
	die(supervisor);
}

/* As PID 1 of a container there may be others' orphans among them. */
static void
reap(struct supervisor *supervisor)
{
	struct worker_exit worker_exit;
	pid_t pid;

	while ((pid = worker_exit_collect(-1, WNOHANG, &worker_exit)) > 0)
		if (!worker_pool_reaped(&supervisor->pool, pid, &worker_exit) &&
			pid == supervisor->nursery.pid)
			supervisor->nursery.pid = 0;
}

/* -------------------------------------------------------------- shutdown */

static void
on_drained(void *arg)
{
	struct supervisor *supervisor = arg;

	loop_stop(supervisor->loop);
}

static void
on_shutdown(struct loop_timer *timer)
{
	struct supervisor *supervisor =
		LOOP_OWNER(timer, struct supervisor, shutdown);

	http_server_quiesce(
		supervisor->http, FAREWELL_NS, on_drained, supervisor);
}

/*
 * /ready turns 503 at once; checks end and count nowhere, for the network of a
 * node or pod that is going down says nothing; serving goes on for a while, so
 * that everyone who checks this node has noticed.
 */
static void
begin_shutdown(struct supervisor *supervisor, int signal_number)
{
	int64_t duration_ns = supervisor->conf->shutdown_duration_ns;

	if (supervisor->stopping) {
		LOG_WARN("a second signal: ending at once");
		die(supervisor);
		return;
	}
	LOG_INFO(
		"shutting down", LOG_STR("signal", signal_name(signal_number)));
	supervisor->stopping = true;
	notify_send(&supervisor->notify, "STOPPING=1\nSTATUS=shutting down");
	worker_pool_stop(&supervisor->pool);
	loop_timer_start(supervisor->loop, &supervisor->shutdown,
		clock_mono_ns() +
			(duration_ns > 0 ? (uint64_t)duration_ns : 0));
}

static void
on_signal(struct loop_watch *watch, unsigned ready)
{
	struct supervisor *supervisor =
		LOOP_OWNER(watch, struct supervisor, signal_watch);
	struct signalfd_siginfo info;

	(void)ready;
	while (read(supervisor->signal_fd, &info, sizeof(info)) ==
		(ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			reap(supervisor);
			break;
		case SIGHUP:
			if (!supervisor->stopping)
				supervisor_reload(supervisor);
			break;
		default: /* SIGTERM, SIGINT: there is no enum of signals */
			begin_shutdown(supervisor, (int)info.ssi_signo);
			break;
		}
	}
}

static sigset_t
own_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	return set;
}

/*
 * From the first moment on, they wait for the loop: process 1 of a container
 * would not even end by one that comes while it starts.
 */
static void
block_signals(void)
{
	sigset_t set = own_signals();

	signal(SIGPIPE, SIG_IGN);
	/* who is started by somebody that ignores it has no children to wait
	 * for (waitpid(2)) */
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_BLOCK, &set, NULL); /* fails for bad arguments only */
}

static int
open_signals(struct supervisor *supervisor)
{
	sigset_t set = own_signals();

	supervisor->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (supervisor->signal_fd < 0)
		return -errno;
	loop_watch_init(&supervisor->signal_watch, on_signal);
	return loop_watch_open(supervisor->loop, &supervisor->signal_watch,
		supervisor->signal_fd, LOOP_READ);
}

/* ------------------------------------------------------------------ time */

static void
on_tick(struct loop_timer *timer)
{
	struct supervisor *supervisor =
		LOOP_OWNER(timer, struct supervisor, tick);
	uint64_t now_ns = clock_mono_ns();
	uint64_t late_ns = clock_since_ns(now_ns, timer->due_mono_ns);

	worker_pool_judge(&supervisor->pool, now_ns, late_ns);
	log_relay_tick(&supervisor->nursery.log, now_ns);
	if (worker_pool_is_lost(&supervisor->pool, now_ns))
		die(supervisor);
	registry_expire(supervisor->registry, now_ns,
		(uint64_t)supervisor->conf->series_ttl_ns);
	series_budget_report(&supervisor->series_budget, now_ns);
	status_first_round_ended(supervisor);
	if (supervisor->notify.watchdog_ns > 0 &&
		now_ns >= supervisor->watchdog_due_ns) {
		notify_send(&supervisor->notify, "WATCHDOG=1");
		supervisor->watchdog_due_ns =
			now_ns + supervisor->notify.watchdog_ns;
	}
	loop_timer_start(
		supervisor->loop, timer, now_ns - now_ns % TICK_NS + TICK_NS);
}

static void
on_result(struct worker_pool *pool)
{
	status_first_round_ended(LOOP_OWNER(pool, struct supervisor, pool));
}

/* Before each scrape. */
static void
on_collect(void *arg)
{
	struct supervisor *supervisor = arg;

	worker_pool_read(&supervisor->pool);
	worker_pool_hold(&supervisor->pool, clock_mono_ns() + SCRAPE_HOLD_NS);
	series_set(supervisor->series.incoming_checks,
		(double)origins_count(supervisor->origins, clock_mono_ns()));
}

/* --------------------------------------------------------------- start-up */

static int
open_registry(struct supervisor *supervisor)
{
	const struct conf *conf = supervisor->conf;
	const struct conf_buckets *buckets = &conf->histogram_buckets;
	int rc;

	supervisor->registry = registry_new(METRIC_ID_COUNT, SERIES_BUDGET_OWN);
	if (supervisor->registry == NULL)
		return -ENOMEM;
	rc = metric_families_register(supervisor->registry, buckets->bounds_s,
		buckets->n_bounds, conf->victoriametrics_histogram,
		conf->legacy_metrics);
	series_budget_init(&supervisor->series_budget, supervisor->registry);
	return rc;
}

static void
open_own_series(struct supervisor *supervisor)
{
	struct registry *registry = supervisor->registry;
	struct supervisor_series *series = &supervisor->series;
	const char *const version[] = { PACKAGE_VERSION };

	series->incoming_checks = registry_get(
		registry, METRIC_NEIGHBOURHOOD_INCOMING_CHECKS, NULL);
	series->reload_successful =
		registry_get(registry, METRIC_CONFIG_RELOAD_SUCCESSFUL, NULL);
	series->reload_success_time =
		registry_get(registry, METRIC_CONFIG_RELOAD_SUCCESS_TIME, NULL);
	series->build_info = registry_get(registry, METRIC_BUILD_INFO, version);
	if (supervisor->http_tls != NULL) {
		series->tls_reload_successful = registry_get(
			registry, METRIC_TLS_RELOAD_SUCCESSFUL, NULL);
		series_set(series->tls_reload_successful, 1);
	}
	series_set(series->build_info, 1);
	series_set(series->reload_successful, 1);
	series_set(series->reload_success_time,
		(double)clock_unix_ns() / (double)NS_PER_S);
}

static int
start_nursery(struct supervisor *supervisor)
{
	const struct conf *conf = supervisor->conf;
	struct control_nursery settings = {
		.log_level = conf->log_level,
		.supervisor_pid = getpid(),
		.sandbox = conf->sandbox,
		.api_insecure = conf->api_server_insecure,
		.api_host = conf->api_server_host,
		.api_port = conf->api_server_port,
		.api_dns = conf->api_server_dns,
		.api_direct_url = conf->api_server_direct_target,
		.api_dns_url = conf->api_server_dns_target,
		.http_proxy = conf->http_proxy,
		.https_proxy = conf->https_proxy,
		.no_proxy = conf->no_proxy,
		.token_path = SERVICE_ACCOUNT_TOKEN,
		.service_ca_path =
			service_account_has_ca() ? SERVICE_ACCOUNT_CA : "",
		.extra_ca_path = conf->extra_ca,
	};
	int rc;

	supervisor->nursery.on_born = on_born;
	supervisor->nursery.on_ended = on_ended;
	supervisor->nursery.on_memory = on_memory;
	supervisor->nursery.on_gone = on_nursery_gone;
	rc = nursery_start(&supervisor->nursery, supervisor->loop,
		supervisor->executable_fd, &settings);
	close(supervisor->executable_fd);
	supervisor->executable_fd = -1;
	return rc;
}

static int
open_http(struct supervisor *supervisor, char *error, size_t error_bytes)
{
	struct listener_list listeners;
	struct http_server_options options = { 0 };
	struct http_source source = status_source(supervisor);

	if (supervisor->conf->use_tls) {
		supervisor->http_tls =
			http_tls_open(supervisor->conf->cert_file,
				supervisor->conf->cert_key, error, error_bytes);
		if (supervisor->http_tls == NULL)
			return -EINVAL;
	}
	listener_list_fill(&listeners, supervisor->conf, supervisor->http_tls);
	options.listeners = listeners.options;
	options.n_listeners = listeners.count;
	supervisor->http = http_server_open(
		supervisor->loop, &options, &source, error, error_bytes);
	return supervisor->http != NULL ? 0 : -EADDRINUSE;
}

/* The neighbours to check are others now. */
static void
on_neighbours(struct neighbours *neighbours)
{
	struct supervisor *supervisor =
		LOOP_OWNER(neighbours, struct supervisor, neighbours);

	if (supervisor->stopping)
		return;
	if (neighbours_plan(neighbours, &supervisor->targets, clock_mono_ns()) <
		0)
		LOG_ERROR("no memory for all neighbours");
	worker_pool_update(&supervisor->pool, WORKER_PATH);
}

static int
start_pool(struct supervisor *supervisor)
{
	struct worker_pool *pool = &supervisor->pool;

	supervisor->neighbours.loop = supervisor->loop;
	supervisor->neighbours.registry = supervisor->registry;
	supervisor->neighbours.targets = &supervisor->targets;
	supervisor->neighbours.on_change = on_neighbours;
	neighbours_init(&supervisor->neighbours);

	supervisor->aggregate.registry = supervisor->registry;
	supervisor->aggregate.neighbour_detail =
		supervisor->conf->neighbour_detail;
	pool->loop = supervisor->loop;
	pool->nursery = &supervisor->nursery;
	pool->registry = supervisor->registry;
	pool->aggregate = &supervisor->aggregate;
	pool->targets = &supervisor->targets;
	pool->neighbours = &supervisor->neighbours;
	pool->log_level = supervisor->conf->log_level;
	pool->on_result = on_result;
	return worker_pool_init(pool);
}

int
supervisor_plan(struct supervisor *supervisor)
{
	uint64_t now_ns = clock_mono_ns();
	int rc;

	series_budget_apply(&supervisor->series_budget, supervisor->conf);
	rc = plan_checks(&supervisor->targets, supervisor->conf, now_ns);

	if (neighbours_configure(&supervisor->neighbours, supervisor->conf))
		worker_pool_replace_discovery(&supervisor->pool);
	if (rc == 0)
		rc = neighbours_plan(
			&supervisor->neighbours, &supervisor->targets, now_ns);
	worker_pool_update_all(&supervisor->pool);
	return rc;
}

static void
log_skipped(const struct supervisor *supervisor)
{
	static const enum worker_type built_in[] = { WORKER_API_SERVER_DIRECT,
		WORKER_API_SERVER_DNS, WORKER_ME_INGRESS, WORKER_ME_SERVICE };

	for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++)
		if (plan_skips(supervisor->conf, built_in[i]))
			LOG_INFO("check is off or has no target: skipped",
				LOG_STR("type", worker_type_name(built_in[i])));
}

/* What may fail, in the order in which it is needed.  NULL: all is well. */
static const char *
bring_up(struct supervisor *supervisor, char *error, size_t error_bytes)
{
	int rc = 0;

	supervisor->loop = loop_new();
	if (supervisor->loop == NULL)
		return "event loop";
	if ((rc = open_signals(supervisor)) < 0)
		snprintf(error, error_bytes, "signals: %s", strerror(-rc));
	else if ((rc = start_nursery(supervisor)) < 0)
		snprintf(error, error_bytes, "nursery: %s%s",
			rc == -EACCES ? "this user may not execute "
					"kubenurse-worker: "
				      : "",
			strerror(-rc));
	else if ((rc = open_registry(supervisor)) < 0)
		snprintf(error, error_bytes, "registry: %s", strerror(-rc));
	else if ((rc = open_http(supervisor, error, error_bytes)) == 0)
		rc = http_server_start(supervisor->http, error, error_bytes);
	if (rc < 0)
		return error;
	supervisor->origins = origins_new(origins_lifetime_ns(
		(uint64_t)supervisor->conf->check_interval_ns));
	supervisor->process_metrics =
		process_metrics_start(supervisor->registry);
	if (supervisor->origins == NULL ||
		registry_on_collect(
			supervisor->registry, on_collect, supervisor) < 0)
		return "no memory";
	open_own_series(supervisor);
	if (start_pool(supervisor) < 0)
		return "event loop";
	reload_watch_files(supervisor);
	/* nothing has to be opened any more that a reload cannot do without */
	rc = supervisor_sandbox_enter(
		supervisor->conf, &supervisor->conf_input);
	if (rc < 0) {
		snprintf(error, error_bytes, "sandbox: %s", strerror(-rc));
		return error;
	}
	return NULL;
}

static void
take_down(struct supervisor *supervisor)
{
	nursery_stop(&supervisor->nursery);
	worker_pool_fini(&supervisor->pool);
	http_server_free(supervisor->http);
	http_tls_free(supervisor->http_tls);
	if (supervisor->loop != NULL)
		file_watch_fini(&supervisor->file_watch);
	process_metrics_free(supervisor->process_metrics);
	origins_free(supervisor->origins);
	target_table_fini(&supervisor->targets, clock_mono_ns());
	neighbours_fini(&supervisor->neighbours);
	registry_free(supervisor->registry);
	notify_close(&supervisor->notify);
	if (supervisor->signal_fd >= 0) {
		loop_watch_close(supervisor->loop, &supervisor->signal_watch);
		close(supervisor->signal_fd);
	}
	loop_free(supervisor->loop);
	conf_free(supervisor->conf);
}

static void
serve(struct supervisor *supervisor)
{
	int rc;

	loop_timer_init(&supervisor->tick, on_tick);
	loop_timer_init(&supervisor->shutdown, on_shutdown);
	loop_timer_start(
		supervisor->loop, &supervisor->tick, clock_mono_ns() + TICK_NS);
	if (supervisor_plan(supervisor) < 0)
		LOG_ERROR("no memory for all targets");
	log_skipped(supervisor);
	LOG_INFO("kubenurse is up", LOG_STR("version", PACKAGE_VERSION),
		LOG_INT("targets", supervisor->targets.count));
	reload_log_idle(supervisor);
	notify_send(&supervisor->notify, "READY=1\nSTATUS=checking");
	image_give_back();
	rc = loop_run(supervisor->loop);
	if (rc < 0) {
		LOG_ERROR("the event loop failed", LOG_ERRNO(-rc));
		supervisor->exit_code = EXIT_CODE_FAILED;
	}
}

/* Root on a host becomes an ordinary user.  What fails is logged. */
static int
become_user(struct supervisor *supervisor)
{
	const char *user;
	int rc = privileges_become(supervisor->conf->user, &user);

	if (rc < 0)
		/* EPERM: root that may not; EINVAL: a user namespace without
		 * this user */
		LOG_ERROR("cannot become the user", LOG_STR("user", user),
			rc == -ENOENT
				? LOG_STR("error", "there is no such user")
				: LOG_ERRNO(-rc),
			LOG_STR("hint", rc == -ENOENT
						? "set the key user"
						: "start it as this user, or "
						  "with user = root"));
	else if (rc > 0 && strcmp(user, PRIVILEGES_SHARED_USER) == 0)
		LOG_WARN("this user is shared with other daemons",
			LOG_STR("user", user),
			LOG_STR("hint", "create a system user kubenurse, or "
					"set the key user"));
	if (rc > 0)
		supervisor->conf_input.user = strdup(user);
	return rc;
}

enum exit_code
supervisor_run(struct conf *conf, const struct conf_input *input,
	const struct file_stamp *stamp)
{
	static struct supervisor supervisor = { .signal_fd = -1,
		.nursery.fd = -1 };
	const char *path, *problem;
	char error[512];
	int rc;

	block_signals();
	supervisor.conf = conf;
	supervisor.conf_input = *input;
	supervisor.conf_stamp = *stamp;
	supervisor.started_mono_ns = clock_mono_ns();
	gethostname(supervisor.host_name, sizeof(supervisor.host_name) - 1);
	log_setup(conf->log_level, conf->log_format);
	supervisor.executable_fd = nursery_open_executable(&path);
	if (supervisor.executable_fd < 0) {
		LOG_ERROR("cannot open the worker program",
			LOG_STR("path", path),
			LOG_ERRNO(-supervisor.executable_fd));
		return EXIT_CODE_FAILED;
	}
	rc = notify_open(&supervisor.notify);
	if (rc < 0)
		LOG_WARN("cannot tell the service manager", LOG_ERRNO(-rc));
	privileges_raise_fd_limit();
	/* in a pod it stays what the manifest says */
	if (!input->has_token) {
		check_files_hold(conf, stamp);
		if (become_user(&supervisor) < 0)
			return EXIT_CODE_FAILED;
		check_files_settle();
		conf_log_unreadable(conf, &supervisor.conf_input);
	}
	if (nursery_is_exposed(path))
		LOG_WARN("the programs are readable: other processes of this "
			 "user can trace them while they start",
			LOG_STR("path", path),
			LOG_STR("hint", "install both with mode 0711, owned by "
					"root"));
	problem = bring_up(&supervisor, error, sizeof(error));
	if (problem != NULL) {
		LOG_ERROR("cannot start", LOG_STR("error", problem));
		supervisor.exit_code = EXIT_CODE_FAILED;
	} else {
		serve(&supervisor);
	}
	take_down(&supervisor);
	return supervisor.exit_code;
}
