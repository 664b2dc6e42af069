/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop: timers fire in order, once, and as often as the model says;
 * whatever a callback removes is not called any more.
 */
#include "common/loop.h"

#include "common/clock.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMER_COUNT 200

static struct loop *loop;

static void
setup(void)
{
	loop = loop_new();
	ck_assert_ptr_nonnull(loop);
}

static void
teardown(void)
{
	loop_free(loop);
}

struct alarm {
	struct loop_timer timer;
	unsigned fired;
	struct loop_timer *stops, *starts;
};

static struct alarm *fired[10 * TIMER_COUNT];
static size_t fired_count;

static void
on_due(struct loop_timer *timer)
{
	struct alarm *alarm = LOOP_OWNER(timer, struct alarm, timer);

	ck_assert(!timer->armed);
	ck_assert_uint_le(timer->due_mono_ns, loop_now_ns(loop));
	alarm->fired++;
	fired[fired_count++] = alarm;
	if (alarm->stops != NULL)
		loop_timer_stop(loop, alarm->stops);
	if (alarm->starts != NULL)
		loop_timer_start(loop, alarm->starts, 0);
}

static void
alarm_init(struct alarm *alarm)
{
	memset(alarm, 0, sizeof(*alarm));
	loop_timer_init(&alarm->timer, on_due);
	fired_count = 0;
}

START_TEST(timers_fire_in_the_order_of_their_time)
{
	static const int order[] = { 3, 1, 4, 0, 2 };
	struct alarm alarms[5];
	uint64_t base_ns = loop_now_ns(loop);

	for (int i = 0; i < 5; i++)
		alarm_init(&alarms[i]);
	for (int i = 0; i < 5; i++)
		loop_timer_start(loop, &alarms[order[i]].timer,
			base_ns + 1 + (uint64_t)order[i]);
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_uint_eq(fired_count, 5);
	for (int i = 0; i < 5; i++)
		ck_assert_ptr_eq(fired[i], &alarms[i]);
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_uint_eq(fired_count, 5); /* once */
}
END_TEST

START_TEST(a_timer_that_is_not_due_waits)
{
	struct alarm alarm;

	alarm_init(&alarm);
	loop_timer_start(loop, &alarm.timer, clock_mono_ns() + NS_PER_S * 3600);
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_uint_eq(alarm.fired, 0);
	loop_timer_start(loop, &alarm.timer, 1); /* moved */
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_uint_eq(alarm.fired, 1);
	loop_timer_stop(loop, &alarm.timer);
	loop_timer_stop(loop, &alarm.timer);
}
END_TEST

START_TEST(the_wait_ends_when_a_timer_is_due)
{
	struct alarm alarm;

	alarm_init(&alarm);
	loop_timer_start(loop, &alarm.timer, clock_mono_ns() + NS_PER_MS);
	while (alarm.fired == 0) /* would wait an hour otherwise */
		ck_assert_int_eq(loop_turn(loop, 3600 * NS_PER_S), 0);
	ck_assert_uint_ge(clock_mono_ns(), alarm.timer.due_mono_ns);
}
END_TEST

START_TEST(a_timer_that_arms_itself_for_now_waits_for_the_next_turn)
{
	struct alarm alarm;

	alarm_init(&alarm);
	alarm.starts = &alarm.timer;
	loop_timer_start(loop, &alarm.timer, 0);
	for (unsigned turn = 1; turn <= 3; turn++) {
		ck_assert_int_eq(loop_turn(loop, 0), 0);
		ck_assert_uint_eq(alarm.fired, turn);
	}
}
END_TEST

START_TEST(a_timer_stopped_by_another_of_its_turn_does_not_fire)
{
	struct alarm first, second;

	alarm_init(&first);
	alarm_init(&second);
	first.stops = &second.timer;
	loop_timer_start(loop, &first.timer, 1);
	loop_timer_start(loop, &second.timer, loop_now_ns(loop) + 2);
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_uint_eq(first.fired, 1);
	ck_assert_uint_eq(second.fired, 0);
}
END_TEST

static uint64_t
next_random(void)
{
	static uint64_t state = 88172645463325252ULL; /* xorshift64 */

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Against the plainest model there is: an array of times. */
START_TEST(many_random_timers_fire_as_the_model_says)
{
	static struct alarm alarms[TIMER_COUNT];
	uint64_t due_ns[TIMER_COUNT], base_ns = loop_now_ns(loop), last_ns = 0;
	unsigned armed = 0;

	for (int i = 0; i < TIMER_COUNT; i++) {
		alarm_init(&alarms[i]);
		due_ns[i] = 0;
	}
	for (int step = 0; step < 20000; step++) {
		size_t i = next_random() % TIMER_COUNT;

		if (next_random() % 3 == 0) {
			loop_timer_stop(loop, &alarms[i].timer);
			due_ns[i] = 0;
		} else {
			due_ns[i] = base_ns + 1 + next_random() % 5000;
			loop_timer_start(loop, &alarms[i].timer, due_ns[i]);
			ck_assert(alarms[i].timer.armed);
		}
	}
	for (int i = 0; i < TIMER_COUNT; i++) {
		ck_assert_int_eq(alarms[i].timer.armed, due_ns[i] != 0);
		armed += due_ns[i] != 0;
	}
	while (clock_mono_ns() < base_ns + 6000)
		;
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_uint_eq(fired_count, armed);
	for (size_t n = 0; n < fired_count; n++) {
		size_t i = (size_t)(fired[n] - alarms);

		ck_assert_uint_ne(due_ns[i], 0);
		ck_assert_uint_eq(alarms[i].fired, 1);
		ck_assert_uint_ge(due_ns[i], last_ns);
		last_ns = due_ns[i];
	}
}
END_TEST

struct end {
	struct loop_watch watch;
	int fd;
	unsigned called, ready;
	struct end *closes;
	bool frees_itself;
};

static void
end_close(struct end *end)
{
	loop_watch_close(loop, &end->watch);
	close(end->fd);
	end->fd = -1;
}

static unsigned total_called;

static void
on_ready(struct loop_watch *watch, unsigned ready)
{
	struct end *end = LOOP_OWNER(watch, struct end, watch);

	total_called++;
	end->called++;
	end->ready = ready;
	if (end->closes != NULL) {
		end_close(end->closes);
		end->closes->closes = NULL;
	}
	if (end->frees_itself) {
		end_close(end);
		free(end);
	}
}

static struct end *
end_new(int fd, unsigned wanted)
{
	struct end *end = calloc(1, sizeof(*end));

	end->fd = fd;
	loop_watch_init(&end->watch, on_ready);
	ck_assert_int_eq(loop_watch_open(loop, &end->watch, fd, wanted), 0);
	total_called = 0;
	return end;
}

static void
end_free(struct end *end)
{
	if (end->fd >= 0)
		end_close(end);
	free(end);
}

static struct end *
readable(void)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq((int)write(fds[1], "x", 1), 1);
	close(fds[1]);
	return end_new(fds[0], LOOP_READ);
}

START_TEST(readiness_is_told_and_what_was_asked_can_change)
{
	struct end *end;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	end = end_new(fds[0], LOOP_READ);
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_uint_eq(end->called, 0);
	ck_assert_int_eq((int)write(fds[1], "x", 1), 1);
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_int_eq(loop_turn(loop, 0), 0); /* level-triggered */
	ck_assert_uint_eq(end->called, 2);
	ck_assert_uint_eq(end->ready, LOOP_READ);
	ck_assert_int_eq(loop_watch_change(loop, &end->watch, 0), 0);
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_uint_eq(end->called, 2);
	close(fds[1]);
	ck_assert_int_eq(loop_turn(loop, 0), 0); /* HUP is always told */
	ck_assert_uint_eq(end->ready & LOOP_HUP, LOOP_HUP);
	end_free(end);
}
END_TEST

START_TEST(an_edge_is_told_once_and_the_next_one_again)
{
	struct end *end;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	end = end_new(fds[0], LOOP_READ | LOOP_EDGE);
	for (unsigned i = 1; i <= 2; i++) {
		ck_assert_int_eq((int)write(fds[1], "x", 1), 1);
		ck_assert_int_eq(loop_turn(loop, 0), 0);
		ck_assert_int_eq(loop_turn(loop, 0), 0);
		ck_assert_uint_eq(end->called, i);
		ck_assert_uint_eq(end->ready, LOOP_READ);
	}
	/* what is wanted has been asked for already */
	ck_assert_int_eq(loop_watch_change(loop, &end->watch, LOOP_WRITE), 0);
	ck_assert_int_eq((int)write(fds[1], "x", 1), 1);
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_uint_eq(end->called, 3);
	close(fds[1]);
	end_free(end);
}
END_TEST

/* Whichever comes first: the other must not be called in the same batch. */
START_TEST(a_watch_closed_by_another_of_its_batch_is_not_called)
{
	struct end *a = readable(), *b = readable();

	a->closes = b;
	b->closes = a;
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_uint_eq(total_called, 1);
	end_free(a);
	end_free(b);
}
END_TEST

START_TEST(a_watch_may_free_itself)
{
	for (int i = 0; i < 10; i++)
		readable()->frees_itself = true;
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_uint_eq(total_called, 10);
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_uint_eq(total_called, 10);
}
END_TEST

START_TEST(a_forgotten_watch_can_be_opened_again_for_another)
{
	struct end *end = readable();
	int fds[2];

	loop_watch_forget(loop, &end->watch);
	close(end->fd);
	ck_assert_int_eq(pipe(fds), 0);
	end->fd = fds[0];
	ck_assert_int_eq(
		loop_watch_open(loop, &end->watch, fds[0], LOOP_READ), 0);
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_uint_eq(end->called, 0);
	close(fds[1]);
	end_free(end);
}
END_TEST

START_TEST(closing_twice_and_changing_what_is_closed)
{
	struct end *end = readable();

	loop_watch_close(loop, &end->watch);
	loop_watch_close(loop, &end->watch);
	ck_assert_int_lt(loop_watch_change(loop, &end->watch, LOOP_READ), 0);
	ck_assert_int_lt(loop_watch_open(loop, &end->watch, -1, LOOP_READ), 0);
	ck_assert_int_eq(end->watch.fd, -1);
	end_free(end);
}
END_TEST

static void
on_stop(struct loop_timer *timer)
{
	(void)timer;
	loop_stop(loop);
}

START_TEST(run_ends_after_the_turn_that_stops_it)
{
	struct loop_timer timer;
	struct alarm alarm;

	alarm_init(&alarm);
	loop_timer_init(&timer, on_stop);
	loop_timer_start(loop, &timer, 1);
	loop_timer_start(loop, &alarm.timer, loop_now_ns(loop) + 1);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_uint_eq(alarm.fired, 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("loop");
	TCase *tcase = tcase_create("loop");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, timers_fire_in_the_order_of_their_time);
	tcase_add_test(tcase, a_timer_that_is_not_due_waits);
	tcase_add_test(tcase, the_wait_ends_when_a_timer_is_due);
	tcase_add_test(tcase,
		a_timer_that_arms_itself_for_now_waits_for_the_next_turn);
	tcase_add_test(
		tcase, a_timer_stopped_by_another_of_its_turn_does_not_fire);
	tcase_add_test(tcase, many_random_timers_fire_as_the_model_says);
	tcase_add_test(tcase, readiness_is_told_and_what_was_asked_can_change);
	tcase_add_test(tcase, an_edge_is_told_once_and_the_next_one_again);
	tcase_add_test(
		tcase, a_watch_closed_by_another_of_its_batch_is_not_called);
	tcase_add_test(tcase, a_watch_may_free_itself);
	tcase_add_test(
		tcase, a_forgotten_watch_can_be_opened_again_for_another);
	tcase_add_test(tcase, closing_twice_and_changing_what_is_closed);
	tcase_add_test(tcase, run_ends_after_the_turn_that_stops_it);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
