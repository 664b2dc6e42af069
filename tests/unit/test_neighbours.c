/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's neighbours: what discovery's records make of the targets of
 * `path`, of the series and of /alive.
 */
#include "common/clock.h"
#include "common/log.h"
#include "supervisor/aggregate.h"
#include "supervisor/discovery_order.h"
#include "supervisor/exposition.h"
#include "supervisor/metric_families.h"
#include "supervisor/neighbours.h"
#include "supervisor/series.h"
#include "tests/unit/conf_fixture.h"
#include "workers/discovery/node_hash.h"

#include <errno.h>
#include <malloc.h>

static struct {
	struct fixture conf;
	struct neighbours neighbours;
	struct target_table targets;
	struct registry *registry;
	struct loop *loop;
	unsigned changes;
	uint64_t now_ns;
} t;

/* Time passes only where a test says so. */
uint64_t
clock_mono_ns(void)
{
	return t.now_ns;
}

uint64_t
clock_unix_ns(void)
{
	return t.now_ns;
}

uint64_t
clock_unix_to_mono_ns(uint64_t unix_ns)
{
	return unix_ns;
}

static void
on_change(struct neighbours *neighbours)
{
	t.changes++;
	ck_assert_int_eq(neighbours_plan(neighbours, &t.targets, t.now_ns), 0);
}

static void
setup_with(const char *ini)
{
	memset(&t, 0, sizeof(t));
	t.now_ns = 1000 * NS_PER_S;
	t.conf = load_bytes(ini, strlen(ini),
		ENV("KUBERNETES_SERVICE_HOST=10.96.0.1"), true);
	ck_assert_ptr_nonnull(t.conf.conf);
	t.loop = loop_new();
	t.registry = registry_new(METRIC_ID_COUNT, 1000);
	ck_assert_int_eq(metric_families_register(t.registry,
				 (const double[]){ 1 }, 1, false, true),
		0);
	target_table_init(&t.targets);
	t.neighbours.loop = t.loop;
	t.neighbours.registry = t.registry;
	t.neighbours.targets = &t.targets;
	t.neighbours.on_change = on_change;
	neighbours_init(&t.neighbours);
	neighbours_configure(&t.neighbours, t.conf.conf);
}

#define INI                                                                    \
	"[kubenurse]\nneighbour_source = pods\nnode_name = n-own\n"            \
	"pod_name = p-own\nnamespace = ns\n"

static void
setup(void)
{
	setup_with(INI);
	neighbours_begin(&t.neighbours);
}

static void
teardown(void)
{
	target_table_fini(&t.targets, t.now_ns);
	neighbours_fini(&t.neighbours);
	registry_free(t.registry);
	loop_free(t.loop);
	conf_free(t.conf.conf);
	conf_problems_fini(&t.conf.problems);
}

static void
say(const char *pod, const char *node, const char *ip, uint32_t flags)
{
	struct wire_neighbour record = { .flags = flags,
		.node_hash = node_hash(node) };

	wire_set_text(record.pod_name, WIRE_NAME_BYTES, pod);
	wire_set_text(record.namespace_name, WIRE_NAMESPACE_BYTES, "ns");
	wire_set_text(record.node_name, WIRE_NAME_BYTES, node);
	wire_set_text(record.pod_ip, WIRE_ADDRESS_BYTES, ip);
	neighbours_take(&t.neighbours, &record);
}

static void
say_gone(const char *pod)
{
	say(pod, "", "", WIRE_NEIGHBOUR_GONE);
}

static void
say_status(bool up, bool complete, const char *detail)
{
	struct wire_discovery record = { .up = up,
		.complete = complete,
		.own_node_hash = node_hash("n-own"),
		.success_unix_ns = 5 * NS_PER_S };

	wire_set_text(record.own_node_name, WIRE_NAME_BYTES, "n-own");
	wire_set_text(record.detail, WIRE_DETAIL_BYTES, detail);
	neighbours_take_status(&t.neighbours, &record);
}

static struct target *
target_of(const char *node)
{
	for (size_t i = 0; i < t.targets.count; i++)
		if (t.targets.targets[i]->used &&
			t.targets.targets[i]->news != TARGET_NEWS_GONE &&
			strcmp(t.targets.targets[i]->spec.label + 5, node) == 0)
			return t.targets.targets[i];
	return NULL;
}

static size_t
target_count(void)
{
	size_t count = 0;

	for (size_t i = 0; i < t.targets.count; i++)
		count += t.targets.targets[i]->used &&
			 t.targets.targets[i]->news != TARGET_NEWS_GONE;
	return count;
}

static void
plan(void)
{
	on_change(&t.neighbours);
}

#define READY WIRE_NEIGHBOUR_READY

/* Each on a node of its own; what is said of the last one. */
static int
say_many(const char *prefix, size_t count)
{
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++) {
		struct wire_neighbour record = { .flags = READY };

		snprintf(record.pod_name, WIRE_NAME_BYTES, "%s%zu", prefix, i);
		snprintf(record.node_name, WIRE_NAME_BYTES, "n-%s%zu", prefix,
			i);
		wire_set_text(record.pod_ip, WIRE_ADDRESS_BYTES, "10.0.0.1");
		record.node_hash = node_hash(record.node_name);
		rc = neighbours_take(&t.neighbours, &record);
	}
	return rc;
}

START_TEST(more_than_there_can_be_is_nonsense)
{
	ck_assert_int_eq(say_many("a", NEIGHBOURS_MAX), 0);
	ck_assert_int_eq(say_many("b", NEIGHBOUR_TABLE_MAX), -EPROTO);
	ck_assert_uint_eq(t.neighbours.table.count, NEIGHBOUR_TABLE_MAX);
	/* what is known may change and leave */
	ck_assert_int_eq(say_many("a", NEIGHBOURS_MAX), 0);
	say_status(true, true, "");
	ck_assert_uint_eq(t.neighbours.table.count, NEIGHBOUR_TABLE_MAX);
}
END_TEST

/* It knows as many as there can be, none of which the one before knew. */
START_TEST(a_new_process_knows_none_of_the_old_names)
{
	ck_assert_int_eq(say_many("a", NEIGHBOURS_MAX), 0);
	say_status(true, true, "");
	ck_assert_uint_eq(target_count(), 10);
	neighbours_begin(&t.neighbours);
	ck_assert_int_eq(say_many("b", NEIGHBOURS_MAX), 0);
	/* until it has told all, those that are checked stay */
	ck_assert_uint_eq(t.neighbours.table.count, NEIGHBOURS_MAX + 10);
	ck_assert_uint_eq(target_count(), 10);
	say_status(true, true, "");
	ck_assert_uint_eq(t.neighbours.table.count, NEIGHBOURS_MAX);
	ck_assert_uint_eq(target_count(), 10);
}
END_TEST

START_TEST(without_a_limit_all_are_checked_up_to_a_bound)
{
	teardown();
	setup_with(INI "neighbour_limit = 0\n");
	neighbours_begin(&t.neighbours);
	ck_assert_int_eq(say_many("a", NEIGHBOURS_SELECTED_MAX), 0);
	say_status(true, true, "");
	ck_assert_uint_eq(target_count(), NEIGHBOURS_SELECTED_MAX);
	ck_assert(!t.neighbours.left_out);
	ck_assert_int_eq(say_many("b", 100), 0);
	plan();
	ck_assert_uint_eq(target_count(), NEIGHBOURS_SELECTED_MAX);
	ck_assert(t.neighbours.left_out);
}
END_TEST

START_TEST(nobody_is_checked_before_the_list_is_complete)
{
	say("a", "n-a", "10.0.0.1", READY);
	plan();
	ck_assert_uint_eq(target_count(), 0);
	ck_assert(!neighbours_settled(&t.neighbours));
	say("b", "n-b", "fd00::2", 0);
	say_status(true, true, "");
	ck_assert(neighbours_settled(&t.neighbours));
	ck_assert_uint_eq(target_count(), 2);
	/* the first list is checked at once, ready or not */
	ck_assert_str_eq(target_of("n-b")->spec.url,
		"http://[fd00::2]:8080/alwayshappy");
	ck_assert_str_eq(target_of("n-a")->spec.origin, "p-own");
	ck_assert_str_eq(target_of("n-a")->spec.label, "path_n-a");
}
END_TEST

/* F 1.47, K 5.1 */
START_TEST(oneself_and_cordoned_nodes_are_left_out)
{
	struct alive_view view = { 0 };

	say("p-own", "n-own", "10.0.0.1", READY | WIRE_NEIGHBOUR_SELF);
	say("surge", "n-own", "10.0.0.9", READY);
	say("a", "n-a", "10.0.0.2", READY | WIRE_NEIGHBOUR_CORDONED);
	say("b", "n-b", "10.0.0.3", READY);
	say_status(true, true, "");
	ck_assert_uint_eq(target_count(), 1);
	ck_assert_ptr_nonnull(target_of("n-b"));
	ck_assert_int_eq(neighbours_open_view(&t.neighbours, &view), 0);
	ck_assert_uint_eq(view.n_neighbours, 2); /* b and surge */
	neighbours_close_view(&t.neighbours, &view);
	say("a", "n-a", "10.0.0.2", READY);
	plan();
	ck_assert_uint_eq(target_count(), 2);
}
END_TEST

static double
refused_count(void)
{
	const char *label = "refused";
	struct series *series =
		registry_get(t.registry, METRIC_NEIGHBOURS, &label);
	double count = series->value.gauge;

	registry_put(series, t.now_ns);
	return count;
}

/* N 5.8 */
START_TEST(addresses_of_no_other_machine_are_refused)
{
	static const char *const addresses[] = { "0.0.0.0", "0.1.2.3",
		"127.0.0.1", "127.8.8.8", "169.254.169.254", "224.0.0.1",
		"255.255.255.255", "::", "::1", "fe80::1", "ff02::1",
		"::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::127.0.0.1" };
	const size_t count = sizeof(addresses) / sizeof(addresses[0]);
	struct alive_view view = { 0 };
	char pod[8];

	for (size_t i = 0; i < count; i++) {
		snprintf(pod, sizeof(pod), "p%zu", i);
		say(pod, pod, addresses[i], READY);
	}
	say("a", "n-a", "10.0.0.1", READY);
	say_status(true, true, "");
	ck_assert_uint_eq(target_count(), 1);
	ck_assert_ptr_nonnull(target_of("n-a"));
	ck_assert_double_eq(refused_count(), (double)count);
	ck_assert_int_eq(neighbours_open_view(&t.neighbours, &view), 0);
	ck_assert_uint_eq(view.n_neighbours, 1);
	neighbours_close_view(&t.neighbours, &view);
	/* one that moves where it may be checked, and one the other way */
	say("p0", "p0", "10.0.0.2", READY);
	say("a", "n-a", "127.0.0.1", READY);
	ck_assert_ptr_null(target_of("n-a"));
	plan();
	ck_assert_uint_eq(target_count(), 1);
	ck_assert_ptr_nonnull(target_of("p0"));
	ck_assert_double_eq(refused_count(), (double)count);
}
END_TEST

/* N 5.8 */
START_TEST(what_the_configuration_names_may_be_anywhere)
{
	teardown();
	setup_with("[kubenurse]\nneighbour_source = static\n"
		   "[neighbours]\nneighbour = here 127.0.0.2\n");
	neighbours_begin(&t.neighbours);
	say("here", "here", "127.0.0.2", READY);
	say_status(true, true, "");
	ck_assert_ptr_nonnull(target_of("here"));
	ck_assert_double_eq(refused_count(), 0);
}
END_TEST

/* F 5.2 */
START_TEST(a_pod_that_comes_is_awaited_a_minute)
{
	say("a", "n-a", "10.0.0.1", READY);
	say_status(true, true, "");
	say("b", "n-b", "10.0.0.2", 0);
	say("c", "n-c", "10.0.0.3", READY);
	plan();
	ck_assert_ptr_null(target_of("n-b"));
	ck_assert_ptr_nonnull(target_of("n-c"));
	t.now_ns += 59 * NS_PER_S;
	plan();
	ck_assert_ptr_null(target_of("n-b"));
	t.now_ns += 2 * NS_PER_S;
	plan();
	ck_assert_ptr_nonnull(target_of("n-b"));
	/* who is checked stays so, ready or not */
	say("c", "n-c", "10.0.0.3", 0);
	plan();
	ck_assert_ptr_nonnull(target_of("n-c"));
}
END_TEST

/* F 5.4 */
START_TEST(two_pods_of_a_node)
{
	say("old", "n-a", "10.0.0.1", READY);
	say_status(true, true, "");
	say("new", "n-a", "10.0.0.2", 0);
	plan();
	ck_assert_str_eq(target_of("n-a")->spec.key, "ns/old");
	say("new", "n-a", "10.0.0.2", READY);
	plan();
	ck_assert_str_eq(target_of("n-a")->spec.key, "ns/old");
	say_gone("old");
	plan();
	ck_assert_str_eq(target_of("n-a")->spec.key, "ns/new");
	ck_assert_uint_eq(target_count(), 1);
}
END_TEST

START_TEST(a_pod_that_moves_is_another_target)
{
	uint32_t gen;

	say("a", "n-a", "10.0.0.1", READY);
	say_status(true, true, "");
	gen = target_of("n-a")->gen;
	say("a", "n-a", "10.0.0.1", READY);
	plan();
	ck_assert_uint_eq(target_of("n-a")->gen, gen);
	say("a", "n-a", "10.0.0.7", READY);
	plan();
	ck_assert_uint_ne(target_of("n-a")->gen, gen);
}
END_TEST

static enum target_match
match(uint32_t id, uint32_t gen)
{
	struct target *target;

	return target_table_match(&t.targets, WORKER_PATH, id, gen, &target);
}

/* Between the record and the next plan, and after it, until the worker knows
 * and beyond: a probe that was under way is nobody's. */
START_TEST(who_leaves_is_not_counted_from_that_moment)
{
	struct target *target;
	uint32_t id, gen, other_gen;

	say("a", "n-a", "10.0.0.1", READY);
	say("b", "n-b", "10.0.0.2", READY);
	say_status(true, true, "");
	target = target_of("n-a");
	id = target->id;
	gen = target->gen;
	other_gen = target_of("n-b")->gen;
	ck_assert_int_eq(match(id, gen), TARGET_CURRENT);
	t.changes = 0;
	say_gone("a");
	ck_assert_uint_eq(t.changes, 0); /* the plan is still to come */
	ck_assert_int_eq(match(id, gen), TARGET_STALE);
	ck_assert_uint_eq(target_of("n-b")->gen, other_gen);
	plan();
	ck_assert_int_eq(match(id, gen), TARGET_STALE);
	target_table_forget(&t.targets, target); /* the worker knows */
	ck_assert_int_eq(match(id, gen), TARGET_STALE);
	say("c", "n-c", "10.0.0.3", READY);
	plan();
	ck_assert_uint_eq(target_of("n-c")->id, id); /* the place serves anew */
	ck_assert_int_eq(match(id, gen), TARGET_STALE);
	ck_assert_int_eq(match(id, target_of("n-c")->gen), TARGET_CURRENT);
}
END_TEST

/* What was left behind at the old address is no error either. */
START_TEST(who_moves_is_not_counted_where_it_was)
{
	uint32_t id, gen;

	say("a", "n-a", "10.0.0.1", READY);
	say_status(true, true, "");
	id = target_of("n-a")->id;
	gen = target_of("n-a")->gen;
	say("a", "n-a", "10.0.0.1", 0);
	ck_assert_int_eq(match(id, gen), TARGET_CURRENT);
	say("a", "n-a", "10.0.0.7", READY);
	ck_assert_int_eq(match(id, gen), TARGET_STALE);
	plan();
	ck_assert_str_eq(
		target_of("n-a")->spec.url, "http://10.0.0.7:8080/alwayshappy");
	ck_assert_int_eq(match(id, gen), TARGET_STALE);
}
END_TEST

/* It keeps its name and address: what it was called before is over. */
START_TEST(who_moves_to_another_node_is_another_target)
{
	uint32_t id, gen;

	say("a", "n-a", "10.0.0.1", READY);
	say_status(true, true, "");
	id = target_of("n-a")->id;
	gen = target_of("n-a")->gen;
	target_of("n-a")->has_result = true;
	strcpy(target_of("n-a")->detail, "timeout");
	say("a", "n-b", "10.0.0.1", READY);
	ck_assert_int_eq(match(id, gen), TARGET_STALE);
	plan();
	ck_assert_ptr_null(target_of("n-a"));
	ck_assert_str_eq(target_of("n-b")->spec.label, "path_n-b");
	ck_assert(!target_of("n-b")->has_result);
	ck_assert_str_eq(target_of("n-b")->detail, "");
	ck_assert_uint_eq(target_count(), 1);
}
END_TEST

/* Another configuration asks otherwise, and one that is the same does not. */
START_TEST(a_plan_follows_the_configuration)
{
	struct fixture other = load_bytes(INI "neighbour_port = 9090\n",
		strlen(INI "neighbour_port = 9090\n"),
		ENV("KUBERNETES_SERVICE_HOST=10.96.0.1"), true);
	uint32_t gen;

	say("a", "n-a", "10.0.0.1", READY);
	say_status(true, true, "");
	gen = target_of("n-a")->gen;
	plan();
	ck_assert_uint_eq(target_of("n-a")->gen, gen);
	ck_assert(!neighbours_configure(&t.neighbours, other.conf));
	plan();
	ck_assert_uint_gt(target_of("n-a")->gen, gen);
	ck_assert_str_eq(
		target_of("n-a")->spec.url, "http://10.0.0.1:9090/alwayshappy");
	gen = target_of("n-a")->gen;
	ck_assert(!neighbours_configure(&t.neighbours, other.conf));
	plan();
	ck_assert_uint_eq(target_of("n-a")->gen, gen);
	conf_free(other.conf);
	conf_problems_fini(&other.problems);
}
END_TEST

static bool
shows_neighbours(void)
{
	static struct exposition exposition;
	char text[32768] = "";
	size_t len = 0;
	ssize_t n;

	exposition_start(&exposition, t.registry, false);
	while ((n = exposition_read(
			&exposition, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return strstr(text, "kubenurse_neighbours{") != NULL;
}

START_TEST(who_is_not_to_be_checked_is_not_counted)
{
	static const char ini[] = INI "check_neighbourhood = false\n";
	struct fixture off = load_bytes(ini, strlen(ini),
		ENV("KUBERNETES_SERVICE_HOST=10.96.0.1"), true);

	say("a", "n-a", "10.0.0.1", READY);
	say_status(true, true, "");
	ck_assert(shows_neighbours());
	/* discovery goes on, for the own node may be cordoned */
	ck_assert(neighbours_configure(&t.neighbours, off.conf));
	plan();
	ck_assert(!shows_neighbours());
	ck_assert_uint_eq(target_count(), 0);
	conf_free(off.conf);
	conf_problems_fini(&off.problems);
}
END_TEST

START_TEST(the_interval_is_the_business_of_source_dns_alone)
{
	static const char *const sources[] = { "pods", "dns", "static" };
	char ini[256];

	for (size_t i = 0; i < 3; i++) {
		struct fixture confs[2];

		for (size_t j = 0; j < 2; j++) {
			snprintf(ini, sizeof(ini),
				"[kubenurse]\nneighbour_source = %s\n"
				"neighbour_service = s\n"
				"check_interval = %zus\n",
				sources[i], j + 5);
			confs[j] = load_bytes(ini, strlen(ini),
				ENV("KUBERNETES_SERVICE_HOST=10.96.0.1"), true);
			ck_assert_ptr_nonnull(confs[j].conf);
		}
		ck_assert_int_eq(
			discovery_order_equal(confs[0].conf, confs[1].conf),
			i != 1);
		for (size_t j = 0; j < 2; j++) {
			conf_free(confs[j].conf);
			conf_problems_fini(&confs[j].problems);
		}
	}
}
END_TEST

/* Of two pods of a node one is checked; the other one's end is nothing. */
START_TEST(who_was_not_checked_leaves_without_a_trace)
{
	uint32_t id, gen;

	say("new", "n-a", "10.0.0.2", 0);
	say("old", "n-a", "10.0.0.1", READY);
	say_status(true, true, "");
	id = target_of("n-a")->id;
	gen = target_of("n-a")->gen;
	say_gone("new");
	ck_assert_int_eq(match(id, gen), TARGET_CURRENT);
}
END_TEST

/* F 5.6 */
START_TEST(an_error_leaves_all_in_place)
{
	struct alive_view view = { 0 };

	say("a", "n-a", "10.0.0.1", READY);
	say_status(true, true, "");
	say_status(false, true, "403 Forbidden: no");
	plan();
	ck_assert_uint_eq(target_count(), 1);
	ck_assert_int_eq(neighbours_open_view(&t.neighbours, &view), 0);
	ck_assert_str_eq(view.neighbourhood_state, "403 Forbidden: no");
	ck_assert_uint_eq(view.n_neighbours, 1);
	/* what a reader holds outlives what it read */
	say_gone("a");
	plan();
	ck_assert_uint_eq(target_count(), 0);
	ck_assert_str_eq(view.neighbours[0].pod_name, "a");
	neighbours_close_view(&t.neighbours, &view);
}
END_TEST

START_TEST(a_new_discovery_confirms_or_drops)
{
	say("a", "n-a", "10.0.0.1", READY);
	say("b", "n-b", "10.0.0.2", READY);
	say_status(true, true, "");
	neighbours_begin(&t.neighbours);
	say_status(false, false, "connect: refused");
	plan();
	ck_assert_uint_eq(target_count(), 2);
	say("b", "n-b", "10.0.0.2", READY);
	plan();
	ck_assert_uint_eq(target_count(), 2);
	say_status(true, true, "");
	ck_assert_uint_eq(target_count(), 1);
	ck_assert_ptr_null(target_of("n-a"));
}
END_TEST

/* N 4.29 */
START_TEST(counters_go_on_over_a_restart)
{
	struct wire_discovery record = { .received_bytes = 100 };

	record.errors[DISCOVERY_ERROR_GONE] = 2;
	ck_assert_int_eq(neighbours_take_status(&t.neighbours, &record), 0);
	record.received_bytes = 150;
	ck_assert_int_eq(neighbours_take_status(&t.neighbours, &record), 0);
	neighbours_begin(&t.neighbours);
	record.received_bytes = 30;
	record.errors[DISCOVERY_ERROR_GONE] = 1;
	ck_assert_int_eq(neighbours_take_status(&t.neighbours, &record), 0);
	/* 150 and 30, 2 and 1: nothing twice, nothing lost */
	ck_assert_uint_eq(t.neighbours.status.received_bytes, 30);
	ck_assert_ptr_nonnull(t.neighbours.series.errors[DISCOVERY_ERROR_GONE]);
	ck_assert_ptr_null(t.neighbours.series.errors[DISCOVERY_ERROR_CONNECT]);
}
END_TEST

START_TEST(counting_backwards_is_nonsense)
{
	struct wire_discovery record = { .received_bytes = 100 };

	record.errors[DISCOVERY_ERROR_GONE] = 2;
	ck_assert_int_eq(neighbours_take_status(&t.neighbours, &record), 0);
	record.received_bytes = 99;
	ck_assert_int_eq(
		neighbours_take_status(&t.neighbours, &record), -EPROTO);
	record.received_bytes = 101;
	record.errors[DISCOVERY_ERROR_GONE] = 1;
	ck_assert_int_eq(
		neighbours_take_status(&t.neighbours, &record), -EPROTO);
	ck_assert_uint_eq(t.neighbours.status.received_bytes, 100);
}
END_TEST

START_TEST(without_neighbours_to_check_nothing_is_asked)
{
	teardown();
	setup_with("[kubenurse]\nneighbour_source = static\n");
	ck_assert(neighbours_settled(&t.neighbours));
	plan();
	ck_assert_uint_eq(target_count(), 0);
}
END_TEST

/* --------------------------------------------------------------- a day */

enum { NODES = 300, CHANGES = 200 };
#define DAY_NS (86400 * NS_PER_S)
/* What malloc(3) keeps at hand counts as allocated.  The smallest piece of
 * memory takes 32 bytes: one lost at each change comes to more than this. */
#define SLACK_BYTES ((size_t)(CHANGES - 50) * 32)
#define TTL_NS      (900 * NS_PER_S)

/* Who sanitizes allocates by other means, and looks for what is lost. */
static size_t
allocated_bytes(void)
{
#ifdef __GLIBC__
	return mallinfo2().uordblks;
#else
	return 0;
#endif
}

static void
come(unsigned i)
{
	char pod[32], node[32];

	snprintf(pod, sizeof(pod), "kubenurse-%06u", i);
	snprintf(node, sizeof(node), "node-%06u", i);
	say(pod, node, "10.0.0.1", READY);
}

/* One of those that are checked; its pod is named like its node. */
static void
leave(size_t which)
{
	for (size_t i = 0; i < t.targets.count; i++) {
		const struct target *target = t.targets.targets[i];

		if (target->used && target->news != TARGET_NEWS_GONE &&
			which-- == 0) {
			say_gone(target->spec.key + strlen("ns/"));
			return;
		}
	}
	ck_abort_msg("fewer are checked than there should be");
}

/* All say what a check can say; the worker hears who is gone. */
static void
check_all(struct aggregate *aggregate)
{
	static const uint8_t outcomes[] = { OUTCOME_OK, OUTCOME_CONNECT_FAILED,
		OUTCOME_ROUND_TRIP_FAILED, OUTCOME_STATUS };

	for (size_t i = 0; i < t.targets.count; i++) {
		struct target *target = t.targets.targets[i];
		struct wire_sample sample = { .last = 1,
			.events = (1 << EVENT_COUNT) - 1,
			.phases = (1 << PHASE_COUNT) - 1,
			.rtt_us = 10,
			.retransmits_syn = 1 };

		if (target->used && target->news == TARGET_NEWS_GONE)
			target_table_forget(&t.targets, target);
		for (size_t j = 0; target->used && j < sizeof(outcomes); j++) {
			sample.outcome = outcomes[j];
			sample.has_status = outcomes[j] == OUTCOME_OK ||
					    outcomes[j] == OUTCOME_STATUS;
			sample.http_status =
				outcomes[j] == OUTCOME_OK ? 200 : 500;
			aggregate_sample(aggregate, target, &sample);
		}
	}
}

/*
 * 24 hours in which 200 of those that are checked, one after the other, leave
 * for ever and others come: after each, there are as many series as after the
 * one before, and no more memory.
 */
START_TEST(a_day_of_churn_leaves_no_trace)
{
	struct aggregate aggregate = { .registry = t.registry };
	size_t series_early = 0, bytes_early = 0;

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
	for (unsigned i = 0; i < NODES; i++)
		come(i);
	say_status(true, true, "");
	for (unsigned i = 0; i < CHANGES; i++) {
		t.now_ns += DAY_NS / CHANGES;
		leave(i % 10);
		come(NODES + i);
		plan();
		ck_assert_uint_eq(target_count(), 10);
		check_all(&aggregate);
		registry_expire(t.registry, t.now_ns, TTL_NS);
		if (i == 20) { /* over two hours: what can grow has */
			series_early = registry_series_count(t.registry);
			bytes_early = allocated_bytes();
		}
		if (i < 20)
			continue;
		ck_assert_uint_eq(
			registry_series_count(t.registry), series_early);
		ck_assert_uint_le(allocated_bytes(), bytes_early + SLACK_BYTES);
	}
	ck_assert_uint_ge(series_early, 10 * 15); /* it was worth counting */
	ck_assert_uint_le(t.targets.count, 11);
	ck_assert_uint_eq(t.neighbours.table.count, NODES);
	ck_assert_uint_eq(t.neighbours.table.bucket_count, 512);
}
END_TEST

static uint64_t
count_of(const char *key)
{
	const struct series *series = NULL;

	while ((series = registry_first_after(t.registry,
			series != NULL ? series_key(series) : "",
			series != NULL ? series->key_len_bytes : 0)) != NULL)
		if (series->key_len_bytes == strlen(key) &&
			memcmp(series_key(series), key, strlen(key)) == 0)
			return series->value.count;
	return 0;
}

/* Away for less than series_ttl, and for longer. */
START_TEST(who_comes_back_goes_on_counting)
{
	static const char requests[] =
		"kubenurse_httpclient_requests_total"
		"{type=\"path_node-000001\",code=\"200\"}";
	struct aggregate aggregate = { .registry = t.registry };

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
	come(1);
	say_status(true, true, "");
	check_all(&aggregate);
	ck_assert_uint_eq(count_of(requests), 1);
	for (unsigned away = 0; away < 2; away++) {
		say_gone("kubenurse-000001");
		plan();
		check_all(&aggregate);
		t.now_ns += away == 0 ? TTL_NS - 1 : TTL_NS;
		registry_expire(t.registry, t.now_ns, TTL_NS);
		ck_assert_uint_eq(count_of(requests), away == 0 ? 1 : 0);
		come(1);
		plan();
		check_all(&aggregate);
		ck_assert_uint_eq(count_of(requests), away == 0 ? 2 : 1);
	}
}
END_TEST

START_TEST(the_own_cordon_counts_where_it_shall)
{
	static const struct {
		const char *ini;
		bool counts;
	} cases[] = {
		{ INI, true },
		{ INI "ready_follows_cordon = false\n", false },
		{ INI "allow_unschedulable = true\n", false },
	};

	for (size_t i = 0; i < 3; i++) {
		struct wire_discovery record = { .up = 1, .own_cordoned = 1 };

		teardown();
		setup_with(cases[i].ini);
		ck_assert(!neighbours_own_cordoned(&t.neighbours));
		neighbours_take_status(&t.neighbours, &record);
		ck_assert(neighbours_own_cordoned(&t.neighbours) ==
			  cases[i].counts);
		/* an error does not lift it, its end does */
		record.up = 0;
		neighbours_take_status(&t.neighbours, &record);
		ck_assert(neighbours_own_cordoned(&t.neighbours) ==
			  cases[i].counts);
		record.own_cordoned = 0;
		neighbours_take_status(&t.neighbours, &record);
		ck_assert(!neighbours_own_cordoned(&t.neighbours));
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("neighbours");
	TCase *tcase = tcase_create("neighbours");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, more_than_there_can_be_is_nonsense);
	tcase_add_test(tcase, a_new_process_knows_none_of_the_old_names);
	tcase_add_test(tcase, without_a_limit_all_are_checked_up_to_a_bound);
	tcase_add_test(tcase, nobody_is_checked_before_the_list_is_complete);
	tcase_add_test(tcase, oneself_and_cordoned_nodes_are_left_out);
	tcase_add_test(tcase, addresses_of_no_other_machine_are_refused);
	tcase_add_test(tcase, what_the_configuration_names_may_be_anywhere);
	tcase_add_test(tcase, a_pod_that_comes_is_awaited_a_minute);
	tcase_add_test(tcase, two_pods_of_a_node);
	tcase_add_test(tcase, a_pod_that_moves_is_another_target);
	tcase_add_test(tcase, who_leaves_is_not_counted_from_that_moment);
	tcase_add_test(tcase, who_moves_is_not_counted_where_it_was);
	tcase_add_test(tcase, who_was_not_checked_leaves_without_a_trace);
	tcase_add_test(tcase, who_moves_to_another_node_is_another_target);
	tcase_add_test(tcase, a_plan_follows_the_configuration);
	tcase_add_test(tcase, who_is_not_to_be_checked_is_not_counted);
	tcase_add_test(tcase, the_interval_is_the_business_of_source_dns_alone);
	tcase_add_test(tcase, an_error_leaves_all_in_place);
	tcase_add_test(tcase, a_new_discovery_confirms_or_drops);
	tcase_add_test(tcase, counters_go_on_over_a_restart);
	tcase_add_test(tcase, counting_backwards_is_nonsense);
	tcase_add_test(tcase, without_neighbours_to_check_nothing_is_asked);
	tcase_add_test(tcase, a_day_of_churn_leaves_no_trace);
	tcase_add_test(tcase, who_comes_back_goes_on_counting);
	tcase_add_test(tcase, the_own_cordon_counts_where_it_shall);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
