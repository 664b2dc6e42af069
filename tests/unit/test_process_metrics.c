/* SPDX-License-Identifier: Apache-2.0 */
/* The process_* metrics of the test's own process. */
#include "supervisor/process_metrics.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisor/metric_families.h"
#include "supervisor/series.h"

static struct registry *registry;
static struct process_metrics *process;

static void
set_up(void)
{
	registry = registry_new(METRIC_ID_COUNT, 100);
	ck_assert_ptr_nonnull(registry);
	ck_assert_int_eq(
		metric_families_register(registry, NULL, 0, false, true), 0);
	process = process_metrics_start(registry);
	ck_assert_ptr_nonnull(process);
}

static void
tear_down(void)
{
	process_metrics_free(process);
	registry_free(registry);
}

static double
collect_gauge(enum metric_id id)
{
	registry_collect(registry);
	return registry_get(registry, id, NULL)->value.gauge;
}

/* N 4.35 */
START_TEST(open_descriptors_are_counted)
{
	double before = collect_gauge(METRIC_PROCESS_OPEN_FDS);
	int fd = open("/dev/null", O_RDONLY);

	ck_assert_double_ge(before, 1);
	ck_assert(collect_gauge(METRIC_PROCESS_OPEN_FDS) == before + 1);
	close(fd);
	ck_assert(collect_gauge(METRIC_PROCESS_OPEN_FDS) == before);
}
END_TEST

START_TEST(the_limit_is_the_soft_one)
{
	struct rlimit limit;
	struct rlimit lower;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	lower = limit;
	lower.rlim_cur = 200;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &lower), 0);
	ck_assert(collect_gauge(METRIC_PROCESS_MAX_FDS) == 200);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}
END_TEST

START_TEST(touched_memory_shows)
{
	enum { MORE_BYTES = 64 << 20 };
	double resident = collect_gauge(METRIC_PROCESS_RESIDENT_MEMORY);
	double virtual = collect_gauge(METRIC_PROCESS_VIRTUAL_MEMORY);
	char *memory;

	ck_assert_double_gt(resident, 0);
	ck_assert_double_ge(virtual, resident);
	memory = malloc(MORE_BYTES);
	ck_assert_ptr_nonnull(memory);
	memset(memory, 1, MORE_BYTES);
	/* a compiler may leave out what nobody reads before free() */
	__asm__ volatile("" : : "r"(memory) : "memory");
	/* The kernel counts in batches per CPU, so a little may be missing. */
	ck_assert_double_ge(collect_gauge(METRIC_PROCESS_RESIDENT_MEMORY),
		resident + MORE_BYTES / 2);
	free(memory);
}
END_TEST

/* N 4.35 */
START_TEST(cpu_time_is_at_least_what_was_burnt)
{
	struct series *cpu =
		registry_get(registry, METRIC_PROCESS_CPU_TOTAL, NULL);
	struct rusage usage;
	uint64_t burnt_ns;

	do {
		getrusage(RUSAGE_SELF, &usage);
		burnt_ns = (uint64_t)usage.ru_utime.tv_sec * NS_PER_S +
			   (uint64_t)usage.ru_utime.tv_usec * NS_PER_US;
	} while (burnt_ns < 20 * NS_PER_MS);
	registry_collect(registry);
	ck_assert_uint_ge(cpu->value.count, burnt_ns);
	ck_assert_uint_lt(cpu->value.count, 3600 * NS_PER_S);
}
END_TEST

START_TEST(it_started_lately)
{
	double start_unix_s = collect_gauge(METRIC_PROCESS_START_TIME);
	double now_unix_s = (double)time(NULL);

	/* btime is a whole second, and differs as the wall clock is set. */
	ck_assert_double_gt(start_unix_s, now_unix_s - 3600);
	ck_assert_double_lt(start_unix_s, now_unix_s + 60);
}
END_TEST

/* A sandbox forbids to open anything; here the limit does. */
START_TEST(it_opens_nothing_after_its_start)
{
	struct rlimit limit;
	struct rlimit none;
	double n_fds = collect_gauge(METRIC_PROCESS_OPEN_FDS);
	double n_fds_then;
	double resident_then;
	int fd;

	series_set(registry_get(registry, METRIC_PROCESS_OPEN_FDS, NULL), -1);
	series_set(registry_get(registry, METRIC_PROCESS_RESIDENT_MEMORY, NULL),
		-1);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	fd = open("/proc/self/stat", O_RDONLY);
	n_fds_then = collect_gauge(METRIC_PROCESS_OPEN_FDS);
	resident_then = collect_gauge(METRIC_PROCESS_RESIDENT_MEMORY);
	/* Only now, for the check library itself wants descriptors. */
	setrlimit(RLIMIT_NOFILE, &limit);
	ck_assert_int_lt(fd, 0);
	ck_assert(n_fds_then == n_fds);
	ck_assert_double_gt(resident_then, 0);
}
END_TEST

START_TEST(stat_is_read_behind_any_name)
{
	static const char text[] =
		"42 (a) b ) R 1 2) S 1 42 42 0 -1 4194560 2 0 0 0 5 6 0 0 20 0 "
		"1 0 987654 1048576 321 18446744073709551615 1 1 0\n";
	struct process_stat stat;

	ck_assert(process_stat_parse(text, &stat));
	ck_assert_uint_eq(stat.start_ticks, 987654);
	ck_assert_uint_eq(stat.virtual_bytes, 1048576);
	ck_assert_uint_eq(stat.resident_pages, 321);
}
END_TEST

START_TEST(a_bad_stat_is_refused)
{
	static const char *const texts[] = { "", "42 (name", "42 (name)",
		"42 (name) ", "42 (name) S 1 2 3",
		"42 (name) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 "
		"20 x",
		"42 (name) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 "
		"99999999999999999999 21" };
	struct process_stat stat = { .start_ticks = 7 };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_msg(
			!process_stat_parse(texts[i], &stat), "%s", texts[i]);
	ck_assert_uint_eq(stat.start_ticks, 7);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("process_metrics");
	TCase *tcase = tcase_create("process_metrics");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, open_descriptors_are_counted);
	tcase_add_test(tcase, the_limit_is_the_soft_one);
	tcase_add_test(tcase, touched_memory_shows);
	tcase_add_test(tcase, cpu_time_is_at_least_what_was_burnt);
	tcase_add_test(tcase, it_started_lately);
	tcase_add_test(tcase, stat_is_read_behind_any_name);
	tcase_add_test(tcase, a_bad_stat_is_refused);
	tcase_add_test(tcase, it_opens_nothing_after_its_start);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
