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

static struct url
parsed(const char *text)
{
	struct url url;
	const char *error = NULL;

	ck_assert_msg(
		url_parse(&url, text, &error) == 0, "%s: %s", text, error);
	return url;
}

START_TEST(hosts_and_origins)
{
	static const struct {
		const char *a, *b;
		bool host, origin;
	} cases[] = {
		{ "https://h/", "https://h:443/x?y", true, true },
		{ "https://h/", "https://u:p@H/", true, true },
		{ "https://h/", "https://h:444/", true, false },
		{ "http://h/", "http://h:81/", true, false },
		{ "http://h/", "https://h/", true, false },
		{ "http://h:443/", "https://h/", true, false },
		{ "https://h/", "http://h/", true, false },
		{ "https://h/", "https://hh/", false, false },
		{ "https://hh/", "https://h/", false, false },
		{ "https://h/", "https://h./", false, false },
		{ "https://x.y/", "https://a.x.y/", false, false },
		{ "http://10.0.0.1/", "http://10.0.0.1:80/", true, true },
		{ "http://[::1]/", "http://[::1]/", true, true },
		{ "http://[::1]/", "http://[::2]/", false, false },
		{ "http://[fe80::1%25a]/", "http://[fe80::1%25a]/", true,
			true },
		{ "http://[fe80::1%25a]/", "http://[fe80::1%25b]/", false,
			false },
		{ "http://[fe80::1%25a]/", "http://[fe80::1]/", false, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct url a = parsed(cases[i].a), b = parsed(cases[i].b);

		ck_assert_msg(redirect_same_host(&a, &b) == cases[i].host,
			"host, case %zu", i);
		ck_assert_msg(redirect_same_origin(&a, &b) == cases[i].origin,
			"origin, case %zu", i);
	}
}
END_TEST

/* F 3.30 */
START_TEST(who_may_lead_to_which_address)
{
	static const struct {
		const char *from, *to; /* from "": unknown */
		bool may;
	} cases[] = {
		{ "", "10.0.0.1", true },
		{ "10.0.0.1", "10.0.0.2", true },
		{ "127.0.0.1", "10.0.0.2", true },
		{ "10.0.0.1", "127.0.0.1", false },
		{ "10.0.0.1", "0.0.0.0", false },
		{ "10.0.0.1", "169.254.169.254", false },
		{ "10.0.0.1", "224.0.0.1", false },
		{ "10.0.0.1", "255.255.255.255", false },
		{ "2001:db8::1", "::", false },
		{ "2001:db8::1", "::1", false },
		{ "2001:db8::1", "fe80::1", false },
		{ "2001:db8::1", "::ffff:127.0.0.1", false },
		{ "2001:db8::1", "64:ff9b::127.0.0.1", false },
		{ "", "127.0.0.1", false },
		{ "", "::", false },
		{ "127.0.0.1", "127.0.0.2", true },
		{ "127.0.0.1", "::1", true },
		{ "127.0.0.1", "0.0.0.0", true },
		{ "::1", "127.0.0.1", true },
		{ "127.0.0.1", "169.254.169.254", false },
		{ "169.254.169.254", "127.0.0.1", false },
		{ "169.254.0.1", "169.254.169.254", false },
		{ "169.254.0.1", "169.254.0.1", true },
		{ "fe80::1", "fe80::1", true },
		{ "fe80::1", "fe80::2", false },
		{ "fe80::1", "::1", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct in6_addr from, to;
		bool known = address_parse(&from, cases[i].from);

		ck_assert(address_parse(&to, cases[i].to));
		ck_assert_msg(redirect_may_reach(known ? &from : NULL, &to) ==
				      cases[i].may,
			"from %s to %s", cases[i].from, cases[i].to);
	}
}
END_TEST

START_TEST(a_locations_user_part)
{
	struct url previous = parsed("http://h/"),
		   same = parsed("http://u:p@h/"),
		   other = parsed("http://u:p@h:81/");

	redirect_drop_user(&previous, &same);
	ck_assert(same.has_user);
	ck_assert_str_eq(same.password, "p");
	redirect_drop_user(&previous, &other);
	ck_assert(!other.has_user);
	ck_assert_str_eq(other.user, "");
	ck_assert_str_eq(other.password, "");
}
END_TEST

START_TEST(the_referer)
{
	static const struct {
		const char *previous, *next, *referer;
	} cases[] = {
		{ "http://h/a", "http://h/c", "http://h/a" },
		{ "http://h/a?token=t", "http://h/c", "http://h/a" },
		{ "http://h?token=t", "http://h/c", "http://h/" },
		{ "http://u:p@h/a#f", "http://h/c", "http://h/a" },
		{ "http://h:80/a", "http://h/c", "http://h:80/a" },
		{ "http://h/a@b", "http://h/c", "http://h/a@b" },
		{ "https://h:8443/a", "https://h:8443/c", "https://h:8443/a" },
		{ "http://u:p@h/secret?t", "http://i/", "http://h/" },
		{ "http://h/secret", "http://h:81/", "http://h/" },
		{ "http://h/secret", "https://h/", "http://h/" },
		{ "https://h/secret", "https://i/", "https://h/" },
		{ "https://h/a", "http://h/", "" },
		{ "http://[fe80::1%25lo]:81/a", "http://h/",
			"http://[fe80::1]:81/" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct url previous = parsed(cases[i].previous),
			   next = parsed(cases[i].next);
		char buf[128] = "";
		int len = redirect_format_referer(
			buf, sizeof(buf), &previous, NULL, &next);

		ck_assert_str_eq(buf, cases[i].referer);
		ck_assert_int_eq(len, (int)strlen(cases[i].referer));
	}
}
END_TEST

START_TEST(sockets_are_told_apart_to_the_letter)
{
	const char *error;
	struct url one, other, http = parsed("http://localhost/");

	ck_assert_int_eq(url_parse_check(&one, "unix:///run/a", &error), 0);
	ck_assert_int_eq(url_parse_check(&other, "unix:///run/A", &error), 0);
	ck_assert(redirect_same_origin(&one, &one));
	ck_assert(!redirect_same_origin(&one, &other));
	ck_assert(!redirect_same_host(&one, &http));
	ck_assert(!redirect_same_host(&http, &one));
	redirect_stay(&one, "localhost", &http);
	ck_assert(redirect_same_origin(&one, &http));
}
END_TEST

START_TEST(a_referer_has_the_name_that_was_asked_for)
{
	struct url previous = parsed("http://[fe80::1%25lo]:81/a?b"),
		   next = parsed("http://h/");
	char buf[128] = "";

	redirect_format_referer(
		buf, sizeof(buf), &previous, "shop.example", &previous);
	ck_assert_str_eq(buf, "http://shop.example:81/a");
	redirect_format_referer(
		buf, sizeof(buf), &previous, "shop.example", &next);
	ck_assert_str_eq(buf, "http://shop.example:81/");
	redirect_format_referer(
		buf, sizeof(buf), &previous, "2001:db8::1", &next);
	ck_assert_str_eq(buf, "http://[2001:db8::1]:81/");
}
END_TEST

START_TEST(the_name_that_was_asked_for_is_the_address)
{
	struct url target = parsed("https://[fe80::1%25lo]/a");
	struct url same = parsed("https://Shop.example:443/b?c"),
		   others[] = { parsed("https://shop.example:444/"),
			   parsed("http://shop.example:443/"),
			   parsed("https://shop.example.org/") };
	char text[URL_TEXT_BYTES];

	redirect_stay(&target, "shop.example", &same);
	ck_assert_str_eq(url_format(&same, false, text),
		"https://[fe80::1%25lo]:443/b?c");
	ck_assert(redirect_same_origin(&target, &same));
	for (int i = 0; i < 3; i++) {
		struct url before = others[i];

		redirect_stay(&target, "shop.example", &others[i]);
		ck_assert_mem_eq(&before, &others[i], sizeof(before));
	}
}
END_TEST

START_TEST(a_referer_that_does_not_fit)
{
	struct url url = parsed("http://h/a");
	char buf[11];

	ck_assert_int_eq(
		redirect_format_referer(buf, sizeof(buf), &url, NULL, &url),
		10);
	ck_assert_int_eq(
		redirect_format_referer(buf, 10, &url, NULL, &url), -ENOSPC);
	ck_assert_int_eq(
		redirect_format_referer(buf, 0, &url, NULL, &url), -ENOSPC);
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
	tcase_add_test(tcase, hosts_and_origins);
	tcase_add_test(tcase, who_may_lead_to_which_address);
	tcase_add_test(tcase, a_locations_user_part);
	tcase_add_test(tcase, the_referer);
	tcase_add_test(tcase, sockets_are_told_apart_to_the_letter);
	tcase_add_test(tcase, a_referer_has_the_name_that_was_asked_for);
	tcase_add_test(tcase, the_name_that_was_asked_for_is_the_address);
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
