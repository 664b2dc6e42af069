/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker writes, and when it rings for the supervisor to read it: not
 * for what may wait, once for all that a turn of the loop has written, and
 * always before a pipe that is left alone could fill.
 */
#include "workers/worker.h"

#include "common/log_record.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct worker worker;
static int pipe_fd, bell_fd, saved_stderr_fd;

static void
open_pipe(int *ret_read_fd, int *ret_write_fd)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	*ret_read_fd = fds[0];
	*ret_write_fd = fds[1];
}

static void
setup(void)
{
	int write_fd;

	memset(&worker, 0, sizeof(worker));
	worker.gen = 1;
	worker.loop = loop_new();
	ck_assert_ptr_nonnull(worker.loop);
	worker_init_bell(&worker);
	open_pipe(&pipe_fd, &worker.pipe_fd);
	open_pipe(&bell_fd, &write_fd);
	saved_stderr_fd = dup(STDERR_FILENO);
	ck_assert_int_ge(dup2(write_fd, STDERR_FILENO), 0);
	close(write_fd);
}

static void
teardown(void)
{
	dup2(saved_stderr_fd, STDERR_FILENO);
	close(saved_stderr_fd);
	close(bell_fd);
	close(pipe_fd);
	close(worker.pipe_fd);
	loop_free(worker.loop);
}

/* How often it has rung since this was asked last. */
static size_t
bells(void)
{
	char text[256];
	ssize_t n = read(bell_fd, text, sizeof(text));

	if (n < 0) {
		ck_assert_int_eq(errno, EAGAIN);
		return 0;
	}
	for (ssize_t i = 0; i < n; i++)
		ck_assert_int_eq(text[i], LOG_RECORD_BELL[0]);
	return (size_t)n;
}

/* As if the last one had been long ago. */
static size_t
bells_after_a_turn(void)
{
	worker.rung_mono_ns = 0;
	if (worker.bell.armed)
		loop_timer_start(worker.loop, &worker.bell, 0);
	ck_assert_int_eq(loop_turn(worker.loop, 0), 0);
	return bells();
}

static int
emit(enum wire_kind kind)
{
	struct wire_record record;

	wire_init(&record, kind, worker.gen);
	return worker_try_emit(&worker, &record);
}

static int
emit_sample(enum outcome outcome)
{
	struct wire_record record;

	wire_init(&record, WIRE_SAMPLE, worker.gen);
	record.body.sample.outcome = (uint8_t)outcome;
	record.body.sample.last = outcome != OUTCOME_REDIRECT;
	return worker_try_emit(&worker, &record);
}

static int
emit_dns(enum dns_result result)
{
	struct wire_record record;

	wire_init(&record, WIRE_DNS, worker.gen);
	record.body.dns.result = result;
	return worker_try_emit(&worker, &record);
}

START_TEST(what_goes_well_may_wait)
{
	ck_assert_int_eq(emit_sample(OUTCOME_OK), 0);
	ck_assert_int_eq(emit_sample(OUTCOME_REDIRECT), 0);
	ck_assert_int_eq(emit(WIRE_HEARTBEAT), 0);
	ck_assert_int_eq(emit_dns(DNS_OK), 0);
	ck_assert_int_eq(emit_dns(DNS_NXDOMAIN), 0); /* a search does that */
	ck_assert_uint_eq(bells_after_a_turn(), 0);
}
END_TEST

START_TEST(every_failure_rings)
{
	for (int i = 0; i < OUTCOME_COUNT; i++) {
		if (i == OUTCOME_OK || i == OUTCOME_REDIRECT)
			continue;
		ck_assert_int_eq(emit_sample((enum outcome)i), 0);
		ck_assert_uint_eq(bells_after_a_turn(), 1);
	}
	for (int i = DNS_SERVFAIL; i < DNS_RESULT_COUNT; i++) {
		ck_assert_int_eq(emit_dns((enum dns_result)i), 0);
		ck_assert_uint_eq(bells_after_a_turn(), 1);
	}
}
END_TEST

START_TEST(what_others_wait_for_rings)
{
	static const enum wire_kind kinds[] = { WIRE_HELLO, WIRE_NEIGHBOUR,
		WIRE_DISCOVERY, WIRE_BUSY, WIRE_IDLE };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		ck_assert_int_eq(emit(kinds[i]), 0);
		ck_assert_uint_eq(bells_after_a_turn(), 1);
	}
	worker.draining = true; /* a successor waits for each check */
	ck_assert_int_eq(emit_sample(OUTCOME_OK), 0);
	ck_assert_uint_eq(bells_after_a_turn(), 1);
}
END_TEST

START_TEST(it_rings_once_for_all_of_a_turn)
{
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(emit(WIRE_NEIGHBOUR), 0);
	ck_assert_uint_eq(bells(), 0);
	ck_assert_uint_eq(bells_after_a_turn(), 1);
	ck_assert_uint_eq(bells_after_a_turn(), 0);
}
END_TEST

START_TEST(the_first_failure_rings_at_once_and_a_storm_every_10_ms)
{
	uint64_t now_ns = loop_now_ns(worker.loop);

	ck_assert_int_eq(emit_sample(OUTCOME_CONNECT_FAILED), 0);
	ck_assert_uint_le(worker.bell.due_mono_ns, now_ns + 1);
	ck_assert_int_eq(loop_turn(worker.loop, 0), 0);
	ck_assert_uint_eq(bells(), 1);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(emit_sample(OUTCOME_CONNECT_FAILED), 0);
	ck_assert_uint_eq(
		worker.bell.due_mono_ns, worker.rung_mono_ns + 10000000);
}
END_TEST

/* The smallest pipe, of 64 KiB; whoever reads when it rings loses nothing. */
START_TEST(a_pipe_that_is_read_when_it_rings_never_fills)
{
	static char bytes[64 * 1024];
	size_t rings = 0, most_bytes = 0;

	ck_assert_int_ge(fcntl(pipe_fd, F_SETPIPE_SZ, (int)sizeof(bytes)), 0);
	for (int i = 0; i < 1000; i++) {
		ck_assert_int_eq(emit_sample(OUTCOME_OK), 0);
		if (bells() > 0) {
			ssize_t n = read(pipe_fd, bytes, sizeof(bytes));

			ck_assert_int_gt(n, 0);
			if ((size_t)n > most_bytes)
				most_bytes = (size_t)n;
			rings++;
		}
	}
	ck_assert_uint_gt(rings, 0);
	ck_assert_uint_le(most_bytes, sizeof(bytes) / 2);
	/* nor does it ring without need */
	ck_assert_uint_lt(rings, 1000 / 8);
}
END_TEST

START_TEST(a_full_pipe_rings)
{
	while (emit(WIRE_HEARTBEAT) == 0)
		bells();
	ck_assert_int_eq(emit(WIRE_HEARTBEAT), -EAGAIN);
	ck_assert_uint_ge(bells(), 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("worker_emit");
	TCase *tcase = tcase_create("worker_emit");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, what_goes_well_may_wait);
	tcase_add_test(tcase, every_failure_rings);
	tcase_add_test(tcase, what_others_wait_for_rings);
	tcase_add_test(tcase, it_rings_once_for_all_of_a_turn);
	tcase_add_test(
		tcase, the_first_failure_rings_at_once_and_a_storm_every_10_ms);
	tcase_add_test(tcase, a_pipe_that_is_read_when_it_rings_never_fills);
	tcase_add_test(tcase, a_full_pipe_rings);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
