/* SPDX-License-Identifier: Apache-2.0 */
/* The headers of a file: what is taken, and what makes it unusable. */
#include "workers/header_file.h"
#include "workers/http_request.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int
file_of(const char *bytes, size_t n_bytes)
{
	int fd = memfd_create("headers", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, n_bytes), (ssize_t)n_bytes);
	return fd;
}

static const struct {
	const char *text;
	const char *lines; /* NULL: none may be sent */
	int rc;
	unsigned line;
} files[] = {
	{ "X-A: b", "X-A: b\n", 0, 0 },
	{ "X-A: b\nX-C:d\n", "X-A: b\nX-C: d\n", 0, 0 },
	/* of another system's editor */
	{ "X-A: b\r\n\r\nX-C: d\r\n", "X-A: b\nX-C: d\n", 0, 0 },
	{ "# a: b\n\n   \nX-A:  \t b c \t\n", "X-A: b c\n", 0, 0 },
	{ "X-Empty:\n", "X-Empty: \n", 0, 0 },
	{ "X-A: a\tb\n", "X-A: a\tb\n", 0, 0 },
	/* a secret that is not there yet */
	{ "", NULL, -ENODATA, 0 },
	{ "\r\n # a: b\n\n", NULL, -EINVAL, 2 },
	{ "\r\n# a: b\n\n", NULL, -ENODATA, 0 },
	{ "Authorization Bearer x\nX-A: b\n", NULL, -EINVAL, 1 },
	{ "X-A: b\nno colon\n", NULL, -EINVAL, 2 },
	{ "# a\n\n: no name\n", NULL, -EINVAL, 3 },
	{ "X-A: b\nX Y: z\n", NULL, -EINVAL, 2 },
	{ "X : y\n", NULL, -EINVAL, 1 },
	{ "X-A: b\n  X: folded\n", NULL, -EINVAL, 2 },
	/* a bare CR would begin another line for some servers */
	{ "X-A: b\rX-Evil: c\nX-B: d\n", NULL, -EINVAL, 1 },
	{ "X-A: \x01\n", NULL, -EINVAL, 1 },
	{ "X-B: \x7f\n", NULL, -EINVAL, 1 },
	{ "Host: a\n", NULL, -EINVAL, 1 },
	{ "host: b\n", NULL, -EINVAL, 1 },
	{ "Expect: 100-continue\n", NULL, -EINVAL, 1 },
	{ "Content-Length: 5\n", NULL, -EINVAL, 1 },
	{ "Transfer-Encoding: chunked\n", NULL, -EINVAL, 1 },
	{ "Proxy-Authorization: a\n", NULL, -EINVAL, 1 },
	{ "TE: a\n", NULL, -EINVAL, 1 },
};

/* N 1.17 */
START_TEST(lines_become_headers)
{
	struct strbuf lines;
	unsigned line = 0;
	int fd = file_of(files[_i].text, strlen(files[_i].text));

	strbuf_init(&lines, 0);
	strbuf_add_string(&lines, "X-First: 1\n");
	ck_assert_int_eq(header_file_read(fd, 1, &lines, &line), files[_i].rc);
	if (files[_i].lines != NULL)
		ck_assert_str_eq(strbuf_text(&lines) + strlen("X-First: 1\n"),
			files[_i].lines);
	ck_assert_uint_eq(line, files[_i].line);
	strbuf_fini(&lines);
	close(fd);
}
END_TEST

START_TEST(a_nul_refuses_its_file)
{
	static const char *const texts[] = { "X-A: b\n\0\n", "X-A: b\nX: c\0d",
		"X-A: b\n\0" };
	static const size_t sizes[] = { 9, 14, 8 };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct strbuf lines;
		unsigned line = 0;
		int fd = file_of(texts[i], sizes[i]);

		strbuf_init(&lines, 0);
		ck_assert_int_eq(
			header_file_read(fd, 0, &lines, &line), -EINVAL);
		ck_assert_uint_eq(line, 2);
		strbuf_fini(&lines);
		close(fd);
	}
}
END_TEST

START_TEST(there_may_be_so_many_and_no_more)
{
	char text[HTTP_REQUEST_MAX_HEADERS * 5 + 1] = "";
	struct strbuf lines;
	unsigned line = 0;
	int fd;

	for (unsigned i = 0; i < HTTP_REQUEST_MAX_HEADERS; i++)
		strcat(text, "X:y\n");
	fd = file_of(text, strlen(text));
	strbuf_init(&lines, 0);
	ck_assert_int_eq(header_file_read(fd, 0, &lines, &line), 0);
	strbuf_reset(&lines);
	ck_assert_int_eq(header_file_read(fd, 2, &lines, &line), -EINVAL);
	ck_assert_uint_eq(line, HTTP_REQUEST_MAX_HEADERS - 1);
	strbuf_fini(&lines);
	close(fd);
}
END_TEST

START_TEST(what_is_too_large_or_no_file_adds_nothing)
{
	char *text = malloc(HEADER_FILE_MAX_BYTES);
	struct strbuf lines;
	unsigned line = 7;
	int fd;

	memset(text, 'x', HEADER_FILE_MAX_BYTES);
	memcpy(text, "X: y\nX: ", 8);
	fd = file_of(text, HEADER_FILE_MAX_BYTES);
	strbuf_init(&lines, 0);
	ck_assert_int_eq(header_file_read(fd, 0, &lines, &line), -EFBIG);
	ck_assert_str_eq(strbuf_text(&lines), "");
	ck_assert_int_eq(ftruncate(fd, HEADER_FILE_MAX_BYTES - 1), 0);
	ck_assert_int_eq(header_file_read(fd, 0, &lines, &line), 0);
	ck_assert_uint_eq(lines.len_bytes, HEADER_FILE_MAX_BYTES);
	strbuf_reset(&lines);
	close(fd);
	ck_assert_int_eq(header_file_read(-1, 0, &lines, &line), -EBADF);
	ck_assert_str_eq(strbuf_text(&lines), "");
	ck_assert_uint_eq(line, 7);
	strbuf_fini(&lines);
	free(text);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("header_file");
	TCase *tcase = tcase_create("header_file");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, lines_become_headers, 0,
		sizeof(files) / sizeof(files[0]));
	tcase_add_test(tcase, a_nul_refuses_its_file);
	tcase_add_test(tcase, there_may_be_so_many_and_no_more);
	tcase_add_test(tcase, what_is_too_large_or_no_file_adds_nothing);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
