/* SPDX-License-Identifier: Apache-2.0 */
/* Which proxy, and for whom none. */
#include "workers/proxy.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
assert_proxy(
	const char *text, enum proxy_kind kind, const char *host, unsigned port)
{
	struct proxy_config config;

	ck_assert_int_eq(proxy_config_init(&config, text, NULL, NULL), 0);
	ck_assert_msg(config.http.kind == kind, "%s: kind %d", text,
		(int)config.http.kind);
	ck_assert_str_eq(config.http.host, host);
	ck_assert_uint_eq(config.http.port, port);
	ck_assert_int_eq(config.https.kind, PROXY_NONE);
	ck_assert((kind == PROXY_BAD) == (config.http.error != NULL));
	ck_assert_ptr_eq(proxy_choose(&config, false, "h", 80),
		kind == PROXY_NONE ? NULL : &config.http);
	ck_assert_ptr_null(proxy_choose(&config, true, "h", 443));
	proxy_config_fini(&config);
}

START_TEST(proxies)
{
	assert_proxy(NULL, PROXY_NONE, "", 0);
	assert_proxy("", PROXY_NONE, "", 0);
	assert_proxy("http://p:3128", PROXY_HTTP, "p", 3128);
	assert_proxy("http://p:3128/path?q#f", PROXY_HTTP, "p", 3128);
	assert_proxy("HTTP://P.Example", PROXY_HTTP, "P.Example", 80);
	assert_proxy("p:3128", PROXY_HTTP, "p", 3128);
	assert_proxy("p", PROXY_HTTP, "p", 80);
	assert_proxy("p:", PROXY_HTTP, "p", 80);
	assert_proxy("192.0.2.1:8080", PROXY_HTTP, "192.0.2.1", 8080);
	assert_proxy("http://b\xc3\xbc"
		     "cher.example:3128",
		PROXY_HTTP, "xn--bcher-kva.example", 3128);
	assert_proxy("http://[2001:db8::1]:81", PROXY_HTTP, "2001:db8::1", 81);
	assert_proxy("[::1]", PROXY_HTTP, "::1", 80);
	assert_proxy("http://[fe80::1%25lo]", PROXY_HTTP, "fe80::1%lo", 80);
}
END_TEST

/* Checks that need it fail; none goes around it. */
START_TEST(proxies_that_cannot_be_parsed_are_bad)
{
	static const char *const bad[] = { "https://p", "socks5://p",
		"socks5h://p:1", "quic://p:1", "http://https://p", "http://",
		"http://:3128", ":3128", "http://p:x", "http://p:99999",
		"http://p:0", "http:p", "//p", " http://p", "http://p ",
		"http://a b", "http://p\n", "http://p%41", "http://[::1",
		"http://[::1]x", "http://[]", "http://[p]", "http://[::1%lo]",
		"http://[::1%25]", "::1", "http://u:%zz@p", "http://u:%4@p",
		"http://u:%00@p", "http://u:p\"w@p", "http://u@", "a:b:c" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_proxy(bad[i], PROXY_BAD, "", 0);
}
END_TEST

START_TEST(names_and_passwords_are_bounded)
{
	char text[4096], name[255];

	memset(name, 'p', sizeof(name));
	for (size_t i = 63; i < sizeof(name); i += 64)
		name[i] = '.';
	snprintf(text, sizeof(text), "http://%.253s", name);
	assert_proxy(text, PROXY_HTTP, text + 7, 80);
	snprintf(text, sizeof(text), "http://%.255s", name);
	assert_proxy(text, PROXY_BAD, "", 0);
	snprintf(text, sizeof(text), "http://%0255d:%0255d@p", 0, 0);
	assert_proxy(text, PROXY_HTTP, "p", 80);
	snprintf(text, sizeof(text), "http://%0256d:x@p", 0);
	assert_proxy(text, PROXY_BAD, "", 0);
	snprintf(text, sizeof(text), "http://x:%0256d@p", 0);
	assert_proxy(text, PROXY_BAD, "", 0);
}
END_TEST

static void
assert_user(
	const char *text, bool has_user, const char *user, const char *password)
{
	struct proxy_config config;

	ck_assert_int_eq(proxy_config_init(&config, NULL, text, NULL), 0);
	ck_assert_int_eq(config.https.kind, PROXY_HTTP);
	ck_assert_str_eq(config.https.host, "p");
	ck_assert(config.https.has_user == has_user);
	ck_assert_str_eq(config.https.user, user);
	ck_assert_str_eq(config.https.password, password);
	proxy_config_fini(&config);
}

START_TEST(the_user_part_is_decoded)
{
	assert_user("http://p", false, "", "");
	assert_user("http://u@p", true, "u", "");
	assert_user("http://u:@p", true, "u", "");
	assert_user("u:p@p", true, "u", "p");
	assert_user("http://@p", true, "", "");
	assert_user("http://u:a:b@p", true, "u", "a:b");
	assert_user("http://u:a@b@p", true, "u", "a@b");
	assert_user("http://%75%3a:%40%2f%ff@p", true, "u:", "@/\xff");
}
END_TEST

/* Whether NO_PROXY keeps the proxy from host. */
static void
assert_no_proxy(
	const char *no_proxy, const char *host, unsigned port, bool direct)
{
	struct proxy_config config;
	const struct proxy *http, *https;

	ck_assert_int_eq(proxy_config_init(&config, "a:1", "b:2", no_proxy), 0);
	http = proxy_choose(&config, false, host, (uint16_t)port);
	https = proxy_choose(&config, true, host, (uint16_t)port);
	ck_assert_msg(http == (direct ? NULL : &config.http) &&
			      https == (direct ? NULL : &config.https),
		"NO_PROXY=%s %s:%u should be %s", no_proxy ? no_proxy : "",
		host, port, direct ? "direct" : "proxied");
	proxy_config_fini(&config);
}

#define DIRECT  true
#define PROXIED false

/* K 1.44 */
START_TEST(loopback_never)
{
	assert_no_proxy(NULL, "h", 80, PROXIED);
	assert_no_proxy(NULL, "localhost", 80, DIRECT);
	assert_no_proxy(NULL, "LocalHost", 80, DIRECT);
	assert_no_proxy(NULL, "127.0.0.1", 80, DIRECT);
	assert_no_proxy("", "127.255.0.9", 80, DIRECT);
	assert_no_proxy(NULL, "::1", 80, DIRECT);
	assert_no_proxy(NULL, "[::1]", 80, DIRECT);
	assert_no_proxy(NULL, "::1%lo", 80, DIRECT);
	assert_no_proxy(NULL, "::ffff:127.0.0.1", 80, DIRECT);
	assert_no_proxy(NULL, "128.0.0.1", 80, PROXIED);
	assert_no_proxy(NULL, "::2", 80, PROXIED);
	assert_no_proxy(NULL, "xlocalhost", 80, PROXIED);
	assert_no_proxy(NULL, "x.localhost", 80, PROXIED);
	/* a name, for the resolver */
	assert_no_proxy(NULL, "127.1", 80, PROXIED);
	assert_no_proxy(NULL, "127.0.0.1.", 80, PROXIED);
}
END_TEST

/* K 1.45 */
START_TEST(domains)
{
	assert_no_proxy("x.y", "x.y", 80, DIRECT);
	assert_no_proxy("x.y", "a.x.y", 80, DIRECT);
	assert_no_proxy("x.y", "b.a.x.y", 80, DIRECT);
	assert_no_proxy("x.y", "ax.y", 80, PROXIED);
	assert_no_proxy("x.y", "y", 80, PROXIED);
	assert_no_proxy("x.y", "x.y.z", 80, PROXIED);
	assert_no_proxy("X.y", "x.Y", 80, DIRECT);
	assert_no_proxy(".x.y", "a.x.y", 80, DIRECT);
	assert_no_proxy(".x.y", "x.y", 80, PROXIED);
	assert_no_proxy(".x.y", ".x.y", 80, DIRECT);
	assert_no_proxy("*.x.y", "a.x.y", 80, DIRECT);
	assert_no_proxy("*.x.y", "x.y", 80, PROXIED);
	assert_no_proxy("x.y.", "x.y", 80, PROXIED);
	assert_no_proxy("*x.y", "ax.y", 80, PROXIED);
	assert_no_proxy("a*.y", "ab.y", 80, PROXIED);
}
END_TEST

START_TEST(lists)
{
	assert_no_proxy("a, b ,\tc", "a", 80, DIRECT);
	assert_no_proxy("a, b ,\tc", "b", 80, DIRECT);
	assert_no_proxy("a, b ,\tc", "c", 80, DIRECT);
	assert_no_proxy("a, b ,\tc", "d", 80, PROXIED);
	assert_no_proxy(",, ,a,", "a", 80, DIRECT);
	assert_no_proxy(",, ,", "a", 80, PROXIED);
	assert_no_proxy("a b", "a", 80, PROXIED);
	assert_no_proxy("a;b", "a", 80, PROXIED);
	assert_no_proxy("*", "a", 80, DIRECT);
	assert_no_proxy("a, * ,b", "c", 80, DIRECT);
	assert_no_proxy("a,*", "192.0.2.1", 80, DIRECT);
	assert_no_proxy("**", "a", 80, PROXIED);
}
END_TEST

/* K 1.45 */
START_TEST(ports)
{
	assert_no_proxy("h:99", "h", 99, DIRECT);
	assert_no_proxy("h:99", "h", 80, PROXIED);
	assert_no_proxy("h:80", "h", 80, DIRECT);
	assert_no_proxy("h:099", "h", 99, PROXIED);
	assert_no_proxy("h:", "h", 99, DIRECT);
	assert_no_proxy(".h:99", "a.h", 99, DIRECT);
	assert_no_proxy(".h:99", "a.h", 98, PROXIED);
	assert_no_proxy(":99", "h", 99, PROXIED);
	assert_no_proxy("10.2.3.4:80", "10.2.3.4", 80, DIRECT);
	assert_no_proxy("10.2.3.4:80", "10.2.3.4", 81, PROXIED);
	assert_no_proxy("[2001:db8::1]:80", "2001:db8::1", 80, DIRECT);
	assert_no_proxy("[2001:db8::1]:80", "[2001:db8::1]", 80, DIRECT);
	assert_no_proxy("[2001:db8::1]:80", "2001:db8::1", 81, PROXIED);
	assert_no_proxy("h:65535", "h", 65535, DIRECT);
}
END_TEST

START_TEST(addresses)
{
	assert_no_proxy("10.2.3.4", "10.2.3.4", 80, DIRECT);
	assert_no_proxy("10.2.3.4", "10.2.3.5", 80, PROXIED);
	assert_no_proxy("10.2.3.4", "::ffff:10.2.3.4", 80, DIRECT);
	assert_no_proxy("::ffff:10.2.3.4", "10.2.3.4", 80, DIRECT);
	assert_no_proxy("2001:db8::1", "2001:DB8:0::1", 80, DIRECT);
	assert_no_proxy("2001:db8::1", "[2001:db8::1]", 80, DIRECT);
	assert_no_proxy("2001:db8::1", "2001:db8::2", 80, PROXIED);
	assert_no_proxy("fe80::1", "fe80::1%eth0", 80, DIRECT);
	assert_no_proxy("[2001:db8::1]", "2001:db8::1", 80, PROXIED);
	assert_no_proxy("10.2.", "10.2.3.4", 80, PROXIED);
	assert_no_proxy("10.2.*", "10.2.3.4", 80, PROXIED);
	assert_no_proxy("3.4", "10.2.3.4", 80, PROXIED);
	assert_no_proxy(".4", "10.2.3.4", 80, PROXIED);
	assert_no_proxy("10.2.3.04", "10.2.3.4", 80, PROXIED);
	/* a zone is no way around */
	assert_no_proxy("x.y", "2001:db8::1%25.x.y", 80, PROXIED);
}
END_TEST

/* K 1.45 */
START_TEST(networks)
{
	assert_no_proxy("10.0.0.0/8", "10.2.3.4", 80, DIRECT);
	assert_no_proxy("10.9.9.9/8", "10.2.3.4", 80, DIRECT);
	assert_no_proxy("10.0.0.0/8", "11.2.3.4", 80, PROXIED);
	assert_no_proxy("10.0.0.0/8", "::ffff:10.0.0.1", 80, DIRECT);
	assert_no_proxy("10.0.0.0/9", "10.127.0.1", 80, DIRECT);
	assert_no_proxy("10.0.0.0/9", "10.128.0.1", 80, PROXIED);
	assert_no_proxy("192.0.2.6/31", "192.0.2.7", 80, DIRECT);
	assert_no_proxy("192.0.2.6/31", "192.0.2.8", 80, PROXIED);
	assert_no_proxy("192.0.2.6/32", "192.0.2.6", 80, DIRECT);
	assert_no_proxy("192.0.2.6/32", "192.0.2.7", 80, PROXIED);
	assert_no_proxy("0.0.0.0/0", "192.0.2.6", 80, DIRECT);
	assert_no_proxy("0.0.0.0/0", "2001:db8::1", 80, PROXIED);
	assert_no_proxy("::/0", "2001:db8::1", 80, DIRECT);
	assert_no_proxy("::/0", "192.0.2.6", 80, PROXIED);
	assert_no_proxy("2001:db8::/33", "2001:db8:7fff::1", 80, DIRECT);
	assert_no_proxy("2001:db8::/33", "2001:db8:8000::1", 80, PROXIED);
	assert_no_proxy("2001:db8::1/128", "2001:db8::1", 80, DIRECT);
	assert_no_proxy("10.0.0.0/8", "x.y", 80, PROXIED);
	assert_no_proxy("10.0.0.0/33", "10.0.0.0", 80, PROXIED);
	assert_no_proxy("10.0.0/8", "10.0.0.0", 80, PROXIED);
	assert_no_proxy("10.0.0.0/", "10.0.0.0", 80, PROXIED);
	assert_no_proxy("10.0.0.0/+8", "10.0.0.0", 80, PROXIED);
	assert_no_proxy("10.0.0.0/8/8", "10.0.0.0", 80, PROXIED);
	assert_no_proxy("2001:db8::/129", "2001:db8::", 80, PROXIED);
	assert_no_proxy("10.0.0.0/8:80", "10.0.0.0", 80, PROXIED);
}
END_TEST

/* As long as the configuration takes them, whatever the entries are. */
START_TEST(no_proxy_may_be_long)
{
	enum { BYTES = 64 * 1024 };
	char *text = malloc(BYTES + 1);

	ck_assert_ptr_nonnull(text);
	memset(text, ',', BYTES);
	text[BYTES] = '\0';
	assert_no_proxy(text, "b", 80, PROXIED);
	for (size_t i = 0; i < BYTES; i += 2)
		text[i] = 'a';
	text[BYTES - 1] = 'b';
	text[BYTES - 2] = ',';
	assert_no_proxy(text, "a", 80, DIRECT);
	assert_no_proxy(text, "b", 80, DIRECT);
	assert_no_proxy(text, "c", 80, PROXIED);
	free(text);
}
END_TEST

static Suite *
suite_proxy(void)
{
	Suite *suite = suite_create("proxy");
	TCase *tcase = tcase_create("rules");

	tcase_add_test(tcase, proxies);
	tcase_add_test(tcase, proxies_that_cannot_be_parsed_are_bad);
	tcase_add_test(tcase, names_and_passwords_are_bounded);
	tcase_add_test(tcase, the_user_part_is_decoded);
	tcase_add_test(tcase, loopback_never);
	tcase_add_test(tcase, domains);
	tcase_add_test(tcase, lists);
	tcase_add_test(tcase, ports);
	tcase_add_test(tcase, addresses);
	tcase_add_test(tcase, networks);
	tcase_add_test(tcase, no_proxy_may_be_long);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite_proxy());
	int n_failed;

	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
