/* SPDX-License-Identifier: Apache-2.0 */
/* The hash of names that strangers choose. */
#include "common/name_hash.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Its authors' test vectors: key 00 01 .. 0f, input 00 01 .. len - 1. */
START_TEST(as_its_authors_computed_it)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} vectors[] = {
		{ 0, 0x726fdb47dd0e0e31ULL },
		{ 1, 0x74f839c593dc67fdULL },
		{ 8, 0x93f5f5799a932462ULL },
		{ 15, 0xa129ca6149be45e5ULL },
	};
	const struct name_hash_key key = { { 0x0706050403020100ULL,
		0x0f0e0d0c0b0a0908ULL } };
	unsigned char input[16];

	for (unsigned i = 0; i < sizeof(input); i++)
		input[i] = (unsigned char)i;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		ck_assert_uint_eq(name_hash_bytes(&key, input, vectors[i].len),
			vectors[i].hash);
}
END_TEST

START_TEST(of_namespace_and_name)
{
	struct name_hash_key key, other;
	char longest[400];

	name_hash_key_init(&key);
	name_hash_key_init(&other);
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	ck_assert_uint_eq(
		name_hash(&key, "a", "bc"), name_hash_bytes(&key, "a/bc", 4));
	ck_assert_uint_ne(
		name_hash(&key, "a", "bc"), name_hash(&key, "ab", "c"));
	ck_assert_uint_eq(
		name_hash(&key, "", ""), name_hash_bytes(&key, "/", 1));
	/* what is too long for the wire is cut, and does no harm */
	ck_assert_uint_eq(name_hash(&key, longest, longest),
		name_hash(&key, longest, longest + 1));
	/* another table has another order */
	ck_assert_uint_ne(
		name_hash(&key, "a", "bc"), name_hash(&other, "a", "bc"));
}
END_TEST

/* 32 in each bucket on average; a hundred have no chance. */
START_TEST(names_spread)
{
	enum { BUCKETS = 1024, NAMES = 32 * BUCKETS };
	static unsigned counts[BUCKETS];
	struct name_hash_key key;

	name_hash_key_init(&key);
	for (unsigned i = 0; i < NAMES; i++) {
		char name[16];

		snprintf(name, sizeof(name), "kubenurse-%u", i);
		counts[name_hash(&key, "ns", name) % BUCKETS]++;
	}
	for (unsigned i = 0; i < BUCKETS; i++)
		ck_assert_uint_lt(counts[i], 100);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("name_hash");
	TCase *tcase = tcase_create("name_hash");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, as_its_authors_computed_it);
	tcase_add_test(tcase, of_namespace_and_name);
	tcase_add_test(tcase, names_spread);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
