/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URLs: what the Go program was seen to send, what it crashed on, the
 * reference examples of RFC 3986, section 5.4, and the bounds of each field.
 */
#include "common/url.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct url
parsed(const char *text)
{
	const char *error = NULL;
	struct url url;
	int err;

	memset(&url, 0xee, sizeof(url));
	err = url_parse(&url, text, &error);
	ck_assert_msg(err == 0, "%s: %s", text, err != 0 ? error : "");
	return url;
}

static void
expect_refused(const char *text, int want)
{
	const char *error = NULL;
	struct url url;
	int err = url_parse(&url, text, &error);

	ck_assert_msg(err == want, "'%s' gave %d", text, err);
	ck_assert_ptr_nonnull(error);
}

static const struct {
	const char *text, *host_header, *target;
	uint16_t port;
	bool https;
} sent[] = {
	{ "http://h", "h", "/", 80, false },
	{ "https://h/", "h", "/", 443, true },
	{ "HTTPS://Host.Example/A", "Host.Example", "/A", 443, true },
	{ "http://h?x=1", "h", "/?x=1", 80, false },
	{ "http://h/d?", "h", "/d?", 80, false },
	{ "http://h/d#f?x", "h", "/d", 80, false },
	{ "http://h/d?a#b", "h", "/d?a", 80, false },
	{ "http://h#f", "h", "/", 80, false },
	{ "http://h:80/", "h:80", "/", 80, false },
	{ "http://h:09901/", "h:09901", "/", 9901, false },
	{ "http://h:/x", "h", "/x", 80, false },
	{ "https://h:8443", "h:8443", "/", 8443, true },
	{ "http://[::1]:9902/", "[::1]:9902", "/", 9902, false },
	{ "http://[fe80::1%25lo]:9/", "[fe80::1]:9", "/", 9, false },
	{ "http://[fe80::1%25et%68.1]", "[fe80::1]", "/", 80, false },
	{ "http://127.0.0.1./", "127.0.0.1.", "/", 80, false },
	{ "http://h/a b\"<>\\^{}`|\xc3\xa9", "h",
		"/a%20b%22%3C%3E%5C%5E%7B%7D%60%7C%C3%A9", 80, false },
	{ "http://h/%41%2f//b/../c;a=b@:[]", "h", "/%41%2f//b/../c;a=b@:[]", 80,
		false },
	{ "http://h/?a b\xc3\xa9%zz\"", "h", "/?a b\xc3\xa9%zz\"", 80, false },
	{ "http://h/x@y:z", "h", "/x@y:z", 80, false },
	{ "http://_a-b.c_d/", "_a-b.c_d", "/", 80, false },
	{ "http://K\xc3\x96ln.Example:81/\xc3\xb6", "xn--kln-sna.example:81",
		"/%C3%B6", 81, false },
};

/* K 3.23 */
START_TEST(is_sent_as_go_sends_it)
{
	struct url url = parsed(sent[_i].text);
	char host[URL_HOST_TEXT_BYTES];

	ck_assert_str_eq(url_format_host(&url, host), sent[_i].host_header);
	ck_assert_str_eq(url.target, sent[_i].target);
	ck_assert_uint_eq(url.port, sent[_i].port);
	ck_assert(url.https == sent[_i].https);
	ck_assert_uint_eq(url.path_len_bytes, strcspn(sent[_i].target, "?"));
}
END_TEST

static const char *const refused[] = {
	/* the Go program crashes on these */
	" http://h/", "http://h/\n", "http://h/\x7f", "http://h/%zz",
	"http://h/%4", "http://h/%", "http://h h/", "http://%41/",
	"http://h:x/", "http://h:8x/", "http://[::1", "host", "host.example/x",
	"127.0.0.1:80/x", ":", "://h", "%",
	/* and cannot send these */
	"", "/x", "//h/x", "http:///x", "http:h/x", "http:/h",
	"http:", "http://h:99999", "http://h:65536", "http://h:0/",
	"http://h:00", "http://:80/", "http://?x", "http://u@/",
	"http://u@:80/",
	/* nor can anybody resolve these */
	"http://\xe2\x98\x83.example/", "http://k\xf6ln/", "http://\xc3\xb6 b/",
	"http://\xc3\xb6..b/", "http://\xc3\xb6%41/", "http://a..b/",
	"http://.a/", "http://h!/", "http://a,b/", "http://h\\x/",
	"http://::1/", "http://[::1]x/", "http://[::1]x:80/",
	"http://[1.2.3.4]/", "http://[]/", "http://[h]/", "http://[::1%lo]/",
	"http://[::1%25]/", "http://[::1%2]/", "http://[::1%25a%2fb]/",
	"http://[::1%25a%00]/", "http://[::1%25abcdefghijklmnop]/",
	"http://[%25lo]/", "http://[::1]]/", "http://[[::1]/", "http://h]/",
	/* user parts */
	"http://a b@h/", "http://a\"@h/", "http://%zz@h/", "http://%00@h/",
	"http://a:%00@h/", "http://\xc3\xa9@h/", "http://[@h/"
};

/* F 3.17 */
START_TEST(what_cannot_be_probed_is_refused)
{
	expect_refused(refused[_i], -EINVAL);
}
END_TEST

START_TEST(other_schemes_are_told_apart)
{
	expect_refused("ftp://h/", -EPROTONOSUPPORT);
	expect_refused("httpx://h/", -EPROTONOSUPPORT);
	expect_refused("http+unix://h/", -EPROTONOSUPPORT);
	expect_refused("host:80/x", -EPROTONOSUPPORT);
}
END_TEST

/* K 3.22 */
START_TEST(user_and_password_are_decoded)
{
	struct url url = parsed("http://us%65r:p%40s:s@h/");

	ck_assert(url.has_user);
	ck_assert_str_eq(url.user, "user");
	ck_assert_str_eq(url.password, "p@s:s");
	url = parsed("http://user@h/");
	ck_assert(url.has_user);
	ck_assert_str_eq(url.password, "");
	url = parsed("http://a@b:c@h/");
	ck_assert_str_eq(url.user, "a@b");
	ck_assert_str_eq(url.host, "h");
	url = parsed("http://@h/");
	ck_assert(url.has_user);
	ck_assert_str_eq(url.user, "");
	url = parsed("http://h/u@p");
	ck_assert(!url.has_user);
}
END_TEST

START_TEST(names_and_addresses_are_told_apart)
{
	struct url url = parsed("http://192.0.2.7:1/");

	ck_assert(url.host_is_ip);
	ck_assert_int_eq(url.family, AF_INET);
	url = parsed("http://[2001:DB8::1]");
	ck_assert(url.host_is_ip);
	ck_assert_int_eq(url.family, AF_INET6);
	ck_assert_str_eq(url.host, "2001:DB8::1");
	ck_assert_str_eq(url.zone, "");
	url = parsed("http://[fe80::1%25eth0]");
	ck_assert_str_eq(url.host, "fe80::1");
	ck_assert_str_eq(url.zone, "eth0");
	/* names, however much they look like numbers */
	ck_assert(!parsed("http://127.1").host_is_ip);
	ck_assert(!parsed("http://2130706433").host_is_ip);
	ck_assert(!parsed("http://127.0.0.1.").host_is_ip);
	ck_assert(!parsed("http://127.0.0.01").host_is_ip);
	ck_assert_int_eq(parsed("http://127.1").family, AF_UNSPEC);
}
END_TEST

/* prefix, then n times c, then suffix; in a buffer that is overwritten. */
static const char *
long_text(const char *prefix, size_t n, char c, const char *suffix)
{
	static char buf[8192];
	size_t prefix_bytes = strlen(prefix);

	strcpy(buf, prefix);
	memset(buf + prefix_bytes, c, n);
	strcpy(buf + prefix_bytes + n, suffix);
	return buf;
}

START_TEST(bounds)
{
	parsed(long_text("http://h/", URL_MAX_BYTES - 9, 'a', ""));
	expect_refused(
		long_text("http://h/", URL_MAX_BYTES - 8, 'a', ""), -EINVAL);
	expect_refused(
		long_text("http://h/?", URL_MAX_BYTES, 'a', ""), -EINVAL);
	/* three bytes each once they are encoded */
	parsed(long_text("http://h/", 682, ' ', ""));
	expect_refused(long_text("http://h/", 683, ' ', ""), -EINVAL);
	expect_refused(long_text("http://h/", 682, ' ', "?xx"), -EINVAL);

	parsed(long_text("http://", 63, 'a', "/"));
	expect_refused(long_text("http://", 64, 'a', "/"), -EINVAL);
	parsed(long_text("http://", URL_USER_BYTES - 1, 'a', "@h/"));
	expect_refused(
		long_text("http://", URL_USER_BYTES, 'a', "@h/"), -EINVAL);
	parsed(long_text("http://u:", URL_USER_BYTES - 1, 'a', "@h/"));
	expect_refused(
		long_text("http://u:", URL_USER_BYTES, 'a', "@h/"), -EINVAL);
	parsed(long_text("http://h:", 8, '0', "80/"));
	expect_refused(long_text("http://h:", 10, '0', "80/"), -EINVAL);
	expect_refused(long_text("http://h:", 1000, '9', "/"), -EINVAL);
	expect_refused(long_text("http://[", 100, '1', "]/"), -EINVAL);
}
END_TEST

START_TEST(a_host_name_has_253_bytes_at_most)
{
	char text[300] = "http://";
	char *p = text + 7;

	for (int i = 0; i < 126; i++)
		p = stpcpy(p, "a.");
	strcpy(p, "b"); /* 253 */
	parsed(text);
	strcpy(p, "b.");
	parsed(text);
	strcpy(p, "bb");
	expect_refused(text, -EINVAL);
	strcpy(p, "bb.");
	expect_refused(text, -EINVAL);
}
END_TEST

START_TEST(format_parses_back_to_the_same)
{
	static const char *const texts[] = { "http://h", "https://h:0443/a?b",
		"http://u%3Ax:p%40%25@h:/", "http://[fe80::1%25lo]:9/a b?c d",
		"http://u@[::1]/", "http://@h/", "http://u:@h/?",
		"http://[fe80::1%25a%40b]/" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct url url = parsed(texts[i]), back;
		char text[URL_TEXT_BYTES];

		back = parsed(url_format(&url, false, text));
		ck_assert_mem_eq(&url, &back, sizeof(url));
	}
}
END_TEST

START_TEST(redacted_is_without_user_password_and_query)
{
	struct url url = parsed("https://alice:secret@h:1/x?y#z");
	char text[URL_TEXT_BYTES];

	ck_assert_str_eq(url_format(&url, true, text),
		"https://redacted@h:1/x?redacted");
	url = parsed("https://h:1/x?token=secret&a=b?c");
	ck_assert_str_eq(
		url_format(&url, true, text), "https://h:1/x?redacted");
	url = parsed(text);
	ck_assert_str_eq(
		url_format(&url, true, text), "https://h:1/x?redacted");
	url = parsed("https://h:1/x?");
	ck_assert_str_eq(url_format(&url, true, text), "https://h:1/x?");
	url = parsed("https://h:1/x%3Fy");
	ck_assert_str_eq(url_format(&url, true, text), "https://h:1/x%3Fy");
}
END_TEST

START_TEST(the_longest_parts_fit_the_text)
{
	char from[URL_MAX_BYTES + 1], text[URL_TEXT_BYTES];
	struct url url;
	char *p = stpcpy(from, "http://");

	p = mempcpy(p, long_text("", 255, '!', ":"), 256);
	p = mempcpy(p, long_text("", 255, '!', "@h:000080/"), 265);
	memset(p, '/', sizeof(from) - (size_t)(p - from));
	from[URL_MAX_BYTES] = '\0';
	url = parsed(from);
	url_format(&url, false, text);
	ck_assert_uint_eq(strlen(text), URL_MAX_BYTES + 2 * 2 * 255);
}
END_TEST

/* RFC 3986, 5.4, against http://a/b/c/d;p?q. */
static const struct {
	const char *location, *want;
} resolved[] = {
	{ "g", "http://a/b/c/g" },
	{ "./g", "http://a/b/c/g" },
	{ "g/", "http://a/b/c/g/" },
	{ "/g", "http://a/g" },
	{ "//g", "http://g/" },
	{ "?y", "http://a/b/c/d;p?y" },
	{ "g?y", "http://a/b/c/g?y" },
	{ "#s", "http://a/b/c/d;p?q" },
	{ "g#s", "http://a/b/c/g" },
	{ "g?y#s", "http://a/b/c/g?y" },
	{ ";x", "http://a/b/c/;x" },
	{ "g;x?y#s", "http://a/b/c/g;x?y" },
	{ "", "http://a/b/c/d;p?q" },
	{ ".", "http://a/b/c/" },
	{ "./", "http://a/b/c/" },
	{ "..", "http://a/b/" },
	{ "../", "http://a/b/" },
	{ "../g", "http://a/b/g" },
	{ "../..", "http://a/" },
	{ "../../", "http://a/" },
	{ "../../g", "http://a/g" },
	{ "../../../g", "http://a/g" },
	{ "../../../../g", "http://a/g" },
	{ "/./g", "http://a/g" },
	{ "/../g", "http://a/g" },
	{ "g.", "http://a/b/c/g." },
	{ ".g", "http://a/b/c/.g" },
	{ "g..", "http://a/b/c/g.." },
	{ "..g", "http://a/b/c/..g" },
	{ "./../g", "http://a/b/g" },
	{ "./g/.", "http://a/b/c/g/" },
	{ "g/./h", "http://a/b/c/g/h" },
	{ "g/../h", "http://a/b/c/h" },
	{ "g;x=1/./y", "http://a/b/c/g;x=1/y" },
	{ "g;x=1/../y", "http://a/b/c/y" },
	{ "g?y/./x", "http://a/b/c/g?y/./x" },
	{ "g?y/../x", "http://a/b/c/g?y/../x" },
	{ "https://h:1/a/../b", "https://h:1/b" },
	{ "//g:1/x y", "http://g:1/x%20y" },
	{ "\xc3\xa9", "http://a/b/c/%C3%A9" },
	{ "?", "http://a/b/c/d;p?" },
	{ "g?a:b", "http://a/b/c/g?a:b" },
	{ "./a:b", "http://a/b/c/a:b" },
	{ "//u:p@g/", "http://u:p@g/" },
	/* what must be encoded, as curl 7.88 was seen to send it */
	{ "/a b?c d", "http://a/a%20b?c+d" },
	{ "g h?q=\xc3\xa9 z#f g\xff", "http://a/b/c/g%20h?q=%C3%A9+z" },
	{ "https://h:1/p q?a b", "https://h:1/p%20q?a+b" },
	{ "https://h?a b", "https://h/?a+b" },
	{ "?a b", "http://a/b/c/d;p?a+b" },
	{ "/w\xe9?\xff", "http://a/w%E9?%FF" },
	{ "/%20?%20+%zz?\"<>|^`{}\\[]", "http://a/%20?%20+%zz?\"<>|^`{}\\[]" },
	{ "  /lead  ", "http://a/lead" },
	{ "  https://h/x?y  ", "https://h/x?y" },
	{ " g ", "http://a/b/c/g" },
	{ "/x?y #", "http://a/x?y+" },
	{ "   ", "http://a/b/c/d;p?q" },
};

START_TEST(references_of_rfc_3986)
{
	struct url base = parsed("http://a/b/c/d;p?q"), url;
	char text[URL_TEXT_BYTES];
	const char *error = "";
	int err = url_resolve(&base, resolved[_i].location, &url, &error);

	ck_assert_msg(err == 0, "%s: %s", resolved[_i].location, error);
	ck_assert_str_eq(url_format(&url, false, text), resolved[_i].want);
	ck_assert_uint_eq(url.path_len_bytes, strcspn(url.target, "?"));
}
END_TEST

START_TEST(a_relative_location_keeps_user_zone_and_port)
{
	struct url base = parsed("https://u:p@[fe80::1%25lo]:09/x"), url;
	char text[URL_TEXT_BYTES];
	const char *error;

	ck_assert_int_eq(url_resolve(&base, "/y", &url, &error), 0);
	ck_assert_str_eq(url_format(&url, false, text),
		"https://u:p@[fe80::1%25lo]:09/y");
	/* or another host would follow the sign */
	url = parsed("http://[fe80::1%25a%40b]/x");
	ck_assert_str_eq(url.zone, "a@b");
	ck_assert_str_eq(
		url_format(&url, false, text), "http://[fe80::1%25a%40b]/x");
	ck_assert_int_eq(url_resolve(&base, "//h/y", &url, &error), 0);
	ck_assert_str_eq(url_format(&url, false, text), "https://h/y");
	ck_assert(!url.has_user);
	ck_assert_str_eq(url.zone, "");
	ck_assert_int_eq(url_resolve(&base, "http://h", &url, &error), 0);
	ck_assert(!url.has_user && !url.https);
	ck_assert_uint_eq(url.port, 80);
}
END_TEST

START_TEST(bad_locations_leave_the_result_alone)
{
	static const struct {
		const char *location;
		int want;
	} bad[] = {
		{ "%zz", -EINVAL },
		{ "http:", -EINVAL },
		{ "//", -EINVAL },
		{ "http:g", -EINVAL },
		{ "1a:b", -EINVAL },
		{ ":x", -EINVAL },
		{ "a\tb", -EINVAL },
		{ "\t/x", -EINVAL },
		{ "/x?a\rb", -EINVAL },
		{ "/x?\x7f", -EINVAL },
		{ "http://h h/", -EINVAL },
		{ "//h:x", -EINVAL },
		{ "///x", -EINVAL },
		{ "ftp://h/", -EPROTONOSUPPORT },
		{ "javascript:x", -EPROTONOSUPPORT },
	};
	struct url base = parsed("http://a/b"), url = base;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *error = NULL;
		int err = url_resolve(&base, bad[i].location, &url, &error);

		ck_assert_msg(err == bad[i].want, "%s", bad[i].location);
		ck_assert_ptr_nonnull(error);
		ck_assert_mem_eq(&url, &base, sizeof(url));
	}
}
END_TEST

START_TEST(merging_two_long_paths_stays_within_the_bound)
{
	struct url base, url;
	const char *error;

	base = parsed(long_text("http://h/", 1900, 'a', "/b"));
	ck_assert_int_eq(url_resolve(&base, "c", &url, &error), 0);
	ck_assert_int_eq(
		url_resolve(&base, long_text("", 2000, 'b', ""), &url, &error),
		-EINVAL);
	ck_assert_int_eq(
		url_resolve(&base, long_text("?", 500, ' ', "b"), &url, &error),
		-EINVAL);
	ck_assert_int_eq(url_resolve(&base, long_text("?", 700, '\xff', ""),
				 &url, &error),
		-EINVAL);
	ck_assert_int_eq(
		url_resolve(&base, long_text("?", 500, 'b', ""), &url, &error),
		-EINVAL);
	ck_assert_int_eq(
		url_resolve(&base, long_text("/", 2000, 'b', ""), &url, &error),
		0);
}
END_TEST

START_TEST(hosts_by_themselves)
{
	const char *error = NULL;

	ck_assert(url_host_check("a.b", &error));
	ck_assert(url_host_check("10.0.0.1", &error));
	ck_assert(url_host_check("fd00::1", &error));
	ck_assert_ptr_null(error);
	ck_assert(!url_host_check("", &error));
	ck_assert(!url_host_check("[fd00::1]", &error));
	ck_assert(!url_host_check("a/b", &error));
	ck_assert(!url_host_check("a:80", &error));
	ck_assert(!url_host_check(long_text("", 5000, 'a', ""), &error));
	ck_assert_ptr_nonnull(error);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int
main(void)
{
	Suite *suite = suite_create("url");
	TCase *tcase = tcase_create("url");
	SRunner *runner;
	int n_failed;

	tcase_add_loop_test(tcase, is_sent_as_go_sends_it, 0, COUNT(sent));
	tcase_add_loop_test(
		tcase, what_cannot_be_probed_is_refused, 0, COUNT(refused));
	tcase_add_test(tcase, other_schemes_are_told_apart);
	tcase_add_test(tcase, user_and_password_are_decoded);
	tcase_add_test(tcase, names_and_addresses_are_told_apart);
	tcase_add_test(tcase, bounds);
	tcase_add_test(tcase, a_host_name_has_253_bytes_at_most);
	tcase_add_test(tcase, format_parses_back_to_the_same);
	tcase_add_test(tcase, redacted_is_without_user_password_and_query);
	tcase_add_test(tcase, the_longest_parts_fit_the_text);
	tcase_add_loop_test(tcase, references_of_rfc_3986, 0, COUNT(resolved));
	tcase_add_test(tcase, a_relative_location_keeps_user_zone_and_port);
	tcase_add_test(tcase, bad_locations_leave_the_result_alone);
	tcase_add_test(tcase, merging_two_long_paths_stays_within_the_bound);
	tcase_add_test(tcase, hosts_by_themselves);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
