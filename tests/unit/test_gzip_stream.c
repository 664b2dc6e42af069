/* SPDX-License-Identifier: Apache-2.0 */
/* What comes out is gzip of what went in, whatever the sizes of the steps. */
#include "supervisor/gzip_stream.h"

#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct source {
	const char *text;
	size_t len, pos;
	size_t step;    /* at most so much at a time */
	ssize_t fail;   /* instead of the end */
	unsigned waits; /* answers "not yet" so often, at every fourth read */
	unsigned n_reads;
};

static ssize_t
read_source(void *arg, char *buf, size_t cap)
{
	struct source *source = arg;
	size_t n = source->len - source->pos;

	ck_assert_uint_eq(cap, GZIP_STREAM_BLOCK_BYTES);
	if (++source->n_reads % 4 == 0 && source->waits > 0) {
		source->waits--;
		return -EAGAIN;
	}
	if (n == 0)
		return source->fail;
	if (n > source->step)
		n = source->step;
	if (n > cap)
		n = cap;
	memcpy(buf, source->text + source->pos, n);
	source->pos += n;
	return (ssize_t)n;
}

/* Reads all by cap bytes at a time.  The last answer; what came in ret. */
static ssize_t
compress_all(struct source *source, size_t cap, char *ret, size_t ret_cap,
	size_t *ret_len)
{
	struct gzip_stream *stream = gzip_stream_new(read_source, source);
	ssize_t n;

	ck_assert_ptr_nonnull(stream);
	*ret_len = 0;
	for (;;) {
		unsigned n_reads = source->n_reads;

		ck_assert_uint_ge(ret_cap - *ret_len, cap);
		n = gzip_stream_read(stream, ret + *ret_len, cap);
		ck_assert_uint_le(source->n_reads - n_reads, 1);
		if (n == -EAGAIN)
			continue;
		if (n <= 0)
			break;
		ck_assert_uint_le((size_t)n, cap);
		*ret_len += (size_t)n;
	}
	if (n == 0) /* and stays at its end */
		ck_assert_int_eq(gzip_stream_read(stream, ret, cap), 0);
	gzip_stream_free(stream);
	return n;
}

static void
check_inflates_to(
	const char *gzip, size_t gzip_len, const char *text, size_t len)
{
	z_stream z;
	char *out = malloc(len + 1);

	memset(&z, 0, sizeof(z));
	ck_assert_int_eq(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)gzip;
	z.avail_in = (uInt)gzip_len;
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)len + 1;
	ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	ck_assert_uint_eq(z.avail_in, 0);
	ck_assert_uint_eq(z.total_out, len);
	ck_assert(memcmp(out, text, len) == 0);
	inflateEnd(&z);
	free(out);
}

/* Like metrics: lines that resemble each other; and some noise. */
static char *
make_text(size_t len)
{
	static const char line[] = "kubenurse_errors_total{type=\"path\"} 17\n";
	char *text = malloc(len + 1);
	uint32_t noise = 1;

	for (size_t i = 0; i < len; i++) {
		noise = noise * 1664525 + 1013904223;
		text[i] = noise >> 28 == 0 ? (char)(noise >> 20)
					   : line[i % (sizeof(line) - 1)];
	}
	return text;
}

static const size_t lens[] = { 0, 1, 100, GZIP_STREAM_BLOCK_BYTES,
	GZIP_STREAM_BLOCK_BYTES + 1, 3 * GZIP_STREAM_BLOCK_BYTES + 5 };
static const size_t caps[] = { 1, 7, 128, 16384, 1000000 };
static const size_t steps[] = { 1000, GZIP_STREAM_BLOCK_BYTES };

START_TEST(any_text_comes_out_again)
{
	size_t len = lens[_i], out_len, out_cap = 2000000;
	char *text = make_text(len), *out = malloc(out_cap);

	for (size_t c = 0; c < sizeof(caps) / sizeof(caps[0]); c++)
		for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
			struct source source = { .text = text,
				.len = len,
				.step = steps[s],
				.waits = 3 };

			ck_assert_int_eq(compress_all(&source, caps[c], out,
						 out_cap, &out_len),
				0);
			check_inflates_to(out, out_len, text, len);
		}
	free(text);
	free(out);
}
END_TEST

START_TEST(a_metrics_text_shrinks)
{
	size_t len = 300000, out_len;
	char *text = malloc(len), *out = malloc(len);
	struct source source = {
		.text = text, .len = len, .step = GZIP_STREAM_BLOCK_BYTES
	};

	for (size_t i = 0; i < len; i++)
		text[i] = "kubenurse_errors_total{type=\"path\"} 17\n"[i % 39];
	ck_assert_int_eq(compress_all(&source, 16384, out, len, &out_len), 0);
	ck_assert_uint_lt(out_len, len / 20);
	free(text);
	free(out);
}
END_TEST

START_TEST(a_source_that_fails_is_no_end)
{
	struct source source = {
		.text = "abc", .len = 3, .step = 3, .fail = -EIO
	};
	char out[1000];
	size_t out_len;

	ck_assert_int_eq(
		compress_all(&source, 500, out, sizeof(out), &out_len), -EIO);
}
END_TEST

START_TEST(free_takes_what_is_not_finished_and_nothing)
{
	struct source source = { .text = "abc", .len = 3, .step = 1 };
	struct gzip_stream *stream = gzip_stream_new(read_source, &source);
	char out[100];

	gzip_stream_read(stream, out, sizeof(out));
	gzip_stream_free(stream);
	gzip_stream_free(NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("gzip_stream");
	TCase *tcase = tcase_create("gzip_stream");
	SRunner *runner;
	int n_failed;

	tcase_add_loop_test(tcase, any_text_comes_out_again, 0,
		sizeof(lens) / sizeof(lens[0]));
	tcase_add_test(tcase, a_metrics_text_shrinks);
	tcase_add_test(tcase, a_source_that_fails_is_no_end);
	tcase_add_test(tcase, free_takes_what_is_not_finished_and_nothing);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
