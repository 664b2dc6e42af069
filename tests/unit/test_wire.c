/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of the sample pipe: what a good worker writes is taken, and
 * every single thing that it would never write is nonsense.
 */
#include "common/wire.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GEN 7

static struct wire_record
good_sample(void)
{
	struct wire_record record;
	struct wire_sample *sample = &record.body.sample;

	wire_init(&record, WIRE_SAMPLE, GEN);
	record.checks_started = 3;
	sample->target_gen = 1;
	sample->started_mono_ns = 1000;
	sample->duration_ns = 60;
	sample->check_duration_ns = 60;
	sample->response_ns = 50;
	sample->events = 1u << EVENT_CONNECT_START | 1u << EVENT_CONNECT_DONE;
	sample->event_ns[EVENT_CONNECT_DONE] = 10;
	sample->phases = 1u << PHASE_CONNECT | 1u << PHASE_WAIT;
	sample->phase_ns[PHASE_CONNECT] = 10;
	sample->phase_ns[PHASE_WAIT] = 50;
	sample->outcome = OUTCOME_OK;
	sample->last = 1;
	sample->has_status = 1;
	sample->http_status = 200;
	wire_set_text(sample->detail, sizeof(sample->detail), "ok");
	return record;
}

static void
assert_nonsense(const struct wire_record *record)
{
	ck_assert_int_eq(wire_check(record, GEN), -EPROTO);
}

/* A good sample with one thing wrong. */
#define ASSERT_BAD_SAMPLE(change)                                              \
	do {                                                                   \
		struct wire_record record = good_sample();                     \
		struct wire_sample *sample = &record.body.sample;              \
		(void)sample;                                                  \
		change;                                                        \
		assert_nonsense(&record);                                      \
	} while (0)

#define ASSERT_GOOD_SAMPLE(change)                                             \
	do {                                                                   \
		struct wire_record record = good_sample();                     \
		struct wire_sample *sample = &record.body.sample;              \
		(void)sample;                                                  \
		change;                                                        \
		ck_assert_int_eq(wire_check(&record, GEN), 0);                 \
	} while (0)

START_TEST(what_a_worker_writes_is_taken)
{
	ASSERT_GOOD_SAMPLE((void)0);
	ASSERT_GOOD_SAMPLE(sample->http_status = 0); /* "000" is an answer */
	ASSERT_GOOD_SAMPLE(sample->outcome = OUTCOME_STATUS);
	ASSERT_GOOD_SAMPLE(sample->outcome = OUTCOME_ROUND_TRIP_FAILED);
	ASSERT_GOOD_SAMPLE({
		sample->outcome = OUTCOME_REDIRECT;
		sample->last = 0;
		sample->check_duration_ns = 0;
	});
	ASSERT_GOOD_SAMPLE({
		sample->outcome = OUTCOME_CONNECT_FAILED;
		sample->has_status = 0;
		sample->http_status = 0;
		sample->response_ns = 0;
	});
}
END_TEST

START_TEST(a_head_that_is_wrong_is_nonsense)
{
	ASSERT_BAD_SAMPLE(record.magic++);
	ASSERT_BAD_SAMPLE(record.kind = 0);
	ASSERT_BAD_SAMPLE(record.kind = WIRE_KIND_END);
	ASSERT_BAD_SAMPLE(record.kind = UINT32_MAX);
	ASSERT_BAD_SAMPLE(record.worker_gen = GEN - 1);
	ASSERT_BAD_SAMPLE(record.worker_gen = GEN + 1);
	ASSERT_BAD_SAMPLE(record.reserved = 1);
	ASSERT_BAD_SAMPLE(record.checks_started = WIRE_MAX_COUNT + 1);
	ASSERT_BAD_SAMPLE(record.records_dropped = UINT64_MAX);
}
END_TEST

START_TEST(enums_and_flags_out_of_range_are_nonsense)
{
	ASSERT_BAD_SAMPLE(sample->outcome = OUTCOME_COUNT);
	ASSERT_BAD_SAMPLE(sample->outcome = UINT8_MAX);
	ASSERT_BAD_SAMPLE(sample->last = 2);
	ASSERT_BAD_SAMPLE(sample->hop = WIRE_HOPS_MAX);
	ASSERT_BAD_SAMPLE(sample->stamped = 2);
	ASSERT_BAD_SAMPLE(sample->has_status = 2);
	ASSERT_BAD_SAMPLE(sample->http_status = 1000);
	ASSERT_BAD_SAMPLE(sample->events = (uint16_t)(sample->events |
						      1u << EVENT_COUNT));
	ASSERT_BAD_SAMPLE(sample->phases = (uint16_t)(sample->phases |
						      1u << PHASE_COUNT));
}
END_TEST

START_TEST(an_outcome_that_contradicts_the_status_is_nonsense)
{
	static const enum outcome before_answer[] = { OUTCOME_DNS_FAILED,
		OUTCOME_CONNECT_FAILED, OUTCOME_TLS_FAILED,
		OUTCOME_WRITE_FAILED };

	for (size_t i = 0; i < 4; i++)
		ASSERT_BAD_SAMPLE(sample->outcome = (uint8_t)before_answer[i]);
	ASSERT_BAD_SAMPLE({
		sample->has_status = 0;
		sample->http_status = 0;
		sample->response_ns = 0;
	});
	ASSERT_BAD_SAMPLE(sample->outcome = OUTCOME_REDIRECT);
	ASSERT_BAD_SAMPLE(sample->last = 0);
	ASSERT_BAD_SAMPLE({ /* a status without the flag */
		sample->outcome = OUTCOME_ROUND_TRIP_FAILED;
		sample->has_status = 0;
		sample->response_ns = 0;
	});
	ASSERT_BAD_SAMPLE({ /* and a time of the response */
		sample->outcome = OUTCOME_ROUND_TRIP_FAILED;
		sample->has_status = 0;
		sample->http_status = 0;
	});
}
END_TEST

START_TEST(times_that_do_not_fit_are_nonsense)
{
	ASSERT_BAD_SAMPLE(sample->duration_ns = 61); /* not the phases' sum */
	ASSERT_BAD_SAMPLE(sample->phase_ns[PHASE_WAIT]++);
	ASSERT_BAD_SAMPLE(sample->phase_ns[PHASE_DNS] = 1); /* not declared */
	ASSERT_BAD_SAMPLE({ /* the sum overflows back to the duration */
		sample->phase_ns[PHASE_CONNECT] = UINT64_MAX;
		sample->phase_ns[PHASE_WAIT] = 61;
	});
	ASSERT_BAD_SAMPLE({
		sample->phase_ns[PHASE_WAIT] = WIRE_MAX_NS;
		sample->duration_ns = WIRE_MAX_NS + 10;
		sample->check_duration_ns = WIRE_MAX_NS;
	});
	ASSERT_BAD_SAMPLE(sample->event_ns[EVENT_CONNECT_DONE] = 61);
	ASSERT_BAD_SAMPLE(sample->event_ns[EVENT_DNS_DONE] = 1);
	ASSERT_BAD_SAMPLE(sample->response_ns = 61);
	ASSERT_BAD_SAMPLE(sample->lateness_ns = WIRE_MAX_NS + 1);
	ASSERT_BAD_SAMPLE(sample->check_duration_ns = 59);
	ASSERT_BAD_SAMPLE(sample->check_duration_ns = WIRE_MAX_NS + 1);
}
END_TEST

START_TEST(counts_without_measure_are_nonsense)
{
	struct wire_record status;

	ASSERT_GOOD_SAMPLE(sample->retransmits_syn = WIRE_MAX_RETRANSMITS);
	ASSERT_BAD_SAMPLE(sample->retransmits_syn = WIRE_MAX_RETRANSMITS + 1);
	ASSERT_BAD_SAMPLE(sample->retransmits_data = UINT32_MAX);
	ASSERT_BAD_SAMPLE(sample->rtt_us = UINT32_MAX);
	wire_init(&status, WIRE_DISCOVERY, GEN);
	status.body.discovery.received_bytes = WIRE_MAX_COUNT;
	ck_assert_int_eq(wire_check(&status, GEN), 0);
	status.body.discovery.received_bytes = UINT64_MAX;
	assert_nonsense(&status);
	status.body.discovery.received_bytes = 0;
	status.body.discovery.errors[DISCOVERY_ERROR_COUNT - 1] = UINT64_MAX;
	assert_nonsense(&status);
}
END_TEST

static const char *const good_nameservers[] = { "192.0.2.53:53", "127.0.0.1:1",
	"[2001:db8::53]:53", "[::ffff:192.0.2.1]:65535" };
static const char *const bad_nameservers[] = { "", ":", "53", ":53",
	"192.0.2.53", "192.0.2.53:", "192.0.2.53:x", "192.0.2.53:53 ",
	"192.0.2.53:123456", "192.0.2:53", "[192.0.2.53:53", "[]:53", "[:53",
	"ns.test:53", "\xff:53", "192.0.2.53\n:53" };

START_TEST(a_nameserver_is_an_address_and_a_port)
{
	struct wire_record record;

	wire_init(&record, WIRE_DNS, GEN);
	for (size_t i = 0; i < 4; i++) {
		wire_set_text(record.body.dns.nameserver, WIRE_NAMESERVER_BYTES,
			good_nameservers[i]);
		ck_assert_int_eq(wire_check(&record, GEN), 0);
	}
	for (size_t i = 0; i < 16; i++) {
		wire_set_text(record.body.dns.nameserver, WIRE_NAMESERVER_BYTES,
			bad_nameservers[i]);
		assert_nonsense(&record);
	}
}
END_TEST

START_TEST(text_without_an_end_is_nonsense)
{
	struct wire_record dns;

	ASSERT_BAD_SAMPLE(memset(sample->detail, 'x', WIRE_DETAIL_BYTES));
	wire_init(&dns, WIRE_DNS, GEN);
	wire_set_text(dns.body.dns.nameserver, WIRE_NAMESERVER_BYTES,
		"192.0.2.53:53");
	ck_assert_int_eq(wire_check(&dns, GEN), 0);
	memset(dns.body.dns.nameserver, 'x', WIRE_NAMESERVER_BYTES);
	assert_nonsense(&dns);
}
END_TEST

START_TEST(a_trap_names_a_call)
{
	struct wire_record record;

	wire_init(&record, WIRE_TRAP, GEN);
	record.body.trap.call_number = 59;
	ck_assert_int_eq(wire_check(&record, GEN), 0);
	record.body.trap.reserved = 1;
	assert_nonsense(&record);
	record.body.trap.reserved = 0;
	record.body.trap.call_number = -1;
	assert_nonsense(&record);
}
END_TEST

START_TEST(other_kinds_are_checked_too)
{
	struct wire_record record;

	wire_init(&record, WIRE_HELLO, GEN);
	record.body.hello.sandbox_level = 2;
	ck_assert_int_eq(wire_check(&record, GEN), 0);
	record.body.hello.sandbox_level = 3;
	assert_nonsense(&record);
	wire_init(&record, WIRE_HEARTBEAT, GEN);
	ck_assert_int_eq(wire_check(&record, GEN), 0);
	record.worker_gen++;
	assert_nonsense(&record);
	wire_init(&record, WIRE_DNS, GEN);
	wire_set_text(record.body.dns.nameserver, WIRE_NAMESERVER_BYTES,
		"192.0.2.53:53");
	ck_assert_int_eq(wire_check(&record, GEN), 0);
	record.body.dns.result = DNS_RESULT_COUNT;
	assert_nonsense(&record);
	record.body.dns.result = DNS_OK;
	record.body.dns.duration_ns = WIRE_MAX_NS + 1;
	assert_nonsense(&record);
	wire_init(&record, WIRE_DNS_LATE, GEN);
	record.body.dns_late.waited_ns = WIRE_MAX_NS;
	record.body.dns_late.failed = record.body.dns_late.ended = 1;
	ck_assert_int_eq(wire_check(&record, GEN), 0);
	record.body.dns_late.ended = 2;
	assert_nonsense(&record);
	record.body.dns_late.ended = 1;
	record.body.dns_late.waited_ns++;
	assert_nonsense(&record);
	record.body.dns_late.waited_ns = 0;
	memset(record.body.dns_late.detail, 'x', WIRE_DETAIL_BYTES);
	assert_nonsense(&record);
}
END_TEST

START_TEST(a_text_is_cut_ended_and_leaves_no_old_bytes)
{
	char field[8];

	memset(field, 'x', sizeof(field));
	wire_set_text(field, sizeof(field), "ab");
	ck_assert_mem_eq(field, "ab\0\0\0\0\0\0", 8);
	wire_set_text(field, sizeof(field), "longer than it");
	ck_assert_str_eq(field, "longer ");
}
END_TEST

static void
open_pipe(int fds[2])
{
	ck_assert_int_eq(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
}

START_TEST(records_go_through_a_pipe_whole)
{
	struct wire_record in = good_sample(), out[4];
	int fds[2];

	open_pipe(fds);
	ck_assert_int_eq(wire_read(fds[0], out, 4), 0); /* nothing there */
	ck_assert_int_eq(wire_write(fds[1], &in), 0);
	in.body.sample.target_id = 9;
	ck_assert_int_eq(wire_write(fds[1], &in), 0);
	ck_assert_int_eq(wire_read(fds[0], out, 4), 2);
	ck_assert_uint_eq(out[0].body.sample.target_id, 0);
	ck_assert_mem_eq(&out[1], &in, sizeof(in));
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(wire_write(fds[1], &in), 0);
	ck_assert_int_eq(wire_read(fds[0], out, 4), 4);
	ck_assert_int_eq(wire_read(fds[0], out, 4), 1);
	close(fds[1]);
	ck_assert_int_eq(wire_read(fds[0], out, 4), -EPIPE);
	close(fds[0]);
}
END_TEST

START_TEST(a_torn_record_is_told_from_all_else)
{
	struct wire_record in = good_sample(), out[4];
	int fds[2];

	open_pipe(fds);
	ck_assert_int_eq(wire_write(fds[1], &in), 0);
	ck_assert_int_eq((int)write(fds[1], &in, 100), 100);
	ck_assert_int_eq(wire_read(fds[0], out, 4), -EPROTO);
	ck_assert_int_eq((int)write(fds[1], &in, 1), 1);
	ck_assert_int_eq(wire_read(fds[0], out, 4), -EPROTO);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(a_full_pipe_loses_whole_records_only)
{
	struct wire_record in = good_sample(), out;
	unsigned written = 0, read_count = 0;
	int fds[2], rc;

	open_pipe(fds);
	while ((rc = wire_write(fds[1], &in)) == 0)
		written++;
	ck_assert_int_eq(rc, -EAGAIN);
	ck_assert_uint_gt(written, 50);
	while (wire_read(fds[0], &out, 1) == 1) {
		ck_assert_int_eq(wire_check(&out, GEN), 0);
		read_count++;
	}
	ck_assert_uint_eq(read_count, written);
	close(fds[0]);
	ck_assert_int_eq(wire_write(fds[1], &in), -EPIPE);
	close(fds[1]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("wire");
	TCase *tcase = tcase_create("wire");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	signal(SIGPIPE, SIG_IGN);
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, what_a_worker_writes_is_taken);
	tcase_add_test(tcase, a_head_that_is_wrong_is_nonsense);
	tcase_add_test(tcase, enums_and_flags_out_of_range_are_nonsense);
	tcase_add_test(
		tcase, an_outcome_that_contradicts_the_status_is_nonsense);
	tcase_add_test(tcase, times_that_do_not_fit_are_nonsense);
	tcase_add_test(tcase, counts_without_measure_are_nonsense);
	tcase_add_test(tcase, a_nameserver_is_an_address_and_a_port);
	tcase_add_test(tcase, text_without_an_end_is_nonsense);
	tcase_add_test(tcase, a_trap_names_a_call);
	tcase_add_test(tcase, other_kinds_are_checked_too);
	tcase_add_test(tcase, a_text_is_cut_ended_and_leaves_no_old_bytes);
	tcase_add_test(tcase, records_go_through_a_pipe_whole);
	tcase_add_test(tcase, a_torn_record_is_told_from_all_else);
	tcase_add_test(tcase, a_full_pipe_loses_whole_records_only);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
