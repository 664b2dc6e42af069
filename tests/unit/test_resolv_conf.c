/* SPDX-License-Identifier: Apache-2.0 */
/* resolv.conf(5), well and badly written, and the lines it comes in. */
#include "workers/resolv_conf.h"

#include "common/clock.h"
#include "workers/line_file.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];
static struct resolv_conf conf;

static void
set_up(void)
{
	int fd;

	strcpy(path, "/tmp/test_resolv_conf.XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void
tear_down(void)
{
	unlink(path);
}

static void
write_bytes(const char *bytes, size_t len)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
	fclose(file);
}

static void
read_text(const char *text)
{
	write_bytes(text, strlen(text));
	resolv_conf_read(path, &conf);
}

START_TEST(a_missing_file_leaves_the_defaults)
{
	resolv_conf_read("/nonexistent/resolv.conf", &conf);
	ck_assert_uint_eq(conf.server_count, 1);
	ck_assert_str_eq(conf.servers[0].name, "127.0.0.1:53");
	ck_assert_uint_eq(conf.dot_count_min, 1);
	ck_assert_uint_eq(conf.attempt_count, 2);
	ck_assert_uint_eq(conf.timeout_ns, 5 * NS_PER_S);
	ck_assert(!conf.rotate);
	ck_assert(!conf.use_tcp);
}
END_TEST

START_TEST(what_kubelet_writes_is_understood)
{
	read_text(
		"search ns.svc.cluster.local svc.cluster.local cluster.local\n"
		"nameserver 10.96.0.10\n"
		"options ndots:5\n");
	ck_assert_uint_eq(conf.server_count, 1);
	ck_assert_str_eq(conf.servers[0].name, "10.96.0.10:53");
	ck_assert_uint_eq(conf.domain_count, 3);
	ck_assert_str_eq(conf.domains[0], "ns.svc.cluster.local");
	ck_assert_str_eq(conf.domains[2], "cluster.local");
	ck_assert_uint_eq(conf.dot_count_min, 5);
}
END_TEST

START_TEST(options_have_bounds)
{
	read_text("options timeout:0 attempts:0\n");
	ck_assert_uint_eq(conf.timeout_ns, NS_PER_S);
	ck_assert_uint_eq(conf.attempt_count, 1);
	read_text("options timeout:99999999999999999999 attempts:6 ndots:16\n"
		  "options rotate use-vc\n");
	ck_assert_uint_eq(conf.timeout_ns, 30 * NS_PER_S);
	ck_assert_uint_eq(conf.attempt_count, 5);
	ck_assert_uint_eq(conf.dot_count_min, 15);
	ck_assert(conf.rotate);
	ck_assert(conf.use_tcp);
	read_text("options timeout: attempts:x ndots:-1 timeoutx:3 edns0\n");
	ck_assert_uint_eq(conf.timeout_ns, 5 * NS_PER_S);
	ck_assert_uint_eq(conf.attempt_count, 2);
	ck_assert_uint_eq(conf.dot_count_min, 1);
}
END_TEST

START_TEST(bad_nameservers_are_passed_over_and_three_are_kept)
{
	read_text("; comment\n#nameserver 192.0.2.9\nnameserver\n"
		  "nameserver none\nnameserver 192.0.2.1%lo\n"
		  "nameserver fe80::1%no-such-device\n"
		  "nameserver fe80::1%lo\n\tnameserver 192.0.2.2 # two\n"
		  "nameserver 2001:db8::3\r\nnameserver 192.0.2.4");
	ck_assert_uint_eq(conf.server_count, 3);
	ck_assert_str_eq(conf.servers[0].name, "[fe80::1]:53");
	ck_assert_str_eq(conf.servers[1].name, "192.0.2.2:53");
	ck_assert_str_eq(conf.servers[2].name, "[2001:db8::3]:53");
}
END_TEST

START_TEST(a_search_list_has_bounds)
{
	char text[8 * 1024] = "search";
	size_t len = strlen(text);

	for (int i = 0; i < 40; i++)
		len += (size_t)snprintf(
			text + len, sizeof(text) - len, " d%d.test.", i);
	read_text(text);
	ck_assert_uint_eq(conf.domain_count, RESOLV_CONF_DOMAINS_MAX);
	ck_assert_str_eq(conf.domains[31], "d31.test");
	len = strlen("search");
	for (int i = 0; i < 12; i++)
		len += (size_t)snprintf(
			text + len, sizeof(text) - len, " %0200d", i);
	read_text(text);
	ck_assert_uint_eq(conf.domain_count, 10);
}
END_TEST

START_TEST(servers_may_be_given_with_ports)
{
	read_text("nameserver 192.0.2.1\n");
	ck_assert_int_eq(
		resolv_conf_set_servers(&conf, "1.2.3.4:5353,[::1]:54,::2"), 0);
	ck_assert_uint_eq(conf.server_count, 3);
	ck_assert_str_eq(conf.servers[0].name, "1.2.3.4:5353");
	ck_assert_str_eq(conf.servers[1].name, "[::1]:54");
	ck_assert_str_eq(conf.servers[2].name, "[::2]:53");
	ck_assert_int_eq(resolv_conf_set_servers(&conf, "1.2.3.4:x"), -EINVAL);
	ck_assert_uint_eq(conf.server_count, 3);
}
END_TEST

struct lines {
	size_t lens[8];
	unsigned count, stop_after;
};

static bool
note_line(void *arg, char *line)
{
	struct lines *lines = arg;

	ck_assert_uint_lt(lines->count, 8);
	lines->lens[lines->count++] = strlen(line);
	return lines->count != lines->stop_after;
}

START_TEST(overlong_lines_are_left_out_whole)
{
	static char text[4 * LINE_FILE_LINE_BYTES_MAX];
	struct lines lines = { .stop_after = 0 };
	size_t max = LINE_FILE_LINE_BYTES_MAX - 1;

	/* "a", the longest that fits, 2 * max, "ccc" without an end */
	memset(text, 'x', sizeof(text));
	text[0] = 'a';
	text[1] = '\n';
	text[2 + max - 1] = '\n';
	text[2 + max + 2 * max] = '\n';
	write_bytes(text, 2 + max + 2 * max + 1 + 3);
	ck_assert_int_eq(line_file_read(path, note_line, &lines), 0);
	ck_assert_uint_eq(lines.count, 3);
	ck_assert_uint_eq(lines.lens[0], 1);
	ck_assert_uint_eq(lines.lens[1], max - 1);
	ck_assert_uint_eq(lines.lens[2], 3);
}
END_TEST

START_TEST(reading_stops_when_told)
{
	struct lines lines = { .stop_after = 2 };

	write_bytes("a\nb\nc\nd", 7);
	ck_assert_int_eq(line_file_read(path, note_line, &lines), 0);
	ck_assert_uint_eq(lines.count, 2);
	ck_assert_int_eq(
		line_file_read("/nonexistent", note_line, &lines), -ENOENT);
	ck_assert_int_lt(line_file_read("/tmp", note_line, &lines), 0);
}
END_TEST

START_TEST(a_file_without_end_has_one)
{
	struct lines lines = { 0 };

	ck_assert_int_eq(
		line_file_read("/dev/zero", note_line, &lines), -EFBIG);
	ck_assert_uint_eq(lines.count, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("resolv_conf");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_missing_file_leaves_the_defaults);
	tcase_add_test(tcase, what_kubelet_writes_is_understood);
	tcase_add_test(tcase, options_have_bounds);
	tcase_add_test(
		tcase, bad_nameservers_are_passed_over_and_three_are_kept);
	tcase_add_test(tcase, a_search_list_has_bounds);
	tcase_add_test(tcase, servers_may_be_given_with_ports);
	tcase_add_test(tcase, overlong_lines_are_left_out_whole);
	tcase_add_test(tcase, reading_stops_when_told);
	tcase_add_test(tcase, a_file_without_end_has_one);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
