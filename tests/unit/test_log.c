/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines: one write each, valid logfmt or JSON whatever bytes come in and
 * wherever the line is cut.
 */
#include "common/log.h"

#include <check.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yajl/yajl_tree.h>

static char output[64 * 1024];
static int pipe_fds[2], saved_stderr;

static void
start(enum log_level level, enum log_format format)
{
	unsetenv("JOURNAL_STREAM");
	log_setup(level, format);
	ck_assert_int_eq(pipe(pipe_fds), 0);
	saved_stderr = dup(STDERR_FILENO);
	dup2(pipe_fds[1], STDERR_FILENO);
	close(pipe_fds[1]);
}

/* What has been written, from behind the time. */
static const char *
stop(void)
{
	ssize_t n;
	char *from;

	fflush(stderr);
	dup2(saved_stderr, STDERR_FILENO); /* the pipe's last writer is gone */
	close(saved_stderr);
	n = read(pipe_fds[0], output, sizeof(output) - 1);
	close(pipe_fds[0]);
	ck_assert_int_ge((int)n, 0);
	output[n] = '\0';
	from = strstr(output, "level");
	return from != NULL ? from : output;
}

START_TEST(logfmt_quotes_what_needs_it)
{
	start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
	LOG_INFO("hello", LOG_STR("plain", "a-b/c:1"), LOG_STR("empty", ""),
		LOG_STR("blank", "a b"), LOG_STR("equals", "a=b"),
		LOG_STR("quote", "a\"b"), LOG_STR("back", "a\\b"),
		LOG_INT("n", -7));
	ck_assert_str_eq(stop(),
		"level=info msg=hello plain=a-b/c:1 empty=\"\" blank=\"a b\" "
		"equals=\"a=b\" quote=\"a\\\"b\" back=\"a\\\\b\" n=-7\n");
}
END_TEST

/* N 1.14 */
START_TEST(json_is_an_object_per_line)
{
	start(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	LOG_WARN("hello", LOG_STR("a", "b"), LOG_INT("n", 12));
	ck_assert_str_eq(stop(),
		"level\":\"warn\",\"msg\":\"hello\",\"a\":\"b\",\"n\":12}\n");
	ck_assert_mem_eq(output, "{\"time\":\"", 9);
}
END_TEST

START_TEST(no_byte_of_a_value_breaks_the_line)
{
	char all[256];

	for (int i = 0; i < 255; i++)
		all[i] = (char)(i + 1);
	all[255] = '\0';
	start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
	LOG_INFO("x", LOG_STR("v", all));
	stop();
	ck_assert_ptr_eq(strchr(output, '\n'), strrchr(output, '\n'));
	for (const char *c = output; *c != '\0'; c++)
		ck_assert(*c == '\n' || (unsigned char)*c >= ' ');
	ck_assert_ptr_nonnull(strstr(output, "\\u0001"));
	ck_assert_ptr_nonnull(strstr(output, "\\u001b"));
	ck_assert_ptr_nonnull(strstr(output, "\\u007f"));
	ck_assert_ptr_nonnull(strstr(output, "~\\u007f\\ufffd"));
}
END_TEST

START_TEST(utf8_stays_and_what_is_none_is_replaced)
{
	start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
	LOG_INFO("x", LOG_STR("a", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x99\x82"),
		LOG_STR("cut", "\xe2\x82"), LOG_STR("overlong", "\xc0\xaf"),
		LOG_STR("surrogate", "\xed\xa0\x80"),
		LOG_STR("beyond", "\xf4\x90\x80\x80"));
	ck_assert_str_eq(stop(),
		"level=info msg=x a=\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x99\x82\" "
		"cut=\"\\ufffd\\ufffd\" overlong=\"\\ufffd\\ufffd\" "
		"surrogate=\"\\ufffd\\ufffd\\ufffd\" "
		"beyond=\"\\ufffd\\ufffd\\ufffd\\ufffd\"\n");
}
END_TEST

START_TEST(what_a_terminal_takes_for_control_is_escaped)
{
	start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
	LOG_INFO("x",
		LOG_STR("csi", "\xc2\x9b"
			       "31m"),
		LOG_STR("next", "a\xc2\x85"
				"b\xc2\xa0"),
		LOG_STR("separators", "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa"));
	ck_assert_str_eq(stop(),
		"level=info msg=x csi=\"\\u009b31m\" next=\"a\\u0085b\xc2\xa0\" "
		"separators=\"\\u2028\\u2029\xe2\x80\xaa\"\n");
}
END_TEST

/* N 1.14 */
START_TEST(levels_below_are_silent)
{
	start(LOG_LEVEL_WARN, LOG_FORMAT_LOGFMT);
	LOG_DEBUG("d");
	LOG_INFO("i");
	ck_assert_str_eq(stop(), "");
	start(LOG_LEVEL_WARN, LOG_FORMAT_LOGFMT);
	LOG_WARN("w");
	LOG_ERROR("e");
	ck_assert_ptr_nonnull(strstr(stop(), "level=warn msg=w\n"));
	ck_assert_ptr_nonnull(strstr(output, "level=error msg=e\n"));
}
END_TEST

START_TEST(a_line_of_another_process_names_it)
{
	const struct log_field fields[] = { LOG_ERRNO(2), { NULL, NULL, 0 } };

	start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
	log_write_of("me_ingress", LOG_LEVEL_INFO, "x", fields);
	ck_assert_str_eq(stop(), "level=info process=me_ingress msg=x "
				 "error=\"No such file or directory\"\n");
}
END_TEST

/* Fields around the end of the line, in steps of one byte. */
static void
log_around_the_end(enum log_format format, const char *unit, size_t pad)
{
	static char padding[8192], value[8192];

	memset(padding, 'p', pad);
	padding[pad] = '\0';
	value[0] = '\0';
	for (size_t i = 0; i < 100; i++)
		strcat(value, unit);
	start(LOG_LEVEL_INFO, format);
	LOG_INFO("x", LOG_STR("padding", padding), LOG_STR("value", value),
		LOG_INT("number", 1234567890123456789),
		LOG_STR("last", "of \"all\""));
	stop();
	ck_assert_uint_le(strlen(output), 4096);
	ck_assert_ptr_eq(strchr(output, '\n'), output + strlen(output) - 1);
}

START_TEST(a_cut_line_of_json_is_json)
{
	static const char *const units[] = { "v", "\"", "\n", "\x01",
		"\xe2\x82\xac", "\xff" };
	char error[256];
	yajl_val tree;

	for (size_t unit = 0; unit < 6; unit++)
		for (size_t pad = 3300; pad < 4100; pad++) {
			log_around_the_end(LOG_FORMAT_JSON, units[unit], pad);
			tree = yajl_tree_parse(output, error, sizeof(error));
			ck_assert_msg(
				tree != NULL, "%s\n%s", output + 3900, error);
			yajl_tree_free(tree);
		}
}
END_TEST

static bool
quotes_are_closed(const char *line)
{
	bool open = false;

	for (; *line != '\0'; line++) {
		if (*line == '\\' && line[1] != '\0')
			line++;
		else if (*line == '"')
			open = !open;
	}
	return !open;
}

START_TEST(a_cut_line_of_logfmt_has_its_quotes_closed)
{
	for (size_t pad = 3300; pad < 4100; pad++) {
		log_around_the_end(LOG_FORMAT_LOGFMT, "\"", pad);
		ck_assert(quotes_are_closed(output));
	}
}
END_TEST

/* A pipe of four pages, and nobody who reads it. */
START_TEST(nobody_waits_for_who_reads_the_log)
{
	static char value[1000];
	unsigned written, lost = 0;
	char wanted[128];
	ssize_t n;

	memset(value, 'v', sizeof(value) - 1);
	start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
	ck_assert_int_ge(fcntl(pipe_fds[0], F_SETPIPE_SZ, 4 * 4096), 0);
	for (written = 0; log_has_room(); written++)
		LOG_INFO("x", LOG_STR("v", value));
	ck_assert_uint_gt(written, 0);
	while (lost < 17) {
		LOG_INFO("lost");
		LOG_DEBUG("of no interest");
		lost++;
	}
	n = read(pipe_fds[0], output, sizeof(output));
	ck_assert_int_gt((int)n, 1000);
	ck_assert_ptr_null(memmem(output, (size_t)n, "msg=lost", 8));
	LOG_INFO("again");
	LOG_INFO("and again");
	snprintf(wanted, sizeof(wanted),
		"level=warn msg=\"lines of the log were lost, for there was "
		"no room for them\" lines=%u\n",
		lost);
	ck_assert_mem_eq(stop(), wanted, strlen(wanted));
	ck_assert_ptr_nonnull(strstr(output, " msg=again\n"));
	ck_assert_ptr_nonnull(strstr(output, " msg=\"and again\"\n"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("log");
	TCase *tcase = tcase_create("log");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, logfmt_quotes_what_needs_it);
	tcase_add_test(tcase, json_is_an_object_per_line);
	tcase_add_test(tcase, no_byte_of_a_value_breaks_the_line);
	tcase_add_test(tcase, utf8_stays_and_what_is_none_is_replaced);
	tcase_add_test(tcase, what_a_terminal_takes_for_control_is_escaped);
	tcase_add_test(tcase, levels_below_are_silent);
	tcase_add_test(tcase, a_line_of_another_process_names_it);
	tcase_add_test(tcase, a_cut_line_of_json_is_json);
	tcase_add_test(tcase, a_cut_line_of_logfmt_has_its_quotes_closed);
	tcase_add_test(tcase, nobody_waits_for_who_reads_the_log);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
