/* SPDX-License-Identifier: Apache-2.0 */
/* Which answers are followed, and what goes along. */
#include "workers/redirect.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* K 3.12 */
START_TEST(five_codes_with_a_location_are_followed)
{
	for (unsigned status = 0; status <= 999; status++) {
		bool is_redirect = status == 301 || status == 302 ||
				   status == 303 || status == 307 ||
				   status == 308;

		ck_assert_int_eq(redirect_decide(status, "/a", false, 1),
			is_redirect ? REDIRECT_FOLLOW : REDIRECT_NONE);
		ck_assert_int_eq(
			redirect_decide(status, "", false, 1), REDIRECT_NONE);
		ck_assert_int_eq(redirect_decide(status, "", true, 1),
			is_redirect ? REDIRECT_TOO_LONG : REDIRECT_NONE);
	}
}
END_TEST

START_TEST(ten_requests_at_most)
{
	ck_assert_int_eq(redirect_decide(302, "/a", false, 9), REDIRECT_FOLLOW);
	ck_assert_int_eq(
		redirect_decide(302, "/a", false, 10), REDIRECT_TOO_MANY);
	ck_assert_int_eq(redirect_decide(302, "", true, 10), REDIRECT_TOO_MANY);
	/* the tenth answer may well be the last one */
	ck_assert_int_eq(redirect_decide(200, "/a", false, 10), REDIRECT_NONE);
	ck_assert_int_eq(redirect_decide(302, "", false, 10), REDIRECT_NONE);
}
END_TEST

START_TEST(errors_have_a_text)
{
	ck_assert_str_eq(redirect_error(REDIRECT_TOO_MANY),
		"stopped after 10 redirects");
	ck_assert_str_eq(
		redirect_error(REDIRECT_TOO_LONG), "Location too long");
	ck_assert_ptr_null(redirect_error(REDIRECT_NONE));
	ck_assert_ptr_null(redirect_error(REDIRECT_FOLLOW));
}
END_TEST

START_TEST(the_method)
{
	static const unsigned changing[] = { 301, 302, 303 };

	for (size_t i = 0; i < 3; i++) {
		ck_assert_str_eq(redirect_method(changing[i], "GET"), "GET");
		ck_assert_str_eq(redirect_method(changing[i], "HEAD"), "HEAD");
		ck_assert_str_eq(redirect_method(changing[i], "POST"), "GET");
		ck_assert_str_eq(
			redirect_method(changing[i], "OPTIONS"), "GET");
	}
	ck_assert_str_eq(redirect_method(307, "POST"), "POST");
	ck_assert_str_eq(redirect_method(308, "PUT"), "PUT");
}
END_TEST

START_TEST(authorization_stays_with_the_host)
{
	static const struct {
		struct redirect_place first, next;
		bool authorization, token;
	} cases[] = {
		{ { true, "h", 443 }, { true, "h", 443 }, true, true },
		{ { true, "h", 443 }, { true, "H", 443 }, true, true },
		{ { true, "h", 443 }, { true, "h", 444 }, true, false },
		{ { false, "h", 80 }, { false, "h", 81 }, true, false },
		{ { false, "h", 80 }, { true, "h", 443 }, true, false },
		{ { false, "h", 80 }, { false, "h", 80 }, true, false },
		{ { true, "h", 443 }, { false, "h", 443 }, false, false },
		{ { true, "h", 443 }, { true, "hh", 443 }, false, false },
		{ { true, "hh", 443 }, { true, "h", 443 }, false, false },
		{ { true, "x.y", 443 }, { true, "a.x.y", 443 }, false, false },
		{ { true, "[::1]", 1 }, { true, "::1", 1 }, true, true },
		{ { true, "[::1]", 1 }, { true, "[::2]", 1 }, false, false },
		{ { true, "[::1]", 1 }, { true, "[::1", 1 }, true, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_msg(
			redirect_keeps_authorization(true, &cases[i].first,
				&cases[i].next) == cases[i].authorization,
			"authorization, case %zu", i);
		ck_assert_msg(redirect_keeps_token(true, &cases[i].first,
				      &cases[i].next) == cases[i].token,
			"token, case %zu", i);
		/* what was dropped does not come back */
		ck_assert(!redirect_keeps_authorization(
			false, &cases[i].first, &cases[i].next));
		ck_assert(!redirect_keeps_token(
			false, &cases[i].first, &cases[i].next));
	}
}
END_TEST

static void
assert_referer(const char *previous, bool next_https, const char *expected)
{
	char buf[128] = "";
	int len =
		redirect_format_referer(buf, sizeof(buf), previous, next_https);

	ck_assert_int_eq(len, (int)strlen(expected));
	ck_assert_str_eq(buf, expected);
}

START_TEST(the_referer)
{
	assert_referer("http://h/a?b", false, "http://h/a?b");
	assert_referer("http://h/a?b", true, "http://h/a?b");
	assert_referer("https://h:8443/", true, "https://h:8443/");
	assert_referer("https://h/", false, "");
	assert_referer("HTTPS://h/", false, "");
	assert_referer("http://u:p@h/", false, "http://h/");
	assert_referer("http://u:p@q@h/", false, "http://h/");
	assert_referer("http://u@h", false, "http://h");
	assert_referer(
		"http://u:p@host.example/", true, "http://host.example/");
	assert_referer("http://u@h?q", false, "http://h?q");
	assert_referer("http://h/a@b", false, "http://h/a@b");
	assert_referer("http://h?a@b", false, "http://h?a@b");
	assert_referer("http://h#a@b", false, "http://h");
	assert_referer("http://u@h/a#b", false, "http://h/a");
	assert_referer("no url", false, "");
}
END_TEST

START_TEST(a_referer_that_does_not_fit)
{
	char buf[9] = "12345678";

	ck_assert_int_eq(
		redirect_format_referer(buf, sizeof(buf), "http://u:p@h", true),
		8);
	ck_assert_str_eq(buf, "http://h");
	ck_assert_int_eq(
		redirect_format_referer(buf, sizeof(buf), "http://hh", true),
		-ENOSPC);
	ck_assert_int_eq(
		redirect_format_referer(buf, 0, "http://h", true), -ENOSPC);
	ck_assert_str_eq(buf, "http://h");
}
END_TEST

static Suite *
suite_redirect(void)
{
	Suite *suite = suite_create("redirect");
	TCase *tcase = tcase_create("rules");

	tcase_add_test(tcase, five_codes_with_a_location_are_followed);
	tcase_add_test(tcase, ten_requests_at_most);
	tcase_add_test(tcase, errors_have_a_text);
	tcase_add_test(tcase, the_method);
	tcase_add_test(tcase, authorization_stays_with_the_host);
	tcase_add_test(tcase, the_referer);
	tcase_add_test(tcase, a_referer_that_does_not_fit);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite_redirect());
	int n_failed;

	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
