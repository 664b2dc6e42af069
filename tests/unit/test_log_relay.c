/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker writes to its standard error, and what of it reaches the log:
 * by a pipe as in life, with a clock of the test's own.
 */
#include "supervisor/log_relay.h"

#include "common/clock.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t now_ns;

uint64_t
clock_mono_ns(void)
{
	return now_ns;
}

static struct loop *loop;
static struct log_relay relay;
static int worker_fd;     /* its standard error */
static int log_fd, saved; /* ours: a file, and what was there before */
static char output[1 << 20];

static void
setup(void)
{
	now_ns = 1000 * NS_PER_S;
	unsetenv("JOURNAL_STREAM");
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
	loop = loop_new();
	log_relay_init(&relay, loop, "extra");
	ck_assert_int_eq(log_relay_open(&relay, &worker_fd), 0);
	log_fd = memfd_create("log", MFD_CLOEXEC);
	saved = dup(STDERR_FILENO);
	dup2(log_fd, STDERR_FILENO);
}

static void
teardown(void)
{
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(log_fd);
	if (worker_fd >= 0)
		close(worker_fd);
	log_relay_close(&relay);
	loop_free(loop);
}

static void
turn(void)
{
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(loop_turn(loop, 0), 0);
}

/* The last line of the log, from behind its time; all of it is in output. */
static const char *
said(void)
{
	ssize_t n = pread(log_fd, output, sizeof(output) - 1, 0);
	const char *last = output;

	ck_assert_int_ge(n, 0);
	output[n] = '\0';
	for (const char *at = output; (at = strchr(at, '\n')) != NULL; at++)
		if (at[1] != '\0')
			last = at + 1;
	last = strchr(last, 'Z');
	return last != NULL ? last + 2 : output;
}

static size_t
line_count(void)
{
	size_t count = 0;

	said();
	for (const char *at = output; (at = strchr(at, '\n')) != NULL; at++)
		count++;
	return count;
}

static ssize_t
print(const char *text, size_t len)
{
	return write(worker_fd, text, len);
}

static void
log_as_worker(const char *message, const struct log_field *fields)
{
	char buf[LOG_RECORD_MAX_BYTES];
	size_t len = log_record_encode(buf, LOG_LEVEL_WARN, message, fields);

	ck_assert_int_eq(print(buf, len), (ssize_t)len);
}

START_TEST(a_line_gets_its_process_and_keeps_its_fields)
{
	const struct log_field fields[] = { LOG_STR("text", "a\n\x01\"b\xff"),
		LOG_INT("n", INT64_MIN), LOG_STR("empty", ""),
		{ NULL, NULL, 0 } };

	log_as_worker("hello \x02 there", fields);
	turn();
	ck_assert_str_eq(said(),
		"level=warn process=extra msg=\"hello \\u0002 there\" "
		"text=\"a\\n\\u0001\\\"b\\ufffd\" n=-9223372036854775808 "
		"empty=\"\"\n");
}
END_TEST

static const char *const forgeries[] = {
	/* lines as they stand in the log */
	"time=2020-01-01T00:00:00.000Z level=info msg=\"all is well\"",
	"<3>an error",
	"{\"level\":\"error\"}",
	/* lines to the supervisor that no worker of ours writes */
	"\x01",
	"\x01"
	"1",
	"\x01"
	"9message",
	"\x01"
	"1message\x02process=supervisor",
	"\x01"
	"1message\x02time=2020",
	"\x01"
	"1message\x02level=error",
	"\x01"
	"1message\x02msg=other",
	"\x01"
	"1message\x02",
	"\x01"
	"1message\x02=value",
	"\x01"
	"1message\x02key",
	"\x01"
	"1message\x02key with blanks=value",
	"\x01"
	"1message\x02key\"=value",
	"\x01"
	"1message\x02n#",
	"\x01"
	"1message\x02n#1x",
	"\x01"
	"1message\x02n# 1",
	"\x01"
	"1message\x02n#99999999999999999999",
	"\x01"
	"1message\x02key=value\x10",
	"\x01"
	"1message\x02key=value\x10"
	"A\x10"
	"@",
	"\x01"
	"1message\x02key=raw\x07",
	"\x01"
	"1mess\x1b[2Jage",
};
#define N_FORGERIES (sizeof(forgeries) / sizeof(forgeries[0]))

#define AS_TEXT "level=warn process=extra msg=\"text on standard error\" text="

START_TEST(what_no_worker_writes_is_text)
{
	const char *forgery = forgeries[_i];

	print(forgery, strlen(forgery));
	print("\n", 1);
	turn();
	ck_assert_msg(
		strncmp(said(), AS_TEXT, strlen(AS_TEXT)) == 0, "%s", output);
	ck_assert_uint_eq(line_count(), 1);
	for (const char *at = output; *at != '\0'; at++)
		ck_assert(*at == '\n' || (*at >= ' ' && *at <= '~'));
}
END_TEST

START_TEST(too_many_fields_are_text)
{
	struct log_field fields[LOG_RECORD_FIELDS + 2];

	for (int i = 0; i < LOG_RECORD_FIELDS; i++)
		fields[i] = LOG_INT("n", i);
	fields[LOG_RECORD_FIELDS] = (struct log_field){ NULL, NULL, 0 };
	log_as_worker("most", fields);
	turn();
	ck_assert_ptr_nonnull(strstr(said(), "msg=most n=0 "));
	fields[LOG_RECORD_FIELDS] = LOG_INT("n", 1);
	fields[LOG_RECORD_FIELDS + 1] = (struct log_field){ NULL, NULL, 0 };
	log_as_worker("more", fields);
	turn();
	ck_assert_ptr_nonnull(strstr(said(), "text on standard error"));
}
END_TEST

START_TEST(a_line_comes_in_pieces_and_a_long_one_is_cut)
{
	char *many = malloc(50000);

	memset(many, 'm', 50000);
	print("one ", 4);
	turn();
	ck_assert_uint_eq(line_count(), 0);
	print("line\n\n", 6);
	turn();
	ck_assert_ptr_nonnull(strstr(said(), "text=\"one line\"\n"));
	ck_assert_uint_eq(line_count(), 1); /* an empty one is none */
	ck_assert_int_eq(print(many, 50000), 50000);
	print("\nnext\0one\n", 10);
	turn();
	ck_assert_uint_eq(line_count(), 3);
	ck_assert_uint_le(strlen(output), 3 * 4096);
	ck_assert_ptr_nonnull(strstr(said(), "text=\"next\\u001aone\"\n"));
	free(many);
}
END_TEST

START_TEST(last_words_are_heard)
{
	print("assertion failed\nand no newline", 31);
	close(worker_fd);
	worker_fd = -1;
	log_relay_close(&relay);
	ck_assert_ptr_nonnull(strstr(said(), "text=\"and no newline\"\n"));
	ck_assert_ptr_nonnull(strstr(output, "text=\"assertion failed\"\n"));
	/* the end is seen by the loop as well */
	ck_assert_int_eq(log_relay_open(&relay, &worker_fd), 0);
	print("bye", 3);
	close(worker_fd);
	worker_fd = -1;
	turn();
	ck_assert_ptr_nonnull(strstr(said(), "text=bye\n"));
	ck_assert_int_eq(relay.fd, -1);
}
END_TEST

/* Until the pipe is full, which holds up nobody. */
static size_t
flood(void)
{
	size_t count = 0;
	char line[16];

	while (snprintf(line, sizeof(line), "line %08zu\n", count),
		print(line, 14) == 14)
		count++;
	ck_assert_int_eq(errno, EAGAIN);
	return count;
}

#define SUPPRESSED                                                             \
	"level=warn msg=\"log lines were suppressed: too many of them\" "      \
	"source=extra lines="

START_TEST(a_flood_costs_the_flooder_lines)
{
	size_t count = flood();

	turn();
	ck_assert_uint_eq(line_count(), LOG_BUDGET_LINES);
	flood(); /* not even read */
	turn();
	ck_assert_int_eq(print("one line more\n", 14), -1);
	ck_assert_uint_eq(line_count(), LOG_BUDGET_LINES);
	/* a second later there is room to say how many were lost */
	now_ns += LOG_BUDGET_LINE_NS;
	log_relay_tick(&relay, now_ns);
	ck_assert_int_eq(strncmp(said(), SUPPRESSED, strlen(SUPPRESSED)), 0);
	ck_assert_uint_eq((size_t)atoi(said() + strlen(SUPPRESSED)),
		count - LOG_BUDGET_LINES);
	/* and all is forgotten in the end */
	now_ns += 2 * LOG_BUDGET_LINES * LOG_BUDGET_LINE_NS;
	log_relay_tick(&relay, now_ns);
	turn();
	ck_assert_uint_eq(line_count(), 2 * LOG_BUDGET_LINES + 1);
}
END_TEST

/* Or a worker that dies after each flood would have a new budget each time. */
START_TEST(the_budget_outlives_the_process)
{
	flood();
	log_relay_close(&relay);
	ck_assert_uint_eq(line_count(), LOG_BUDGET_LINES);
	close(worker_fd);
	ck_assert_int_eq(log_relay_open(&relay, &worker_fd), 0);
	print("again\n", 6);
	turn();
	ck_assert_uint_eq(line_count(), LOG_BUDGET_LINES);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("log_relay");
	TCase *tcase = tcase_create("log_relay");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_line_gets_its_process_and_keeps_its_fields);
	tcase_add_loop_test(
		tcase, what_no_worker_writes_is_text, 0, N_FORGERIES);
	tcase_add_test(tcase, too_many_fields_are_text);
	tcase_add_test(tcase, a_line_comes_in_pieces_and_a_long_one_is_cut);
	tcase_add_test(tcase, last_words_are_heard);
	tcase_add_test(tcase, a_flood_costs_the_flooder_lines);
	tcase_add_test(tcase, the_budget_outlives_the_process);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
