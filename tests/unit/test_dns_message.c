/* SPDX-License-Identifier: Apache-2.0 */
/* Header and question of DNS messages, good and hostile. */
#include "workers/dns_message.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* id 0x1234, recursion desired, one question: A.b A IN */
static const uint8_t query_bytes[] = { 0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0,
	0, 0, 1, 'A', 1, 'b', 0, 0, 1, 0, 1 };

static struct dns_message
parsed(const uint8_t *bytes, size_t len)
{
	struct dns_message message;

	ck_assert_int_eq(dns_message_parse(bytes, len, &message), 0);
	return message;
}

START_TEST(a_query_is_read)
{
	struct dns_message m = parsed(query_bytes, sizeof(query_bytes));

	ck_assert_uint_eq(m.id, 0x1234);
	ck_assert(!m.is_answer);
	ck_assert(!m.is_truncated);
	ck_assert_uint_eq(m.rcode, 0);
	ck_assert_uint_eq(m.opcode, 0);
	ck_assert_uint_eq(m.question_type, DNS_TYPE_A);
	ck_assert_uint_eq(m.question_class, DNS_CLASS_IN);
	ck_assert_uint_eq(m.name_bytes, 5);
	ck_assert_mem_eq(m.name, "\1a\1b", 5);
}
END_TEST

START_TEST(flags_and_rcode_are_read)
{
	uint8_t bytes[sizeof(query_bytes)];
	struct dns_message m;

	memcpy(bytes, query_bytes, sizeof(bytes));
	bytes[2] = 0x80 | 0x28 | 0x02; /* answer, opcode 5, truncated */
	bytes[3] = 0xf0 | DNS_RCODE_REFUSED;
	m = parsed(bytes, sizeof(bytes));
	ck_assert(m.is_answer);
	ck_assert(m.is_truncated);
	ck_assert_uint_eq(m.opcode, 5);
	ck_assert_uint_eq(m.rcode, DNS_RCODE_REFUSED);
}
END_TEST

START_TEST(every_shorter_message_is_refused_and_nothing_written)
{
	struct dns_message m, untouched;

	memset(&m, 0x5a, sizeof(m));
	untouched = m;
	for (size_t len = 0; len < sizeof(query_bytes); len++) {
		/* its own memory, so that a read past the end is seen */
		uint8_t *bytes = malloc(len + 1);

		memcpy(bytes, query_bytes, len);
		ck_assert_int_eq(dns_message_parse(bytes, len, &m), -EBADMSG);
		free(bytes);
	}
	ck_assert_mem_eq(&m, &untouched, sizeof(m));
}
END_TEST

START_TEST(two_questions_are_refused)
{
	uint8_t bytes[sizeof(query_bytes)];
	struct dns_message m;

	memcpy(bytes, query_bytes, sizeof(bytes));
	bytes[5] = 2;
	ck_assert_int_eq(dns_message_parse(bytes, sizeof(bytes), &m), -EBADMSG);
	bytes[4] = 1;
	bytes[5] = 1;
	ck_assert_int_eq(dns_message_parse(bytes, sizeof(bytes), &m), -EBADMSG);
}
END_TEST

/* unbound refuses clients outside of its access list with a bare header. */
START_TEST(a_refusal_may_leave_the_question_out)
{
	uint8_t bytes[DNS_HEADER_BYTES];
	struct dns_message query, m;

	ck_assert_int_eq(
		dns_message_parse(query_bytes, sizeof(query_bytes), &query), 0);
	memcpy(bytes, query_bytes, sizeof(bytes));
	bytes[5] = 0;
	bytes[2] |= 0x80;
	for (unsigned rcode = 0; rcode < 16; rcode++) {
		bytes[3] = (uint8_t)rcode;
		ck_assert_int_eq(
			dns_message_parse(bytes, sizeof(bytes), &m), 0);
		ck_assert_uint_eq(m.rcode, rcode);
		ck_assert_int_eq(dns_message_is_answer_to(&m, &query),
			rcode != DNS_RCODE_NOERROR &&
				rcode != DNS_RCODE_NXDOMAIN);
	}
	bytes[0] ^= 1; /* another id */
	ck_assert_int_eq(dns_message_parse(bytes, sizeof(bytes), &m), 0);
	ck_assert(!dns_message_is_answer_to(&m, &query));
}
END_TEST

/* The question's name is replaced by the given bytes. */
static int
parse_with_name(const uint8_t *name, size_t len, struct dns_message *ret)
{
	uint8_t bytes[1024];

	memcpy(bytes, query_bytes, DNS_HEADER_BYTES);
	memcpy(bytes + DNS_HEADER_BYTES, name, len);
	memcpy(bytes + DNS_HEADER_BYTES + len, "\0\1\0\1", 4);
	return dns_message_parse(bytes, DNS_HEADER_BYTES + len + 4, ret);
}

START_TEST(pointers_that_do_not_lead_back_are_refused)
{
	static const uint8_t names[][4] = {
		{ 0xc0, 12, 0, 0 },   /* to itself */
		{ 0xc0, 14, 0, 0 },   /* forward */
		{ 1, 'a', 0xc0, 12 }, /* to its own start */
		{ 1, 'a', 0xc0, 14 }, /* to the pointer */
		{ 0xc0, 0, 0, 0 },    /* into the header */
		{ 0xff, 0xff, 0, 0 }, /* far away */
		{ 0x40, 'a', 0, 0 },  /* reserved kinds of labels */
		{ 0x80, 'a', 0, 0 }, { 0x3f, 'a', 'b', 0 }, /* past the end */
	};
	struct dns_message m;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_msg(parse_with_name(names[i], 4, &m) == -EBADMSG,
			"name %zu", i);
}
END_TEST

START_TEST(a_name_may_have_255_bytes_and_no_more)
{
	uint8_t name[300];
	struct dns_message m;

	memset(name, 'x', sizeof(name));
	name[0] = name[64] = name[128] = 63;
	name[192] = 61;
	name[254] = 0;
	ck_assert_int_eq(parse_with_name(name, 255, &m), 0);
	ck_assert_uint_eq(m.name_bytes, DNS_NAME_BYTES_MAX);
	name[192] = 62;
	name[255] = 0;
	ck_assert_int_eq(parse_with_name(name, 256, &m), -EBADMSG);
}
END_TEST

START_TEST(an_answer_has_the_id_and_question_of_its_query)
{
	uint8_t bytes[sizeof(query_bytes)];
	struct dns_message query = parsed(query_bytes, sizeof(query_bytes));
	struct dns_message answer;
	/* each of these bytes, changed, makes it the answer to another */
	static const size_t telling[] = { 0, 1, 13, 15, 18, 20 };

	memcpy(bytes, query_bytes, sizeof(bytes));
	answer = parsed(bytes, sizeof(bytes));
	ck_assert(!dns_message_is_answer_to(&answer, &query));
	bytes[2] |= 0x80;
	bytes[13] = 'a'; /* was A */
	answer = parsed(bytes, sizeof(bytes));
	ck_assert(dns_message_is_answer_to(&answer, &query));
	for (size_t i = 0; i < sizeof(telling) / sizeof(telling[0]); i++) {
		bytes[telling[i]] ^= 0x10;
		answer = parsed(bytes, sizeof(bytes));
		ck_assert(!dns_message_is_answer_to(&answer, &query));
		bytes[telling[i]] ^= 0x10;
	}
	bytes[2] |= 0x08; /* opcode */
	answer = parsed(bytes, sizeof(bytes));
	ck_assert(!dns_message_is_answer_to(&answer, &query));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("dns_message");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, a_query_is_read);
	tcase_add_test(tcase, flags_and_rcode_are_read);
	tcase_add_test(
		tcase, every_shorter_message_is_refused_and_nothing_written);
	tcase_add_test(tcase, two_questions_are_refused);
	tcase_add_test(tcase, a_refusal_may_leave_the_question_out);
	tcase_add_test(tcase, pointers_that_do_not_lead_back_are_refused);
	tcase_add_test(tcase, a_name_may_have_255_bytes_and_no_more);
	tcase_add_test(tcase, an_answer_has_the_id_and_question_of_its_query);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
