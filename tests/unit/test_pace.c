/* SPDX-License-Identifier: Apache-2.0 */
/* How fast discovery tells: never so that it looks like a flood. */
#include "workers/discovery/pace.h"

#include "common/clock.h"
#include "common/neighbour_limits.h"
#include "common/wire.h"
#include "supervisor/flood.h"

#include <check.h>
#include <stdlib.h>

static struct pace pace;

static void
setup(void)
{
	pace_init(&pace, NS_PER_S);
}

/* All that may be written at this time. */
static uint64_t
take_all(uint64_t now_ns)
{
	uint64_t count = 0;

	while (pace_take(&pace, now_ns))
		count++;
	return count;
}

START_TEST(a_burst_and_then_so_many_a_second)
{
	uint64_t now_ns = NS_PER_S, sum = 0;

	ck_assert_uint_eq(take_all(now_ns), NEIGHBOUR_RECORDS_BURST);
	ck_assert(!pace_take(&pace, now_ns + 1));
	for (int i = 0; i < 100; i++) {
		now_ns += PACE_WAIT_NS;
		sum += take_all(now_ns);
	}
	ck_assert_uint_eq(
		sum, 100 * PACE_WAIT_NS * NEIGHBOUR_RECORDS_PER_S / NS_PER_S);
}
END_TEST

/* However often it is asked, fractions of a record are not lost. */
START_TEST(who_asks_often_gets_as_much)
{
	uint64_t now_ns = NS_PER_S, sum = 0;

	take_all(now_ns);
	for (int i = 0; i < 14000; i++) {
		now_ns += 5 * NS_PER_S / 7000;
		sum += take_all(now_ns);
	}
	ck_assert_uint_ge(sum, 10 * NEIGHBOUR_RECORDS_PER_S - 1);
	ck_assert_uint_le(sum, 10 * NEIGHBOUR_RECORDS_PER_S);
}
END_TEST

/* As the supervisor judges twice a second, with the heartbeats beside it. */
START_TEST(the_supervisor_takes_it_for_no_flood)
{
	struct flood flood;
	uint64_t now_ns = NS_PER_S;

	flood_init(&flood, FLOOD_BURST_DISCOVERY_RECORDS);
	for (int i = 0; i < 1000; i++) {
		ck_assert(!flood_judge(&flood, take_all(now_ns) + 1,
			WIRE_HEARTBEAT_NS, FLOOD_RECORDS_PER_S));
		now_ns += WIRE_HEARTBEAT_NS;
	}
}
END_TEST

START_TEST(credit_is_a_burst_at_most)
{
	take_all(NS_PER_S);
	ck_assert_uint_eq(take_all(3600 * NS_PER_S), NEIGHBOUR_RECORDS_BURST);
	ck_assert_uint_eq(take_all(UINT64_MAX), NEIGHBOUR_RECORDS_BURST);
	ck_assert_uint_eq(take_all(0), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pace");
	TCase *tcase = tcase_create("pace");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, a_burst_and_then_so_many_a_second);
	tcase_add_test(tcase, who_asks_often_gets_as_much);
	tcase_add_test(tcase, the_supervisor_takes_it_for_no_flood);
	tcase_add_test(tcase, credit_is_a_burst_at_most);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
