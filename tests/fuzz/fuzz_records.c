/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workers that were taken over may write: records whose form is right and
 * whose content is anything, through real pipes into the real pool.  Whatever
 * they say, no account has more series than its budget, /metrics has as many
 * lines as were accounted for, and /alive is JSON.
 *
 * The input is records, each of a head of HEAD_BYTES (which process writes,
 * what kind it is, how many checks it has begun since, how many bytes of the
 * body follow) and a body, which is then made plausible: sums are right and
 * texts are ended, or wire_check() would see no more than fuzz_wire shows.
 */
#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/wire.h"
#include "supervisor/alive.h"
#include "supervisor/conf.h"
#include "supervisor/exposition.h"
#include "supervisor/metric_families.h"
#include "supervisor/series_budget.h"
#include "supervisor/worker_counts.h"
#include "supervisor/worker_pool.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <yajl/yajl_parse.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD_BYTES     5
#define GENERATION     1
#define EXTRA_TARGETS  3
#define TARGETS_MAX    64 /* what /alive shows of them */
#define PROCESSES      (2 * WORKER_TYPE_COUNT)
#define READ_BYTES     700 /* less than a histogram has */
#define ACCOUNT_SERIES 60
#define ACCOUNT_LINES  300

#define REQUIRE(condition)                                                     \
	do {                                                                   \
		if (!(condition))                                              \
			abort();                                               \
	} while (0)

static struct loop *loop;
static struct conf *conf;
static struct nursery nursery;
static struct registry *registry;
static struct aggregate aggregate;
static struct series_budget budget;
static struct target_table targets;
static struct neighbours neighbours;
static struct worker_pool pool;
static int pipe_fds[PROCESSES]; /* the workers' ends */
static int control_fds[PROCESSES];
static uint64_t checks_started[PROCESSES];

/* ------------------------------------------------------------ the supervisor
 */

static void
on_result(struct worker_pool *of)
{
	(void)of;
}

static void
on_change(struct neighbours *of)
{
	REQUIRE(neighbours_plan(of, &targets, clock_mono_ns()) == 0);
}

static void
end_once(void)
{
	loop_free(loop);
	conf_free(conf);
}

static void
start_once(void)
{
	char ini[] = "[kubenurse]\nneighbour_source = static\n"
		     "neighbour_detail = true\n[neighbours]\n"
		     "neighbour = n 192.0.2.1\n";
	char *const no_env[] = { NULL };
	struct conf_input input = { .path = "fuzz.ini",
		.envp = no_env,
		.host_name = "host",
		.stream = fmemopen(ini, sizeof(ini) - 1, "r") };
	struct conf_problems problems;

	REQUIRE(input.stream != NULL);
	conf_problems_init(&problems);
	conf = conf_load(&input, &problems);
	fclose(input.stream);
	conf_problems_fini(&problems);
	loop = loop_new();
	REQUIRE(conf != NULL && loop != NULL && atexit(end_once) == 0);
	/* nothing: the standard error is the fuzzer's */
	log_setup((enum log_level)(LOG_LEVEL_ERROR + 1), LOG_FORMAT_JSON);
}

/* Small budgets, so that an input of some kilobytes reaches them. */
static void
open_registry(void)
{
	static const double bounds_s[] = { .01, 1 };
	const struct registry_budget small = { ACCOUNT_SERIES, ACCOUNT_LINES };

	registry = registry_new(METRIC_ID_COUNT, SERIES_BUDGET_OWN);
	REQUIRE(registry != NULL);
	REQUIRE(metric_families_register(registry, bounds_s, 2, false, true) ==
		0);
	series_budget_init(&budget, registry);
	series_budget_apply(&budget, conf);
	for (unsigned i = REGISTRY_OWN + 1; i < REGISTRY_ACCOUNTS; i++)
		registry_set_budget(registry, i, &small);
	aggregate = (struct aggregate){ .registry = registry,
		.neighbour_detail = true };
}

static void
want_extra(int number)
{
	char name[16];
	const struct target_spec spec = { .key = name,
		.label = name,
		.url = "http://u:p@192.0.2.1/",
		.method = "GET",
		.expect = { { 200, 200 } },
		.expect_count = 1,
		.interval_ns = NS_PER_S,
		.timeout_ns = NS_PER_S,
		.dial_timeout_ns = NS_PER_S };

	snprintf(name, sizeof(name), "t%d", number);
	REQUIRE(target_table_want(&targets, WORKER_EXTRA, &spec, 0, NULL) == 0);
}

/* As it is once the nursery has made it and it has said hello. */
static void
start_process(unsigned number)
{
	struct worker_slot *slot = &pool.slots[number / 2];
	struct worker_process *process = &slot->processes[number % 2];
	int control[2], pipe[2], log_fd = -1;

	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0,
			control) == 0);
	REQUIRE(pipe2(pipe, O_NONBLOCK) == 0);
	REQUIRE(worker_process_ask(process, GENERATION, control[0], pipe[0],
			&log_fd) == 0);
	close(log_fd);
	process->state = number % 2 == 0 ? WORKER_DRAINING : WORKER_SPEAKING;
	control_fds[number] = control[1];
	pipe_fds[number] = pipe[1];
	checks_started[number] = 0;
}

static void
open_supervisor(void)
{
	int pair[2];

	open_registry();
	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) ==
		0);
	close(pair[1]); /* a request for a worker fails */
	memset(&nursery, 0, sizeof(nursery));
	nursery.fd = pair[0];
	nursery.loop = loop;
	target_table_init(&targets);
	for (int i = 0; i < EXTRA_TARGETS; i++)
		want_extra(i);
	memset(&neighbours, 0, sizeof(neighbours));
	neighbours.loop = loop;
	neighbours.registry = registry;
	neighbours.targets = &targets;
	neighbours.on_change = on_change;
	neighbours_init(&neighbours);
	neighbours_configure(&neighbours, conf);
	neighbours_begin(&neighbours);
	memset(&pool, 0, sizeof(pool));
	pool.loop = loop;
	pool.nursery = &nursery;
	pool.registry = registry;
	pool.aggregate = &aggregate;
	pool.targets = &targets;
	pool.neighbours = &neighbours;
	pool.on_result = on_result;
	if (worker_pool_init(&pool) < 0)
		abort();
	for (unsigned i = 0; i < WORKER_TYPE_COUNT; i++) {
		pool.slots[i].wanted = true;
		worker_counts_open(&pool.slots[i]);
	}
	for (unsigned i = 0; i < PROCESSES; i++)
		start_process(i);
}

static void
close_supervisor(void)
{
	worker_pool_fini(&pool);
	for (unsigned i = 0; i < WORKER_TYPE_COUNT; i++)
		loop_timer_stop(loop, &pool.slots[i].restart_timer);
	for (unsigned i = 0; i < PROCESSES; i++) {
		close(control_fds[i]);
		close(pipe_fds[i]);
	}
	loop_timer_stop(loop, &neighbours.plan_timer);
	loop_timer_stop(loop, &neighbours.admit_timer);
	target_table_fini(&targets, clock_mono_ns());
	neighbours_fini(&neighbours);
	registry_free(registry);
	close(nursery.fd);
}

/* --------------------------------------------------------------- the records
 */

/* An id and a generation that there may be, or one beyond. */
static void
bound_target(uint32_t *id, uint32_t *gen)
{
	*id %= (uint32_t)targets.count + 1;
	*gen %= targets.last_gen + 2;
}

/* What is not the last hop is a redirect, and an answer has a status. */
static void
bound_outcome(struct wire_sample *sample)
{
	sample->last &= 1;
	sample->has_status &= 1;
	sample->outcome %= OUTCOME_COUNT;
	if (!sample->last)
		sample->outcome = OUTCOME_REDIRECT;
	else if (sample->outcome == OUTCOME_REDIRECT)
		sample->outcome = OUTCOME_STATUS;
	if (sample->outcome <= OUTCOME_STATUS)
		sample->has_status = 1;
}

static void
bound_sample(struct wire_sample *sample)
{
	uint64_t sum_ns = 0;

	bound_target(&sample->target_id, &sample->target_gen);
	sample->events &= (1 << EVENT_COUNT) - 1;
	sample->phases &= (1 << PHASE_COUNT) - 1;
	for (unsigned i = 0; i < PHASE_COUNT; i++) {
		bool is_there = (sample->phases >> i & 1) != 0;

		sample->phase_ns[i] %= WIRE_MAX_NS / PHASE_COUNT;
		sample->phase_ns[i] *= is_there;
		sum_ns += sample->phase_ns[i];
	}
	sample->duration_ns = sum_ns;
	for (unsigned i = 0; i < EVENT_COUNT; i++) {
		bool is_there = (sample->events >> i & 1) != 0;

		sample->event_ns[i] %= sum_ns + 1;
		sample->event_ns[i] *= is_there;
	}
	sample->hop %= WIRE_HOPS_MAX;
	sample->stamped &= 1;
	bound_outcome(sample);
	sample->http_status =
		sample->has_status ? sample->http_status % 1000 : 0;
	sample->response_ns =
		sample->has_status ? sample->response_ns % (sum_ns + 1) : 0;
	sample->check_duration_ns %= WIRE_MAX_NS;
	if (sample->check_duration_ns < sum_ns)
		sample->check_duration_ns = sum_ns;
	sample->lateness_ns %= WIRE_MAX_NS;
	sample->dns_answered &= 1;
	sample->retransmits_syn %= WIRE_MAX_RETRANSMITS;
	sample->retransmits_data %= WIRE_MAX_RETRANSMITS;
	sample->detail[WIRE_DETAIL_BYTES - 1] = '\0';
}

static void
bound_dns(struct wire_dns *dns)
{
	unsigned char last = (unsigned char)dns->nameserver[0];

	bound_target(&dns->target_id, &dns->target_gen);
	dns->result %= DNS_RESULT_COUNT;
	dns->duration_ns %= WIRE_MAX_NS;
	memset(dns->nameserver, 0, sizeof(dns->nameserver));
	snprintf(dns->nameserver, sizeof(dns->nameserver), "192.0.2.%u:53",
		last);
}

static void
bound_dns_late(struct wire_dns_late *late)
{
	bound_target(&late->target_id, &late->target_gen);
	late->waited_ns %= WIRE_MAX_NS;
	late->ended &= 1;
	late->failed &= 1;
	late->detail[WIRE_DETAIL_BYTES - 1] = '\0';
}

/* Names of a few bytes, so that they meet again. */
static void
bound_neighbour(struct wire_neighbour *neighbour)
{
	unsigned char last = (unsigned char)neighbour->pod_ip[0];

	neighbour->flags %= WIRE_NEIGHBOUR_FLAGS_END;
	memset(neighbour->pod_name + 2, 0, WIRE_NAME_BYTES - 2);
	memset(neighbour->namespace_name + 1, 0, WIRE_NAMESPACE_BYTES - 1);
	neighbour->node_name[WIRE_NAME_BYTES - 1] = '\0';
	neighbour->host_ip[0] = '\0';
	if (neighbour->pod_name[0] == '\0')
		neighbour->pod_name[0] = 'p';
	if (neighbour->node_name[0] == '\0')
		neighbour->node_name[0] = 'n';
	memset(neighbour->pod_ip, 0, sizeof(neighbour->pod_ip));
	snprintf(neighbour->pod_ip, sizeof(neighbour->pod_ip), "192.0.2.%u",
		last);
}

static void
bound_discovery(struct wire_discovery *discovery)
{
	discovery->up &= 1;
	discovery->complete &= 1;
	discovery->own_cordoned &= 1;
	discovery->received_bytes %= WIRE_MAX_COUNT;
	for (unsigned i = 0; i < DISCOVERY_ERROR_COUNT; i++)
		discovery->errors[i] %= WIRE_MAX_COUNT;
	discovery->own_node_name[WIRE_NAME_BYTES - 1] = '\0';
	discovery->detail[WIRE_DETAIL_BYTES - 1] = '\0';
}

static void
make_plausible(struct wire_record *record)
{
	switch ((enum wire_kind)record->kind) {
	case WIRE_SAMPLE:
		bound_sample(&record->body.sample);
		break;
	case WIRE_DNS:
		bound_dns(&record->body.dns);
		break;
	case WIRE_DNS_LATE:
		bound_dns_late(&record->body.dns_late);
		break;
	case WIRE_NEIGHBOUR:
		bound_neighbour(&record->body.neighbour);
		break;
	case WIRE_DISCOVERY:
		bound_discovery(&record->body.discovery);
		break;
	case WIRE_BUSY:
		bound_target(&record->body.busy.target_id,
			&record->body.busy.target_gen);
		break;
	case WIRE_HELLO:
	case WIRE_HEARTBEAT:
	case WIRE_TRAP:
	case WIRE_IDLE:
	case WIRE_KIND_END:
		break;
	}
}

/* One of the input; how much of it was used. */
static size_t
write_record(const uint8_t *data, size_t size)
{
	unsigned number = data[0] % PROCESSES;
	struct worker_process *process =
		&pool.slots[number / 2].processes[number % 2];
	size_t len = (size_t)data[3] | (size_t)(data[4] & 3) << 8;
	struct wire_record record;

	wire_init(&record,
		(enum wire_kind)(WIRE_HEARTBEAT +
				 data[1] % (WIRE_KIND_END - WIRE_HEARTBEAT)),
		GENERATION);
	checks_started[number] += data[2] & 3;
	record.checks_started = checks_started[number];
	len = len < size - HEAD_BYTES ? len : size - HEAD_BYTES;
	len = len < sizeof(record.body) ? len : sizeof(record.body);
	memcpy(&record.body, data + HEAD_BYTES, len);
	make_plausible(&record);
	if (!process->killed && process->state != WORKER_FREE) {
		(void)wire_write(pipe_fds[number], &record);
		worker_process_read(process);
	}
	return HEAD_BYTES + len;
}

/* ------------------------------------------------------------ what is shown */

static void
check_metrics(void)
{
	const size_t lines_max =
		SERIES_BUDGET_OWN + (size_t)WORKER_TYPE_COUNT * ACCOUNT_LINES;
	static struct exposition exposition;
	char bytes[READ_BYTES];
	size_t lines = 0;
	ssize_t n;

	exposition_start(&exposition, registry, false);
	while ((n = exposition_read(&exposition, bytes, sizeof(bytes))) > 0)
		for (ssize_t i = 0; i < n; i++)
			lines += bytes[i] == '\n';
	REQUIRE(n == 0);
	exposition_fini(&exposition);
	/* a line with long labels counts as several */
	REQUIRE(lines <= registry_line_count(registry));
	REQUIRE(registry_line_count(registry) <= lines_max);
}

static size_t
fill_results(struct alive_result *results)
{
	size_t count = 0;

	for (size_t i = 0; i < targets.count && count < TARGETS_MAX; i++) {
		const struct target *target = targets.targets[i];

		if (target->used && target->news != TARGET_NEWS_GONE)
			results[count++] = (struct alive_result){
				.type = target->spec.label,
				.text = target->detail
			};
	}
	return count;
}

static void
check_alive(void)
{
	const struct alive_request request = { .uri = "/alive",
		.remote_addr = "192.0.2.1:1" };
	struct alive_result results[TARGETS_MAX];
	struct alive_view view = { .hostname = "host",
		.results = results,
		.n_results = fill_results(results) };
	yajl_handle json = yajl_alloc(NULL, NULL, NULL);
	struct alive_writer *writer;
	char bytes[READ_BYTES];
	ssize_t n;

	REQUIRE(neighbours_open_view(&neighbours, &view) == 0);
	writer = alive_start(&request, &view);
	REQUIRE(writer != NULL && json != NULL);
	while ((n = alive_read(writer, bytes, sizeof(bytes))) > 0)
		REQUIRE(yajl_parse(json, (unsigned char *)bytes, (size_t)n) ==
			yajl_status_ok);
	REQUIRE(n == 0 && yajl_complete_parse(json) == yajl_status_ok);
	alive_free(writer);
	yajl_free(json);
	neighbours_close_view(&neighbours, &view);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (conf == NULL)
		start_once();
	open_supervisor();
	while (size >= HEAD_BYTES) {
		size_t used = write_record(data, size);

		data += used;
		size -= used;
	}
	on_change(&neighbours);
	series_budget_report(&budget, clock_mono_ns());
	check_metrics();
	check_alive();
	close_supervisor();
	return 0;
}
