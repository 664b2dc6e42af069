/* SPDX-License-Identifier: Apache-2.0 */
/* Code and constants that are given back are no longer mapped, and are there
 * again when they are needed. */
#include <check.h>

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/image.h"

#define CONSTANTS_BYTES (512 * 1024)

static const unsigned char constants[CONSTANTS_BYTES] = {
	[0 ... CONSTANTS_BYTES - 1] = 7
};
static unsigned char variable = 3;
/* relocated at the start: it lies in pages of the file that were written */
static const unsigned char *const volatile relocated = constants;

/* proc_pid_pagemap(5): how many pages of the constants are mapped.  It looks at
 * no constant itself. */
static int
count_mapped(int pagemap_fd, long page_bytes)
{
	static uint64_t entries[CONSTANTS_BYTES / 4096];
	long first = (long)((uintptr_t)relocated / (uintptr_t)page_bytes);
	int count = 0;

	memset(entries, 0xff, sizeof(entries));
	(void)!pread(pagemap_fd, entries,
		(size_t)(CONSTANTS_BYTES / page_bytes) * sizeof(entries[0]),
		first * (long)sizeof(entries[0]));
	for (long i = 0; i < CONSTANTS_BYTES / page_bytes; i++)
		count += entries[i] >> 63 != 0;
	return count;
}

static unsigned
sum_of_constants(void)
{
	unsigned sum = 0;

	for (size_t i = 0; i < CONSTANTS_BYTES; i++)
		sum += ((const volatile unsigned char *)relocated)[i];
	return sum;
}

START_TEST(what_is_not_needed_is_no_longer_mapped)
{
	long page_bytes = sysconf(_SC_PAGESIZE);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int before, after;

	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(sum_of_constants(), 7U * CONSTANTS_BYTES);
	before = count_mapped(fd, page_bytes);
	image_give_back();
	after = count_mapped(fd, page_bytes);
	ck_assert_int_eq(before, (int)(CONSTANTS_BYTES / page_bytes));
	ck_assert_int_eq(after, 0);
	close(fd);
}
END_TEST

START_TEST(what_is_needed_is_there_again)
{
	variable = 4;
	for (int i = 0; i < 3; i++) {
		image_give_back();
		ck_assert_uint_eq(sum_of_constants(), 7U * CONSTANTS_BYTES);
		ck_assert_uint_eq(variable, 4);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("image");
	TCase *tcase = tcase_create("image");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, what_is_not_needed_is_no_longer_mapped);
	tcase_add_test(tcase, what_is_needed_is_there_again);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
