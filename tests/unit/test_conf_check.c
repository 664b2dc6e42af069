/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a [check] section may say beyond its URL: each value as it is read, as
 * it is printed, and what is said of one that is wrong.
 */
#include "tests/unit/conf_fixture.h"

#include "supervisor/conf_table.h"
#include "supervisor/conf_value.h"

#define C "[check c]\nurl = https://h/\n"

/* The value of the check's key as --print-config has it. */
static void
expect_printed(const struct fixture *f, const char *key, const char *want)
{
	struct strbuf text;

	strbuf_init(&text, 0);
	conf_value_format(conf_key_find(CONF_SECTION_CHECK, key),
		&f->conf->checks.checks[0], 0, &text);
	ck_assert_str_eq(strbuf_text(&text), want);
	strbuf_fini(&text);
}

static const struct {
	const char *text, *printed;
	struct status_range ranges[4];
} statuses[] = {
	{ "200", "200", { { 200, 200 } } },
	{ "101,999", "101, 999", { { 101, 101 }, { 999, 999 } } },
	{ "2xx", "200-299", { { 200, 299 } } },
	{ "3XX, 404 ,500-599, 200-200", "300-399, 404, 500-599, 200",
		{ { 300, 399 }, { 404, 404 }, { 500, 599 }, { 200, 200 } } },
	{ "9xx", "900-999", { { 900, 999 } } },
	{ "101-299", "101-299", { { 101, 299 } } },
};

START_TEST(statuses_and_their_ranges)
{
	const struct status_range *want = statuses[_i].ranges;
	char ini[200];

	/* as it is written, then as it is printed */
	for (int round = 0; round < 2; round++) {
		const struct conf_statuses *got;
		struct fixture f;

		snprintf(ini, sizeof(ini), C "expect = %s\n",
			round == 0 ? statuses[_i].text : statuses[_i].printed);
		f = load(ini, ENV());
		expect_clean(&f);
		got = &f.conf->checks.checks[0].expect;
		for (size_t i = 0; i < 4 && want[i].first != 0; i++) {
			ck_assert_uint_lt(i, got->n_ranges);
			ck_assert_uint_eq(got->ranges[i].first, want[i].first);
			ck_assert_uint_eq(got->ranges[i].last, want[i].last);
		}
		expect_printed(&f, "expect", statuses[_i].printed);
		unload(&f);
	}
}
END_TEST

static const struct {
	const char *ini, *start;
} bad[] = {
	{ "expect = 2x", "expect: \"2x\" is no status; write" },
	{ "expect = 2xxx", "expect: \"2xxx\" is no status" },
	{ "expect = xx", "expect: \"xx\" is no status" },
	{ "expect = 0xx", "expect: \"0xx\" is no status" },
	{ "expect = 200-", "expect: \"200-\" is no status" },
	{ "expect = -200", "expect: \"-200\" is no status" },
	{ "expect = 200-2xx", "expect: \"200-2xx\" is no status" },
	{ "expect = 100-200", "expect: \"100-200\" is no status" },
	{ "expect = 200-2040", "expect: \"200-2040\" is no status" },
	{ "expect = 200--204", "expect: \"200--204\" is no status" },
	{ "expect = 2xx, 299-200",
		"expect: \"299-200\" is a range without a status" },
	{ "server_name = a/b", "server_name: \"a/b\" is neither a host name" },
	{ "server_name = a:1", "server_name: \"a:1\" is neither a host name" },
	{ "server_name = http://a", "server_name: \"http://a\" is neither" },
	{ "header = Host:", "header: is no host; write" },
	{ "header = Host: a b", "header: is no host" },
	{ "header = host: a/b", "header: is no host" },
	{ "header = Host: http://a", "header: is no host" },
	{ "header = Host: u@a", "header: is no host" },
	{ "header = Host: a:99999", "header: is no host" },
	{ "header = Host: ::1", "header: is no host" },
	{ "header = Host: [fe80::1%25eth0]", "header: is no host" },
	{ "header = Host: b\u00fccher.example", "header: is no host" },
	{ "header = Host: a, b", "header: is no host" },
};

START_TEST(a_host_header)
{
	static const char *const values[] = { "shop.example", "Shop_1:8443",
		"192.0.2.1", "[2001:db8::1]:80", "shop.example." };
	char ini[200];
	struct fixture f;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		const struct conf_headers *headers;

		snprintf(ini, sizeof(ini), C "header = host: %s\n", values[i]);
		f = load(ini, ENV());
		expect_clean(&f);
		headers = &f.conf->checks.checks[0].headers;
		ck_assert_uint_eq(headers->n_headers, 1);
		ck_assert_str_eq(headers->headers[0].value, values[i]);
		unload(&f);
	}
	expect_refused(C "header = Host: a\nheader = X: y\nheader = HOST: a\n",
		"t.ini:5: header: is a second Host header");
}
END_TEST

static const struct {
	const char *text, *printed;
} sockets[] = {
	{ "unix:///run/app.sock", "unix:///run/app.sock" },
	{ "UNIX:///run/app.sock:/", "unix:///run/app.sock" },
	{ "unix:///run/app.sock:/healthz", "unix:///run/app.sock:/healthz" },
	{ "unix:///run/a:b c.sock:/a b:/c",
		"unix:///run/a:b c.sock:/a%20b:/c" },
	{ "unix:///run/app.sock:/?token=1", "unix:///run/app.sock:/?redacted" },
	{ "unix:///run/%41.sock:/x#y", "unix:///run/%41.sock:/x" },
};

START_TEST(a_socket_and_what_it_is_asked_for)
{
	char ini[200];
	struct fixture f;

	for (int round = 0; round < 2; round++) {
		snprintf(ini, sizeof(ini), "[check c]\nurl = %s\n",
			round == 0 ? sockets[_i].text : sockets[_i].printed);
		f = load(ini, ENV());
		expect_clean(&f);
		expect_printed(&f, "url", sockets[_i].printed);
		unload(&f);
	}
	snprintf(ini, sizeof(ini),
		"[kubenurse]\nextra_checks = a:http://h|b:%s\n",
		sockets[_i].text);
	f = load(ini, ENV());
	expect_clean(&f);
	unload(&f);
}
END_TEST

START_TEST(a_socket_is_for_checks_alone)
{
	static const char *const texts[] = { "ingress_url", "service_url",
		"http_proxy", "https_proxy" };
	static const struct {
		const char *url, *why;
	} wrong[] = {
		{ "unix:/run/app.sock", "a socket is written unix:///" },
		{ "unix:", "a socket is written unix:///" },
		{ "unix://", "a socket is written unix:///" },
		{ "unix://run/app.sock", "a socket is written unix:///" },
		{ "unix://@abstract", "a socket is written unix:///" },
		{ "unix:///", "the path of the socket ends with a /" },
		{ "unix:///:/x", "the path of the socket ends with a /" },
		{ "unix:///run/:/x", "the path of the socket ends with a /" },
		{ "unix:///run/a:", "the path of the socket ends with a /" },
		{ "unix:///run/a::/x", "the path of the socket ends with a /" },
		{ "unix:///run/a?x", "a query stands behind the path" },
		{ "unix:///run/a:/%zz", "a % of the path is not followed" },
		{ "unix:///1234567890123456789012345678901234567890123456789012"
		  "3456789012345678901234567890123456789012345678901234567",
			"the path of the socket is longer than 107" },
	};
	char ini[300], start[300];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		snprintf(ini, sizeof(ini), "[kubenurse]\n%s = unix:///run/a\n",
			texts[i]);
		snprintf(start, sizeof(start), "t.ini:2: %s: ", texts[i]);
		expect_refused(ini, start);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(ini, sizeof(ini), "[check c]\nurl = %s\n",
			wrong[i].url);
		snprintf(
			start, sizeof(start), "t.ini:2: url: %s", wrong[i].why);
		expect_refused(ini, start);
	}
	expect_refused("[check c]\nurl = unix:///run/a\ncert = /c\n",
		"t.ini:1: [check c]: has a cert, which is for https alone");
}
END_TEST

START_TEST(a_certificate_and_its_key)
{
	struct fixture f = load(C "cert = /c.pem\nkey = /k.pem\n", ENV());

	expect_clean(&f);
	expect_printed(&f, "cert", "/c.pem");
	expect_printed(&f, "key", "/k.pem");
	unload(&f);
	f = load(C "cert = /both.pem\n", ENV());
	expect_clean(&f);
	unload(&f);
	expect_refused(C "key = /k.pem\n",
		"t.ini:1: [check c]: there is no certificate for its key");
	expect_refused("[check c]\nurl = http://h/\ncert = /c.pem\n",
		"t.ini:1: [check c]: has a cert, which is for https alone");
}
END_TEST

START_TEST(a_bad_value_is_one_problem)
{
	char ini[400], start[200];

	snprintf(ini, sizeof(ini), C "%s\n", bad[_i].ini);
	snprintf(start, sizeof(start), "t.ini:3: %s", bad[_i].start);
	expect_refused(ini, start);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, statuses_and_their_ranges, 0,
		sizeof(statuses) / sizeof(statuses[0]));
	tcase_add_test(tcase, a_host_header);
	tcase_add_loop_test(tcase, a_socket_and_what_it_is_asked_for, 0,
		sizeof(sockets) / sizeof(sockets[0]));
	tcase_add_test(tcase, a_socket_is_for_checks_alone);
	tcase_add_test(tcase, a_certificate_and_its_key);
	tcase_add_loop_test(tcase, a_bad_value_is_one_problem, 0,
		sizeof(bad) / sizeof(bad[0]));
}

int
main(void)
{
	return run_tests("conf_check", add_tests);
}
