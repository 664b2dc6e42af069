/* SPDX-License-Identifier: Apache-2.0 */
/* Packed answers of the API server, as they come: whole, cut, wrong, endless.
 */
#include "workers/discovery/gunzip.h"

#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define PLAIN_BYTES  20000 /* more than one piece */
#define PACKED_BYTES 100000
#define GZIP_WINDOW  (15 + 16) /* zlib.h: with a gzip header */

static char plain[PLAIN_BYTES];
static unsigned char packed[PACKED_BYTES];
static size_t packed_bytes;

static struct {
	char bytes[PLAIN_BYTES];
	uint64_t len;
	size_t longest; /* piece */
	int rc;
} got;

static int
on_bytes(void *arg, const char *bytes, size_t len)
{
	ck_assert_ptr_eq(arg, &got);
	ck_assert_uint_gt(len, 0);
	if (got.len + len <= sizeof(got.bytes))
		memcpy(got.bytes + got.len, bytes, len);
	got.len += len;
	got.longest = len > got.longest ? len : got.longest;
	return got.rc;
}

static size_t
pack(const char *from, size_t len, unsigned char *to, size_t cap)
{
	z_stream stream = { 0 };

	ck_assert_int_eq(deflateInit2(&stream, 9, Z_DEFLATED, GZIP_WINDOW, 9,
				 Z_DEFAULT_STRATEGY),
		Z_OK);
	stream.next_in = (unsigned char *)(uintptr_t)from;
	stream.avail_in = (uInt)len;
	stream.next_out = to;
	stream.avail_out = (uInt)cap;
	ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
	deflateEnd(&stream);
	return cap - stream.avail_out;
}

static void
setup(void)
{
	size_t used = 0;

	for (unsigned i = 0; used + 64 < sizeof(plain); i++)
		used += (size_t)snprintf(plain + used, sizeof(plain) - used,
			"[\"kubenurse-%u\",\"10.0.%u.%u\"],", i * 7919u,
			i >> 8 & 255, i & 255);
	packed_bytes = pack(plain, sizeof(plain), packed, sizeof(packed));
	memset(&got, 0, sizeof(got));
}

/* 0, or the first error, also of the end. */
static int
feed(const unsigned char *bytes, size_t len, size_t piece)
{
	struct gunzip *gunzip = gunzip_new(on_bytes, &got);
	int rc = 0;

	ck_assert_ptr_nonnull(gunzip);
	got.len = 0;
	for (size_t i = 0; i < len && rc == 0; i += piece)
		rc = gunzip_feed(gunzip, (const char *)bytes + i,
			len - i < piece ? len - i : piece);
	if (rc == 0)
		rc = gunzip_finish(gunzip);
	gunzip_free(gunzip);
	return rc;
}

START_TEST(in_pieces_of_any_size)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 64, 1000, PLAIN_BYTES };

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		ck_assert_int_eq(feed(packed, packed_bytes, pieces[i]), 0);
		ck_assert_uint_eq(got.len, sizeof(plain));
		ck_assert_int_eq(memcmp(got.bytes, plain, sizeof(plain)), 0);
	}
}
END_TEST

/* It is never taken for whole, and what came is the beginning. */
START_TEST(cut_at_every_byte)
{
	for (size_t cut = 0; cut < packed_bytes; cut++) {
		ck_assert_int_eq(feed(packed, cut, PLAIN_BYTES), -EPROTO);
		ck_assert_uint_le(got.len, sizeof(plain));
		ck_assert_int_eq(memcmp(got.bytes, plain, got.len), 0);
	}
}
END_TEST

/* The checksum sees what the code does not. */
START_TEST(one_byte_wrong)
{
	/* the header's fields say nothing of the bytes: RFC 1952 */
	for (size_t i = 10; i < packed_bytes; i++) {
		packed[i] ^= 0x20;
		ck_assert_int_eq(
			feed(packed, packed_bytes, PLAIN_BYTES), -EPROTO);
		packed[i] ^= 0x20;
	}
}
END_TEST

START_TEST(what_is_no_gzip)
{
	static const char *const texts[] = { "{\"kind\":\"Table\"}", "\x1f",
		"\x1f\x8b\x09", "\x1f\x8b\x08\xff", "\x78\x9c\x03" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ck_assert_int_eq(feed((const unsigned char *)texts[i],
					 strlen(texts[i]), 1),
			-EPROTO);
		ck_assert_uint_eq(got.len, 0);
	}
	ck_assert_int_eq(feed(packed, 0, 1), -EPROTO); /* nothing at all */
}
END_TEST

START_TEST(bytes_after_the_end)
{
	packed[packed_bytes] = 0;
	ck_assert_int_eq(feed(packed, packed_bytes + 1, PLAIN_BYTES), -EPROTO);
	ck_assert_int_eq(feed(packed, packed_bytes + 1, 1), -EPROTO);
}
END_TEST

START_TEST(the_receiver_can_end_it)
{
	got.rc = -E2BIG;
	ck_assert_int_eq(feed(packed, packed_bytes, PLAIN_BYTES), -E2BIG);
	ck_assert_uint_lt(got.len, sizeof(plain));
}
END_TEST

/* A thousand times as much as it was: in pieces, as any other. */
START_TEST(a_bomb_comes_in_pieces)
{
	enum { ZEROS = 64 * 1024 * 1024 };
	char *zeros = calloc(1, ZEROS);
	size_t len;

	ck_assert_ptr_nonnull(zeros);
	len = pack(zeros, ZEROS, packed, sizeof(packed));
	free(zeros);
	ck_assert_uint_lt(len, ZEROS / 900);
	ck_assert_int_eq(feed(packed, len, PLAIN_BYTES), 0);
	ck_assert_uint_eq(got.len, ZEROS);
	ck_assert_uint_le(got.longest, 16 * 1024);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("gunzip");
	TCase *tcase = tcase_create("gunzip");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, in_pieces_of_any_size);
	tcase_add_test(tcase, cut_at_every_byte);
	tcase_add_test(tcase, one_byte_wrong);
	tcase_add_test(tcase, what_is_no_gzip);
	tcase_add_test(tcase, bytes_after_the_end);
	tcase_add_test(tcase, the_receiver_can_end_it);
	tcase_add_test(tcase, a_bomb_comes_in_pieces);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
