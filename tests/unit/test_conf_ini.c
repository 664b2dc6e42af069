/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The INI file: what each key takes, that every problem is found in one run
 * with its line, and that no line is cut however long it is.
 */
#include "tests/unit/conf_fixture.h"

#include "common/strbuf.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#define K "[kubenurse]\n"
#define C "[check c]\nurl = http://h/\n"

#define S            1000000000LL
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NUMBER(field)                                                          \
	offsetof(struct conf, field), sizeof(((struct conf *)NULL)->field)

/* A line, and what it does to its field; no line: one that is made of others.
 */
static const struct {
	const char *line;
	size_t offset;
	const char *text;
} text_keys[] = {
	{ "ingress_url = https://i.example/",
		offsetof(struct conf, ingress_url), "https://i.example/" },
	{ "", offsetof(struct conf, me_ingress_target),
		"https://i.example/alwayshappy" },
	{ "service_url=http://s:8080", offsetof(struct conf, me_service_target),
		"http://s:8080/alwayshappy" },
	{ "extra_ca = /ca.pem", offsetof(struct conf, extra_ca), "/ca.pem" },
	{ "api_server_host = fd00::1", offsetof(struct conf, api_server_host),
		"fd00::1" },
	{ "", offsetof(struct conf, api_server_direct_target),
		"https://[fd00::1]:6443/version" },
	{ "api_server_dns = api.example",
		offsetof(struct conf, api_server_dns_target),
		"https://api.example:6443/version" },
	{ "namespace = kube-system", offsetof(struct conf, namespace),
		"kube-system" },
	{ "neighbour_filter = app in (a, b)",
		offsetof(struct conf, neighbour_filter), "app in (a, b)" },
	{ "neighbour_service = n.example",
		offsetof(struct conf, neighbour_service), "n.example" },
	{ "node_name = node-1", offsetof(struct conf, node_name), "node-1" },
	{ "pod_name = pod-1", offsetof(struct conf, pod_name), "pod-1" },
	{ "cert_file = /c.pem", offsetof(struct conf, cert_file), "/c.pem" },
	{ "cert_key = /k.pem", offsetof(struct conf, cert_key), "/k.pem" },
	{ "http_proxy = proxy:3128", offsetof(struct conf, http_proxy),
		"http://proxy:3128" },
	{ "https_proxy = http://u:p@proxy", offsetof(struct conf, https_proxy),
		"http://u:p@proxy" },
	{ "no_proxy = .example, 10.0.0.0/8", offsetof(struct conf, no_proxy),
		".example, 10.0.0.0/8" },
	{ "user = kubenurse", offsetof(struct conf, user), "kubenurse" },
};

static const struct {
	const char *line;
	size_t offset, size_bytes;
	int64_t number;
} number_keys[] = {
	{ "check_api_server_direct = false", NUMBER(check_api_server_direct),
		0 },
	{ "check_api_server_dns = false", NUMBER(check_api_server_dns), 0 },
	{ "check_me_ingress = false", NUMBER(check_me_ingress), 0 },
	{ "check_me_service = false", NUMBER(check_me_service), 0 },
	{ "check_neighbourhood = false", NUMBER(check_neighbourhood), 0 },
	{ "check_interval = 1m30s", NUMBER(check_interval_ns), 90 * S },
	{ "shutdown_duration = -1s", NUMBER(shutdown_duration_ns), -1 * S },
	{ "reuse_connections = true", NUMBER(reuse_connections), 1 },
	{ "insecure = true", NUMBER(insecure), 1 },
	{ "api_server_port = 6443", NUMBER(api_server_port), 6443 },
	{ "api_server_insecure = true", NUMBER(api_server_insecure), 1 },
	{ "neighbour_source = dns", NUMBER(neighbour_source), CONF_SOURCE_DNS },
	{ "neighbour_limit = +03", NUMBER(neighbour_limit), 3 },
	{ "neighbour_port = 99", NUMBER(neighbour_port), 99 },
	{ "allow_unschedulable = true", NUMBER(allow_unschedulable), 1 },
	{ "use_tls = true", NUMBER(use_tls), 1 },
	{ "ready_follows_cordon = false", NUMBER(ready_follows_cordon), 0 },
	{ "victoriametrics_histogram = true", NUMBER(victoriametrics_histogram),
		1 },
	{ "expose_metadata = false", NUMBER(expose_metadata), 0 },
	{ "legacy_metrics = false", NUMBER(legacy_metrics), 0 },
	{ "neighbour_detail = true", NUMBER(neighbour_detail), 1 },
	{ "series_ttl = 1h", NUMBER(series_ttl_ns), 3600 * S },
	{ "sandbox = require", NUMBER(sandbox), CONF_SANDBOX_REQUIRE },
	{ "log_level = warn", NUMBER(log_level), LOG_LEVEL_WARN },
	{ "log_format = json", NUMBER(log_format), LOG_FORMAT_JSON },
};

static const char *
text_of(const struct conf *conf, size_t offset)
{
	return *(char *const *)(const void *)((const char *)conf + offset);
}

static int64_t
number_of(const struct conf *conf, size_t offset, size_t size_bytes)
{
	const char *field = (const char *)conf + offset;

	switch (size_bytes) {
	case sizeof(bool):
		return *(const bool *)(const void *)field;
	case sizeof(uint16_t):
		return *(const uint16_t *)(const void *)field;
	case sizeof(int): /* an enum */
		return *(const int *)(const void *)field;
	default:
		ck_assert_uint_eq(size_bytes, sizeof(int64_t));
		return *(const int64_t *)(const void *)field;
	}
}

/* N 1.9 */
START_TEST(every_key_reaches_its_field)
{
	struct strbuf ini;
	struct fixture f;

	strbuf_init(&ini, 0);
	strbuf_add_string(&ini, K);
	for (size_t i = 0; i < COUNT(text_keys); i++)
		strbuf_printf(&ini, "%s\n", text_keys[i].line);
	for (size_t i = 0; i < COUNT(number_keys); i++)
		strbuf_printf(&ini, "%s\n", number_keys[i].line);
	f = load(strbuf_text(&ini), ENV());
	expect_clean(&f);
	ck_assert(f.conf->from_ini);
	for (size_t i = 0; i < COUNT(text_keys); i++)
		ck_assert_str_eq(text_of(f.conf, text_keys[i].offset),
			text_keys[i].text);
	for (size_t i = 0; i < COUNT(number_keys); i++)
		ck_assert_msg(number_of(f.conf, number_keys[i].offset,
				      number_keys[i].size_bytes) ==
				      number_keys[i].number,
			"%s", number_keys[i].line);
	unload(&f);
	strbuf_fini(&ini);
}
END_TEST

/* N 1.9 */
START_TEST(every_list_reaches_its_field)
{
	struct fixture f = load(K "extra_checks = a:http://a/|b:https://b:1/x\n"
				  "listen = 127.0.0.1:9000, [::1]:9001 ,:9002\n"
				  "listen_tls = [::]:0\n"
				  "histogram_buckets = .5, 1e0, 2\n",
		ENV());
	const struct conf *c = f.conf;
	char text[INET6_ADDRSTRLEN];

	expect_clean(&f);
	ck_assert_uint_eq(c->checks.n_checks, 2);
	ck_assert_str_eq(c->checks.checks[1].name, "b");
	ck_assert_str_eq(c->checks.checks[1].url, "https://b:1/x");
	ck_assert_uint_eq(c->listen.n_addresses, 3);
	ck_assert_int_eq(c->listen.addresses[0].any.sa_family, AF_INET);
	ck_assert_uint_eq(ntohs(c->listen.addresses[0].in.sin_port), 9000);
	ck_assert_uint_eq(ntohl(c->listen.addresses[0].in.sin_addr.s_addr),
		INADDR_LOOPBACK);
	ck_assert_str_eq(
		inet_ntop(AF_INET6, &c->listen.addresses[1].in6.sin6_addr, text,
			sizeof(text)),
		"::1");
	ck_assert_int_eq(c->listen.addresses[2].any.sa_family, AF_INET6);
	ck_assert_uint_eq(ntohs(c->listen.addresses[2].in6.sin6_port), 9002);
	ck_assert_uint_eq(c->listen_tls.n_addresses, 1);
	ck_assert_uint_eq(c->histogram_buckets.n_bounds, 3);
	ck_assert_double_eq(c->histogram_buckets.bounds_s[1], 1.0);
	unload(&f);
}
END_TEST

/* N 1.9, N 1.13, N 1.40 */
START_TEST(an_empty_file_gives_the_defaults)
{
	struct fixture f = load("", ENV());
	const struct conf *c = f.conf;

	expect_clean(&f);
	ck_assert_int_eq(c->check_interval_ns, 5000000000);
	ck_assert_int_eq(c->shutdown_duration_ns, 5000000000);
	ck_assert_int_eq(c->neighbour_limit, 10);
	ck_assert_int_eq(c->series_ttl_ns, 900000000000);
	ck_assert_uint_eq(c->histogram_buckets.n_bounds, 11);
	ck_assert_double_eq(c->histogram_buckets.bounds_s[0], .005);
	ck_assert_double_eq(c->histogram_buckets.bounds_s[10], 10);
	ck_assert(c->check_api_server_direct && c->check_api_server_dns);
	ck_assert(c->check_me_ingress && c->check_me_service);
	ck_assert(c->check_neighbourhood && c->ready_follows_cordon);
	ck_assert(c->legacy_metrics && !c->neighbour_detail);
	ck_assert(!c->insecure && !c->use_tls && !c->reuse_connections);
	ck_assert_msg(c->expose_metadata, "on, for there is a file");
	ck_assert_str_eq(c->node_name, "host");
	ck_assert_str_eq(c->pod_name, "host");
	ck_assert_str_eq(c->user, "");
	ck_assert_uint_eq(c->neighbour_source, CONF_SOURCE_STATIC);
	ck_assert_uint_eq(c->neighbour_port, 8080);
	ck_assert_uint_eq(ntohs(c->listen.addresses[0].in6.sin6_port), 8080);
	ck_assert_str_eq(c->api_server_direct_target, "");
	ck_assert_msg(c->api_server_dns_target[0] == '\0', "no cluster");
	ck_assert_str_eq(
		c->api_server_dns, "kubernetes.default.svc.cluster.local");
	ck_assert_str_eq(c->me_ingress_target, "");
	ck_assert_uint_eq(c->checks.n_checks, 0);
	unload(&f);
}
END_TEST

/* N 1.17 */
START_TEST(a_check_section_in_full)
{
	struct fixture f = load("[check checkout]\n"
				"url = https://shop.example/healthz\n"
				"expect = 200, 204\n"
				"method = HEAD\n"
				"interval = 30s\n"
				"timeout = 1s\n"
				"header = X-A: b: c\n"
				"header = X-Empty:\n"
				"header_file = /h\n"
				"server_name = shop.test\n"
				"ca = /ca\n"
				"tls_security_level = 1\n"
				"insecure = true\n"
				"follow_redirects = false\n"
				"[check  two words ]\n"
				"url = http://h/\n" K "check_interval = 7s\n"
				"extra_checks = third:http://t/\n",
		ENV());
	const struct conf_check *check;

	expect_clean(&f);
	ck_assert_uint_eq(f.conf->checks.n_checks, 3);
	check = &f.conf->checks.checks[0];
	ck_assert_str_eq(check->name, "checkout");
	ck_assert_str_eq(check->url, "https://shop.example/healthz");
	ck_assert_uint_eq(check->expect.n_ranges, 2);
	ck_assert_uint_eq(check->expect.ranges[1].first, 204);
	ck_assert_str_eq(check->method, "HEAD");
	ck_assert_int_eq(check->interval_ns, 30000000000);
	ck_assert_int_eq(check->timeout_ns, 1000000000);
	ck_assert_uint_eq(check->headers.n_headers, 2);
	ck_assert_str_eq(check->headers.headers[0].name, "X-A");
	ck_assert_str_eq(check->headers.headers[0].value, "b: c");
	ck_assert_str_eq(check->headers.headers[1].value, "");
	ck_assert_str_eq(check->header_file, "/h");
	ck_assert_str_eq(check->server_name, "shop.test");
	ck_assert_str_eq(check->ca, "/ca");
	ck_assert_int_eq(check->tls_security_level, 1);
	ck_assert(check->insecure && !check->follow_redirects);
	check = &f.conf->checks.checks[1];
	ck_assert_str_eq(check->name, "two words");
	ck_assert_uint_eq(check->expect.n_ranges, 1);
	ck_assert_uint_eq(check->expect.ranges[0].first, 200);
	ck_assert_str_eq(check->method, "GET");
	ck_assert_int_eq(check->interval_ns, 7000000000);
	ck_assert_int_eq(check->timeout_ns, 6000000000);
	ck_assert(!check->insecure && check->follow_redirects);
	ck_assert_int_eq(check->tls_security_level, -1);
	ck_assert_str_eq(f.conf->checks.checks[2].name, "third");
	ck_assert_int_eq(f.conf->checks.checks[2].interval_ns, 7000000000);
	unload(&f);
}
END_TEST

/* N 1.17 */
START_TEST(insecure_of_a_check_follows_the_whole_unless_it_is_set)
{
	struct fixture f = load(K "insecure = true\n"
				  "[check a]\nurl = https://h\n"
				  "[check b]\nurl = https://h\n"
				  "insecure = false\n",
		ENV());

	expect_clean(&f);
	ck_assert(f.conf->checks.checks[0].insecure);
	ck_assert(!f.conf->checks.checks[1].insecure);
	ck_assert_msg(!f.conf->api_server_insecure, "needs a word of its own");
	unload(&f);
}
END_TEST

/* N 1.25 */
START_TEST(the_api_server_is_insecure_by_two_words_only)
{
	struct fixture f = load(K "api_server_insecure = true\n", ENV());

	expect_clean(&f);
	ck_assert(!f.conf->api_server_insecure);
	unload(&f);
	f = load(K "api_server_insecure = true\ninsecure = true\n", ENV());
	expect_clean(&f);
	ck_assert(f.conf->api_server_insecure);
	unload(&f);
}
END_TEST

/* N 1.18 */
START_TEST(neighbours_are_kept_in_order)
{
	struct fixture f = load("[neighbours]\n"
				"neighbour = node-b 192.0.2.7\n"
				"neighbour = node-a\t fd00::1 ; rack 2\n",
		ENV());

	expect_clean(&f);
	ck_assert_uint_eq(f.conf->neighbours.n_neighbours, 2);
	ck_assert_str_eq(f.conf->neighbours.neighbours[0].name, "node-b");
	ck_assert_str_eq(f.conf->neighbours.neighbours[0].address, "192.0.2.7");
	ck_assert_str_eq(f.conf->neighbours.neighbours[1].name, "node-a");
	ck_assert_str_eq(f.conf->neighbours.neighbours[1].address, "fd00::1");
	unload(&f);
}
END_TEST

/* N 1.2, F 1.20 */
START_TEST(every_problem_is_found_in_one_run)
{
	struct fixture f = load("stray = 1\n" /* 1 */
		K "check_interval = 5\n"
				"neighbor_limit = 3\n"
				"; a comment\n"
				"\n"
				"neighbour_limit = 3.0\n" /* 7 */
				"neighbour_limit = 4\n"
				"url = http://h/\n"
				"no equals sign\n"
				"  indented = 1\n"
				"[kubenurs]\n" /* 12 */
				"anything = goes\n"
				"[check x]\n" /* 14 */
				"interval = 1ms\n"
				"[check x]\n"
				"url = nonsense\n"
				"[check me_service]\n" /* 18 */
				"url = ftp://h/\n"
				"url = http://h/\n"
				"[unclosed\n"
				"[neighbours] x\n"
				"[kubenurse]\n" /* 23 */
				"[neighbours]\n"
				"neighbour = a\n"
				"xyzzy = 1",
		ENV((char *)"KUBENURSE_SHUTDOWN_DURATION=1d"));
	static const char *const want[] = {
		"t.ini:1: stray: stands before any section",
		"t.ini:3: check_interval: \"5\" is not a duration; write",
		"t.ini:4: neighbor_limit: unknown key; neighbour_limit is one",
		"t.ini:7: neighbour_limit: \"3.0\" is not an integer",
		"t.ini:8: neighbour_limit: is there twice; remove this one or "
		"that in line 7",
		"t.ini:9: url: is no key of [kubenurse]; it belongs to [check",
		"t.ini:10: is neither a [section] nor KEY = VALUE",
		"t.ini:11: begins with a blank",
		"t.ini:12: [kubenurs]: unknown section; there are",
		"t.ini:13: anything: its section is unknown, and so is",
		"t.ini:14: url: is missing in [check x]",
		"t.ini:15: interval: \"1ms\" is too short; it must be at least "
		"10ms",
		"t.ini:16: [check x]: is there twice, in line 14 too",
		"t.ini:17: url: it does not begin with http:// or",
		"t.ini:18: [check me_service]: has a name of kubenurse's own",
		"t.ini:19: url: the scheme is neither http nor https",
		"t.ini:20: url: is there twice in this section",
		"t.ini:21: the [ of the section is not closed",
		"t.ini:22: something stands behind the ]",
		"t.ini:23: [kubenurse]: is there twice, in line 2 too",
		"t.ini:25: neighbour: \"a\" is not a name and an address",
		"t.ini:26: xyzzy: unknown key; the keys of [neighbours] are",
		"environment: KUBENURSE_SHUTDOWN_DURATION: \"1d\" is not a",
	};
	const size_t n_want = sizeof(want) / sizeof(want[0]);

	for (size_t i = 0; i < n_want; i++)
		expect_error(&f, i, want[i]);
	ck_assert_uint_eq(f.problems.errors.n_all, n_want);
	unload(&f);
}
END_TEST

static const struct {
	const char *ini, *start;
} bad[] = {
	{ K "insecure = True", "t.ini:2: insecure: \"True\" is neither" },
	{ K "KUBENURSE_CHECK_INTERVAL = 7s",
		"t.ini:2: KUBENURSE_CHECK_INTERVAL: is the name of a variable; "
		"in the file write check_interval = 7s under [kubenurse]" },
	{ K "KUBENURSE_CHEK_INTERVAL = 7s",
		"t.ini:2: KUBENURSE_CHEK_INTERVAL: is the name of a variable; "
		"in the file write check_interval = 7s" },
	{ K "HTTP_PROXY = http://u:p@h",
		"t.ini:2: HTTP_PROXY: is the name of a variable; in the file "
		"write http_proxy = VALUE" },
	{ "[check \"shop\"]\nurl = http://h\n",
		"t.ini:1: [check \"shop\"]: a name has no quotation marks; "
		"write [check shop]" },
	{ "[check a]\nurl = \"http://h\"\n",
		"t.ini:2: url: it does not begin with http:// or https://; the "
		"value is in quotation marks" },
	{ K "check_interval = 7s # often",
		"t.ini:2: check_interval: \"7s # often\" is not a duration; "
		"write numbers with units, such as 500ms, 5s or 1m30s; the "
		"value has a # behind a blank, which begins no comment there" },
	{ K "check_interval = '7s'",
		"t.ini:2: check_interval: \"'7s'\" is not a duration; write "
		"numbers with units, such as 500ms, 5s or 1m30s; the value is "
		"in quotation marks" },
	{ "[neighbours]\nnode-a = 10.0.0.1\n",
		"t.ini:2: node-a: unknown key; for a neighbour of this name "
		"write neighbour = node-a 10.0.0.1" },
	{ "[neighbours]\nneighbor = a 10.0.0.1\n",
		"t.ini:2: neighbor: unknown key; neighbour is one" },
	{ K "insecure =", "t.ini:2: insecure: \"\" is neither" },
	{ K "check_interval =", "t.ini:2: check_interval: \"\" is not" },
	{ K "check_interval = 9ms", "t.ini:2: check_interval: \"9ms\" is too" },
	{ K "check_interval = 9999h", "t.ini:2: check_interval: \"9999h\" is" },
	{ K "check_interval = 9999999h", "t.ini:2: check_interval: \"99999" },
	{ K "neighbour_limit = 0x3", "t.ini:2: neighbour_limit: \"0x3\"" },
	{ K "neighbour_limit = 9223372036854775808", "t.ini:2: neighbour_" },
	{ K "neighbour_limit = 1_0", "t.ini:2: neighbour_limit:" },
	{ K "neighbour_limit = -", "t.ini:2: neighbour_limit:" },
	{ K "neighbour_port = 0", "t.ini:2: neighbour_port: \"0\" is not a" },
	{ K "neighbour_port = 65536", "t.ini:2: neighbour_port:" },
	{ K "neighbour_source = pod",
		"t.ini:2: neighbour_source: \"pod\" is not one of pods, dns, "
		"static" },
	{ K "neighbour_source =", "t.ini:2: neighbour_source: \"\" is not" },
	{ K "neighbour_source = dns", "t.ini:2: neighbour_source: dns has no" },
	{ K "neighbour_source = pods", "t.ini:2: neighbour_source: pods has" },
	{ K "namespace = Kube", "t.ini:2: namespace: \"Kube\" is no" },
	{ K "namespace = a/b", "t.ini:2: namespace:" },
	{ K "namespace = -a", "t.ini:2: namespace:" },
	{ K "histogram_buckets =", "t.ini:2: histogram_buckets: \"\" is not" },
	{ K "histogram_buckets = 1,,2", "t.ini:2: histogram_buckets: \"\"" },
	{ K "histogram_buckets = 1,", "t.ini:2: histogram_buckets: \"\"" },
	{ K "histogram_buckets = NaN", "t.ini:2: histogram_buckets: \"NaN\"" },
	{ K "histogram_buckets = -1", "t.ini:2: histogram_buckets: \"-1\"" },
	{ K "histogram_buckets = -Inf", "t.ini:2: histogram_buckets: \"-I" },
	{ K "histogram_buckets = 0x1p-2", "t.ini:2: histogram_buckets: \"0x" },
	{ K "histogram_buckets = 1e400", "t.ini:2: histogram_buckets: \"1e4" },
	{ K "histogram_buckets = 1,1", "t.ini:2: histogram_buckets: \"1\" is" },
	{ K "histogram_buckets = 2,1", "t.ini:2: histogram_buckets: \"1\" is" },
	{ K "histogram_buckets = +Inf,1", "t.ini:2: histogram_buckets: \"1\"" },
	{ K "histogram_buckets = inf,inf", "t.ini:2: histogram_buckets:" },
	{ K "histogram_buckets = _1", "t.ini:2: histogram_buckets: \"_1\"" },
	{ K "histogram_buckets = 1 2", "t.ini:2: histogram_buckets: \"1 2\"" },
	{ K "histogram_buckets = ++1", "t.ini:2: histogram_buckets:" },
	{ K "histogram_buckets = .", "t.ini:2: histogram_buckets:" },
	{ K "histogram_buckets = 1e", "t.ini:2: histogram_buckets:" },
	{ K "= 1", "t.ini:2: is neither a [section] nor KEY = VALUE" },
	{ K "listen =", "t.ini:2: listen: \"\" is no address" },
	{ K "listen = 8080", "t.ini:2: listen: \"8080\" is no address" },
	{ K "listen = localhost:8080", "t.ini:2: listen:" },
	{ K "listen = ::1:8080", "t.ini:2: listen:" },
	{ K "listen = [::1]", "t.ini:2: listen:" },
	{ K "listen = [::1]:", "t.ini:2: listen:" },
	{ K "listen = [1.2.3.4]:80", "t.ini:2: listen:" },
	{ K "listen = [fe80::1%lo]:80", "t.ini:2: listen:" },
	{ K "listen = *:80", "t.ini:2: listen:" },
	{ K "listen = :65536", "t.ini:2: listen:" },
	{ K "listen = :80x", "t.ini:2: listen:" },
	{ K "listen = :80, [::]:80", "t.ini:2: listen: \"[::]:80\" is there" },
	{ K "api_server_host = a/b", "t.ini:2: api_server_host: \"a/b\" is" },
	{ K "api_server_host = a:80", "t.ini:2: api_server_host:" },
	{ K "ingress_url = h/x", "t.ini:2: ingress_url: it does not begin" },
	{ K "ingress_url = http://h:x", "t.ini:2: ingress_url: the port" },
	{ K "http_proxy = socks5://h:1", "t.ini:2: http_proxy: a SOCKS" },
	{ K "http_proxy = https://h:1",
		"t.ini:2: http_proxy: a connection to the proxy by https" },
	{ K "neighbour_service = 10.0.0.1",
		"t.ini:2: neighbour_service: \"10.0.0.1\" is an address; write" },
	{ K "ingress_url = https://https://h",
		"t.ini:2: ingress_url: it has two schemes" },
	{ K "http_proxy = http://HTTP://h",
		"t.ini:2: http_proxy: it has two schemes" },
	{ K "http_proxy = h:x", "t.ini:2: http_proxy: the port" },
	{ K "http_proxy = ftp://h", "t.ini:2: http_proxy: the scheme" },
	{ K "user = a b", "t.ini:2: user: \"a b\" is no user name" },
	{ K "node_name = a\x01", "t.ini:2: node_name: contains a control" },
	{ K "node_name = a\tb", "t.ini:2: node_name: contains a control" },
	{ K "node_name = \xff", "t.ini:2: node_name: contains a control" },
	{ K "node_name = \xed\xa0\x80", "t.ini:2: node_name: contains" },
	{ K "node_name = \xc2\x9b", "t.ini:2: node_name: contains" },
	{ K "node_name = \xf0\x9f", "t.ini:2: node_name: contains" },
	{ K "extra_checks = a", "t.ini:2: extra_checks: item 1 has no colon" },
	{ K "extra_checks = a:http://h|", "t.ini:2: extra_checks: item 2 has" },
	{ K "extra_checks = a:http://h||b:http://h", "t.ini:2: extra_checks:" },
	{ K "extra_checks = a=http://h", "t.ini:2: extra_checks: the URL of "
					 "\"a=http\" is wrong" },
	{ K "extra_checks = a:x|b:y",
		"t.ini:2: extra_checks: the URL of \"a\" is wrong: it does not "
		"begin with http:// or https://; write NAME:http://... or "
		"NAME:https://...; the URL of \"b\"" },
	{ K "extra_checks = a:http://h|a:http://h",
		"t.ini:2: extra_checks: \"a\" is there twice" },
	{ K "extra_checks = path_a:http://h",
		"t.ini:2: extra_checks: \"path_a\" begins with path_" },
	{ K "extra_checks = neighbourhood:http://h", "t.ini:2: extra_checks" },
	{ K "extra_checks = c:http://h\n" C,
		"t.ini:2: extra_checks: \"c\" is" },
	{ K "use_tls = true\ncert_key = k", "t.ini:2: use_tls: there is no "
					    "certificate; set cert_file" },
	{ K "use_tls = true\ncert_file = k", "t.ini:2: use_tls: there is no "
					     "key" },
	{ K "use_tls = true\ncert_file = c\ncert_key = k\n"
	    "listen = :80, [::1]:81\nlisten_tls = [::]:82, [::1]:81",
		"t.ini:6: listen_tls: an address of it is in listen, too" },
	{ K "use_tls = true\ncert_file = c\ncert_key = k\nlisten = :8443",
		"t.ini: listen_tls: an address of it is in listen, too" },
	{ "[check c]\ninterval = 1s", "t.ini:1: url: is missing in [check c]" },
	{ "[check a]\nurl =", "t.ini:2: url: " },
	{ "[check a]\nurl = \nmethod = HEAD", "t.ini:2: url: " },
	{ "[check neighbourhood_state]\nurl = http://h",
		"t.ini:1: [check neighbourhood_state]: has a name" },
	{ "[check path]\nurl = http://h", "t.ini:1: [check path]: has a name" },
	{ "[check]\nurl = http://h", "t.ini:1: [check]: has no name" },
	{ "[check ]\nurl = http://h", "t.ini:1: [check]: has no name" },
	{ "[checkx]\n", "t.ini:1: [checkx]: unknown section" },
	{ "[check a\xff]\nurl = http://h",
		"t.ini:1: [check a\\xff]: the name" },
	{ "[]\n", "t.ini:1: []: unknown section" },
	{ "[check a ;b]\n", "t.ini:1: the [ of the section is not closed" },
	{ C "expect = 200,", "t.ini:3: expect: \"\" is no status" },
	{ C "expect = 20", "t.ini:3: expect: \"20\" is no status" },
	{ C "expect = 100", "t.ini:3: expect: \"100\" is no status" },
	{ C "expect = 1xx", "t.ini:3: expect: \"1xx\" is no status" },
	{ C "expect = 2000", "t.ini:3: expect: \"2000\" is no status" },
	{ C "method = get", "t.ini:3: method: \"get\" is no request method" },
	{ C "method =", "t.ini:3: method: \"\" is no request method" },
	{ C "method = CONNECT", "t.ini:3: method: \"CONNECT\" is no" },
	{ C "timeout = 6m", "t.ini:3: timeout: \"6m\" is too long; it must be "
			    "at most 5m" },
	{ C "header = X", "t.ini:3: header: has no colon; write NAME: VALUE" },
	{ C "header = : x", "t.ini:3: header: has no header name" },
	{ C "header = a b: x", "t.ini:3: header: has no header name" },
	{ C "header = TE: x", "t.ini:3: header: names a header that" },
	{ C "header = Proxy-Authorization: x", "t.ini:3: header: names a" },
	{ C "header = a: \x7f", "t.ini:3: header: contains a control" },
	{ C "tls_security_level = 6",
		"t.ini:3: tls_security_level: \"6\" is too large; it must be at most 5" },
	{ C "tls_security_level = -2",
		"t.ini:3: tls_security_level: \"-2\" is too small; it must be at least -1" },
	{ C "insecure = yes", "t.ini:3: insecure: \"yes\" is neither" },
	{ "[neighbours]\nneighbour = a 1.2.3", "t.ini:2: neighbour: \"a 1.2" },
	{ "[neighbours]\nneighbour = a [::1]", "t.ini:2: neighbour: \"a [::" },
	{ "[neighbours]\nneighbour = a 1.2.3.4 x", "t.ini:2: neighbour: \"a" },
	{ "[neighbours]\nneighbour = a 1.2.3.4\nneighbour = b ::1\n"
	  "neighbour = a ::1",
		"t.ini:4: neighbour: a is there twice, in line 2 too" },
};

/* F 1.35, F 1.37, F 3.17 */
START_TEST(a_bad_value_is_one_problem_at_its_line)
{
	expect_refused(bad[_i].ini, bad[_i].start);
}
END_TEST

START_TEST(many_bad_items_are_told_as_far_as_there_is_room)
{
	struct strbuf ini;
	struct fixture f;

	strbuf_init(&ini, 0);
	strbuf_add_string(&ini, K "extra_checks = a:x");
	for (int i = 0; i < 500; i++)
		strbuf_printf(&ini, "|a%d:x", i);
	f = load(strbuf_text(&ini), ENV());
	expect_error(&f, 0, "t.ini:2: extra_checks: the URL of \"a\" is wrong");
	ck_assert_ptr_nonnull(
		strstr(f.problems.errors.texts[0], "; the URL of \"a0\""));
	ck_assert_ptr_nonnull(
		strstr(f.problems.errors.texts[0], " more are wrong"));
	unload(&f);
	strbuf_fini(&ini);
}
END_TEST

START_TEST(secrets_are_not_quoted)
{
	static const char *const texts[] = {
		K "ingress_url = http://u:SECRET@h:x/",
		K "http_proxy = socks5://u:SECRET@h",
		K "http_proxy = http://u:SECRET@h:x",
		K "extra_checks = a:http://u:SECRET@h:x",
		C "header = Authorization SECRET",
		C "header = a b: SECRET",
		C "header = TE: SECRET",
		C "header = Host: SECRET/",
		"[check c]\nurl = http://u:SECRET@h:x",
		K "authorization SECRET",
		K "authorization SECRET = x",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct fixture f = load(texts[i], ENV());

		ck_assert_uint_eq(f.problems.errors.n_all, 1);
		ck_assert_ptr_null(
			strstr(f.problems.errors.texts[0], "SECRET"));
		unload(&f);
	}
}
END_TEST

/* K 1.36, F 1.37 */
START_TEST(rising_bounds_in_full)
{
	struct fixture f =
		load(K "histogram_buckets = 0,1e-3 , 1_0, +20,Infinity\n"
		       "neighbour_limit = -9223372036854775808\n"
		       "shutdown_duration = 0\n",
			ENV());

	expect_clean(&f);
	ck_assert_uint_eq(f.conf->histogram_buckets.n_bounds, 4);
	ck_assert_double_eq(f.conf->histogram_buckets.bounds_s[1], 0.001);
	ck_assert_double_eq(f.conf->histogram_buckets.bounds_s[2], 10);
	unload(&f);
	f = load(K "histogram_buckets = +Inf\n", ENV());
	expect_clean(&f);
	ck_assert_uint_eq(f.conf->histogram_buckets.n_bounds, 0);
	unload(&f);
}
END_TEST

/* F 1.23 */
START_TEST(bare_base_urls)
{
	static const char *const cases[][2] = {
		{ "http://h", "http://h/alwayshappy" },
		{ "http://h/", "http://h/alwayshappy" },
		{ "http://h/a//", "http://h/a/alwayshappy" },
		{ "http://h/a", "http://h/a/alwayshappy" },
		{ "http://h/?x=/", "http://h/?x=//alwayshappy" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char ini[100];
		struct fixture f;

		snprintf(ini, sizeof(ini), K "service_url = %s", cases[i][0]);
		f = load(ini, ENV());
		expect_clean(&f);
		ck_assert_str_eq(f.conf->me_service_target, cases[i][1]);
		unload(&f);
	}
}
END_TEST

START_TEST(a_base_url_may_become_too_long)
{
	char ini[3000] = K "service_url = http://h/";
	size_t used = strlen(ini);
	struct fixture f;

	memset(ini + used, 'a', 2048 - 9);
	f = load(ini, ENV());
	expect_error(&f, 0,
		"t.ini:2: service_url: with /alwayshappy at its end it is");
	unload(&f);
}
END_TEST

START_TEST(a_value_may_be_longer_than_a_line_of_inih)
{
	char url[2049] = "http://h/", ini[8192];
	struct fixture f;

	/* of every length, so that the pieces end everywhere */
	for (size_t n = 9; n < 2048; n++) {
		url[n] = "abc;d#e=:%41"[n % 12];
		if (n % 7 != 0 && n != 2047)
			continue;
		snprintf(ini, sizeof(ini), "[check c]\nurl = %.*s0 ; x\n",
			(int)n + 1 < 2047 ? (int)n + 1 : 2046, url);
		f = load(ini, ENV());
		if (f.conf == NULL) /* cut within %41 */
			ck_assert_ptr_nonnull(
				strstr(f.problems.errors.texts[0], "%"));
		else
			ck_assert_mem_eq(f.conf->checks.checks[0].url, ini + 16,
				strlen(f.conf->checks.checks[0].url));
		if (f.conf != NULL)
			ck_assert_uint_eq(strlen(f.conf->checks.checks[0].url),
				strcspn(ini + 16, " "));
		unload(&f);
	}
}
END_TEST

START_TEST(long_values_with_blanks_come_back_whole)
{
	char ini[70000] = K "no_proxy = a", *value = ini + 23;
	size_t n;
	struct fixture f;

	for (n = 24; n < 32000; n++)
		ini[n] = n % 11 == 0 || n % 11 == 1 ? ' ' : 'x';
	ini[n++] = 'y';
	strcpy(ini + n, "\nextra_ca = z\ncheck_interval = x\n");
	f = load(ini, ENV());
	expect_error(&f, 0, "t.ini:4: check_interval:");
	unload(&f);
	strcpy(ini + n, "\nextra_ca = z\n");
	f = load(ini, ENV());
	ck_assert_ptr_nonnull(f.conf);
	ck_assert_uint_eq(strlen(f.conf->no_proxy), n - 23);
	ck_assert_mem_eq(f.conf->no_proxy, value, n - 23);
	ck_assert_str_eq(f.conf->extra_ca, "z");
	unload(&f);
}
END_TEST

START_TEST(what_cannot_be_fed_is_refused)
{
	char ini[1000] = K "neighbour_filter = a";
	size_t used = strlen(ini);

	memset(ini + used, ' ', 300);
	strcpy(ini + used + 300, "b\nno_proxy = z\n");
	expect_refused(ini, "t.ini:2: is too long, with too many blanks");
	strcpy(ini, K);
	memset(ini + 12, 'k', 300);
	strcpy(ini + 312, " = 1\n");
	expect_refused(ini, "t.ini:2: is");
	strcpy(ini, "[check ");
	memset(ini + 7, 'k', 300);
	strcpy(ini + 307, "]\nurl = http://h\n");
	expect_refused(ini, "t.ini:1: [check kkkk");
}
END_TEST

START_TEST(long_section_names_are_not_cut)
{
	struct fixture f = load("[check a123456789b123456789c123456789d12345678"
				"9e123456789f]\nurl = http://h\n",
		ENV());

	expect_clean(&f);
	ck_assert_uint_eq(strlen(f.conf->checks.checks[0].name), 51);
	unload(&f);
}
END_TEST

START_TEST(a_value_too_long_altogether)
{
	char *ini = calloc(1, 70000);

	strcpy(ini, K "neighbour_filter = ");
	memset(ini + strlen(ini), 'x', CONF_VALUE_MAX_BYTES + 1);
	expect_refused(
		ini, "t.ini:2: neighbour_filter: is longer than 57344 bytes");
	free(ini);
}
END_TEST

/* What is good here must fit the message to the worker. */
START_TEST(headers_too_long_altogether)
{
	char line[4096 + 2] = "header = X: ";
	struct strbuf ini;

	memset(line + strlen(line), 'y', 4000);
	strbuf_init(&ini, 0);
	strbuf_add_string(&ini, C);
	for (int i = 0; i < 9; i++)
		strbuf_printf(&ini, "%s\n", line);
	expect_refused(strbuf_text(&ini),
		"t.ini:11: header: makes the headers of this check longer");
	strbuf_fini(&ini);
}
END_TEST

START_TEST(line_ends_and_byte_order_marks)
{
	static const char *const texts[] = {
		"\xef\xbb\xbf[kubenurse]\r\nuser = u\r\n",
		K "user = u",
		K "user=u\n",
		K "user : u\n",
		"\n\n# x\n  ; y\n[kubenurse]   ; z\nuser = u\t; z\n",
		"[ kubenurse ]\nuser = u   \n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct fixture f = load(texts[i], ENV());

		expect_clean(&f);
		ck_assert_str_eq(f.conf->user, "u");
		unload(&f);
	}
}
END_TEST

START_TEST(a_semicolon_within_a_word_is_no_comment)
{
	struct fixture f = load(C "header = X: a;b#c #d ;e\n", ENV());

	expect_clean(&f);
	ck_assert_str_eq(
		f.conf->checks.checks[0].headers.headers[0].value, "a;b#c #d");
	unload(&f);
}
END_TEST

START_TEST(a_nul_byte_is_refused)
{
	static const char text[] = K "user = a\0b\n";
	struct fixture f = load_bytes(text, sizeof(text) - 1, ENV(), false);

	expect_error(&f, 0, "t.ini: cannot be read: it contains a NUL byte");
	ck_assert_uint_eq(f.problems.errors.n_all, 1);
	unload(&f);
}
END_TEST

START_TEST(a_huge_file_is_refused)
{
	char *text = malloc(CONF_FILE_MAX_BYTES + 2);
	struct fixture f;

	memset(text, '#', CONF_FILE_MAX_BYTES + 2);
	f = load_bytes(text, CONF_FILE_MAX_BYTES, ENV(), false);
	expect_clean(&f);
	unload(&f);
	f = load_bytes(text, CONF_FILE_MAX_BYTES + 1, ENV(), false);
	expect_error(&f, 0, "t.ini: cannot be read: it is larger than 1 MiB");
	unload(&f);
	free(text);
}
END_TEST

/* A file of a first part and n times a line, into which its number goes. */
static struct fixture
load_lines(const char *first, const char *format, unsigned n)
{
	char *text = NULL;
	size_t n_bytes = 0;
	FILE *stream = open_memstream(&text, &n_bytes);
	struct fixture f;

	fputs(first, stream);
	for (unsigned i = 0; i < n; i++)
		fprintf(stream, format, i);
	fclose(stream);
	f = load(text, ENV());
	free(text);
	return f;
}

START_TEST(everything_has_a_bound)
{
	static const struct {
		const char *first, *format;
		unsigned n_good;
		const char *error;
	} bounds[] = {
		{ C, "header = X%u: y\n", CONF_HEADERS_MAX,
			"t.ini:35: header: is one header too many" },
		{ "", "[check c%u]\nurl = http://h\n", CONF_CHECKS_MAX,
			"t.ini:2001: [check c1000]: is one check too many" },
		{ K "extra_checks = x:http://h\n",
			"[check c%u]\nurl = http://h\n", CONF_CHECKS_MAX - 1,
			"t.ini:2: extra_checks: these and the [check]" },
		{ K "extra_checks = x:http://h", "|%u:http://h",
			CONF_CHECKS_MAX - 1,
			"t.ini:2: extra_checks: item 1001 is one too many" },
		{ K "listen = :1", ",:9%03u", CONF_LISTEN_MAX - 1,
			"t.ini:2: listen: \":9015\" is one address too" },
		{ K "histogram_buckets = 0", ",1%03u", CONF_BUCKETS_MAX - 1,
			"t.ini:2: histogram_buckets: \"1127\" is one bound" },
		{ C "expect = 200", ",3%02u", CONF_STATUS_MAX - 1,
			"t.ini:3: expect: \"331\" is one status too many" },
		{ "[neighbours]\n", "neighbour = n%u ::1\n",
			CONF_NEIGHBOURS_MAX,
			"t.ini:20002: neighbour: \"n20000 ::1\" is one" },
	};

	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		struct fixture f = load_lines(
			bounds[i].first, bounds[i].format, bounds[i].n_good);

		expect_clean(&f);
		unload(&f);
		f = load_lines(bounds[i].first, bounds[i].format,
			bounds[i].n_good + 1);
		expect_error(&f, 0, bounds[i].error);
		unload(&f);
	}
}
END_TEST

START_TEST(problems_without_end_are_counted)
{
	char *text = calloc(1, 3 * 1000 + 1);
	struct fixture f;

	for (size_t i = 0; i < 1000; i++)
		memcpy(text + 3 * i, "a=\n", 3);
	f = load(text, ENV());
	ck_assert_uint_eq(f.problems.errors.n_all, 1000);
	ck_assert_uint_eq(f.problems.errors.n_kept, CONF_PROBLEMS_MAX);
	unload(&f);
	free(text);
}
END_TEST

static struct fixture
load_path(const char *path)
{
	struct conf_input input = {
		.path = path, .envp = ENV(), .host_name = "host"
	};
	struct fixture f;

	conf_problems_init(&f.problems);
	f.conf = conf_load(&input, &f.problems);
	return f;
}

START_TEST(paths_that_cannot_be_read)
{
	char dir[] = "/tmp/test_conf_ini.XXXXXX", path[64], want[128];
	struct fixture f;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	f = load_path(dir);
	snprintf(want, sizeof(want), "%s: is a directory; it must be", dir);
	expect_error(&f, 0, want);
	unload(&f);

	snprintf(path, sizeof(path), "%s/no.ini", dir);
	f = load_path(path);
	snprintf(want, sizeof(want), "%s: cannot be opened: No such", path);
	expect_error(&f, 0, want);
	unload(&f);

	snprintf(path, sizeof(path), "%s/fifo", dir);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	f = load_path(path);
	snprintf(want, sizeof(want), "%s: is a pipe or a device", path);
	expect_error(&f, 0, want);
	unload(&f);
	unlink(path);
	rmdir(dir);
}
END_TEST

START_TEST(a_real_file_is_read)
{
	char path[] = "/tmp/test_conf_ini.XXXXXX";
	int fd = mkstemp(path);
	struct fixture f;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, K "user = u\n", 21), 21);
	close(fd);
	f = load_path(path);
	unlink(path);
	expect_clean(&f);
	ck_assert_str_eq(f.conf->user, "u");
	unload(&f);
}
END_TEST

static struct conf *
load_after(
	const char *path, size_t bytes_before, struct conf_problems *problems)
{
	struct conf_input input = { .path = path,
		.envp = ENV(),
		.host_name = "host",
		.bytes_before = bytes_before };

	conf_problems_init(problems);
	return conf_load(&input, problems);
}

/* A full disk, or an editor in the midst of its work. */
START_TEST(what_became_empty_is_refused)
{
	char path[] = "/tmp/test_conf_XXXXXX";
	int fd = mkstemp(path);
	struct conf_problems problems;
	struct conf *conf;

	ck_assert_int_ge(fd, 0);
	conf = load_after(path, 0, &problems);
	ck_assert_ptr_nonnull(conf);
	ck_assert_uint_eq(conf->file_bytes, 0);
	conf_free(conf);
	ck_assert_ptr_null(load_after(path, 10, &problems));
	ck_assert_uint_eq(problems.errors.n_all, 1);
	ck_assert_ptr_nonnull(strstr(
		problems.errors.texts[0], "is empty, and was not before"));
	conf_problems_fini(&problems);
	ck_assert_int_eq(write(fd, ";\n", 2), 2);
	conf = load_after(path, 10, &problems);
	ck_assert_ptr_nonnull(conf);
	ck_assert_uint_eq(conf->file_bytes, 2);
	conf_free(conf);
	close(fd);
	unlink(path);
}
END_TEST

/* The default file need not be there; one that was is missed. */
START_TEST(what_is_gone_is_refused)
{
	struct conf_problems problems;
	struct conf *conf = load_after(NULL, 0, &problems);

	ck_assert_ptr_nonnull(conf);
	conf_free(conf);
	ck_assert_ptr_null(load_after(NULL, 10, &problems));
	ck_assert_ptr_nonnull(strstr(problems.errors.texts[0], "No such file"));
	conf_problems_fini(&problems);
}
END_TEST

START_TEST(what_was_hardly_meant_in_a_value_is_warned_about)
{
	struct fixture f = load(K "node_name = \"node-a\"\n"
				  "neighbour_filter = app in ('a', 'b')\n"
				  "[check a]\nurl = http://h/ # shop\n"
				  "header = 'X: y'\n"
				  "[check b]\nurl = http://h/#there\n",
		ENV());
	const struct conf_problem_list *list = &f.problems.warnings;

	ck_assert_ptr_nonnull(f.conf);
	ck_assert_str_eq(f.conf->node_name, "\"node-a\"");
	ck_assert_uint_eq(list->n_all, 3);
	ck_assert_str_eq(list->texts[0],
		"t.ini:2: node_name: the value is in quotation marks; that is "
		"part of it, remove it");
	ck_assert_str_eq(list->texts[1],
		"t.ini:5: url: the value has a # behind a blank, which begins "
		"no comment there; that is part of it, remove it");
	ck_assert_ptr_nonnull(strstr(list->texts[2], "t.ini:6: header: the"));
	unload(&f);
}
END_TEST

START_TEST(files_are_looked_at_if_asked_for)
{
	static const char ini[] =
		K "extra_ca = /no/ca.pem\n"
		  "[check a]\nurl = http://h\nca = /tmp\n"
		  "header_file = /no/headers\n[check b]\nurl = http://h\n"
		  "ca = /dev/null\n";
	struct conf_input input = { .path = "t.ini",
		.envp = ENV("KUBENURSE_CERT_FILE=/no/cert"),
		.host_name = "host",
		.check_files = true,
		.user = "someone" };
	struct fixture f = load(ini, ENV());

	ck_assert_ptr_nonnull(f.conf);
	unload(&f);
	input.stream = fmemopen((void *)(uintptr_t)ini, strlen(ini), "r");
	f.conf = conf_load(&input, &f.problems);
	fclose(input.stream);
	expect_error(&f, 0,
		"t.ini:2: extra_ca: \"/no/ca.pem\" cannot be read: No such "
		"file or directory; write the path of a file that user someone");
	expect_error(&f, 1,
		"t.ini:5: ca: \"/tmp\" cannot be read: it is a directory");
	expect_error(&f, 2, "t.ini:6: header_file: \"/no/headers\" cannot");
	expect_error(&f, 3,
		"t.ini:9: ca: \"/dev/null\" cannot be read: it is a pipe or a "
		"device");
	expect_error(&f, 4,
		"environment: KUBENURSE_CERT_FILE: \"/no/cert\" cannot be");
	ck_assert_uint_eq(f.problems.errors.n_all, 5);
	unload(&f);
}
END_TEST

START_TEST(keys_of_a_section_that_is_wrong_are_told)
{
	struct fixture f = load("[shop]\ntimeout = 5s\nshop = 1\n"
				"KUBENURSE_INSECURE = true\n"
				"[check a]\nurl = http://h\n"
				"[check a]\nurl = http://h\ntimeout = soon\n" K
				"log_level = info\n" K "log_level = info\n"
				"insecure = perhaps\n",
		ENV());
	static const char *const want[] = {
		"t.ini:1: [shop]: unknown section; there are [kubenurse], ",
		"t.ini:2: timeout: its section is unknown; it belongs to "
		"[check NAME]",
		"t.ini:3: shop: its section is unknown, and so is this key",
		"t.ini:4: KUBENURSE_INSECURE: is the name of a variable; in ",
		"t.ini:7: [check a]: is there twice, in line 5 too; choose ",
		"t.ini:9: timeout: \"soon\" is not a duration",
		"t.ini:12: [kubenurse]: is there twice, in line 10 too; join",
		"t.ini:13: log_level: is there twice; remove this one or that "
		"in line 11",
		"t.ini:14: insecure: \"perhaps\" is neither",
	};
	const size_t n_want = sizeof(want) / sizeof(want[0]);

	for (size_t i = 0; i < n_want; i++)
		expect_error(&f, i, want[i]);
	ck_assert_uint_eq(f.problems.errors.n_all, n_want);
	unload(&f);
}
END_TEST

START_TEST(unused_neighbours_are_a_warning)
{
	struct fixture f = load(K "neighbour_source = dns\n"
				  "neighbour_service = s\n"
				  "[neighbours]\nneighbour = a ::1\n",
		ENV());

	ck_assert_ptr_nonnull(f.conf);
	ck_assert_uint_eq(f.problems.warnings.n_all, 1);
	ck_assert_str_eq(f.problems.warnings.texts[0],
		"t.ini:5: neighbour: is not used; set neighbour_source = "
		"static");
	unload(&f);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_test(tcase, every_key_reaches_its_field);
	tcase_add_test(tcase, every_list_reaches_its_field);
	tcase_add_test(tcase, an_empty_file_gives_the_defaults);
	tcase_add_test(tcase, a_check_section_in_full);
	tcase_add_test(
		tcase, insecure_of_a_check_follows_the_whole_unless_it_is_set);
	tcase_add_test(tcase, the_api_server_is_insecure_by_two_words_only);
	tcase_add_test(tcase, neighbours_are_kept_in_order);
	tcase_add_test(tcase, every_problem_is_found_in_one_run);
	tcase_add_loop_test(tcase, a_bad_value_is_one_problem_at_its_line, 0,
		(int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(tcase, many_bad_items_are_told_as_far_as_there_is_room);
	tcase_add_test(tcase, secrets_are_not_quoted);
	tcase_add_test(tcase, rising_bounds_in_full);
	tcase_add_test(tcase, bare_base_urls);
	tcase_add_test(tcase, a_base_url_may_become_too_long);
	tcase_add_test(tcase, a_value_may_be_longer_than_a_line_of_inih);
	tcase_add_test(tcase, long_values_with_blanks_come_back_whole);
	tcase_add_test(tcase, what_cannot_be_fed_is_refused);
	tcase_add_test(tcase, long_section_names_are_not_cut);
	tcase_add_test(tcase, a_value_too_long_altogether);
	tcase_add_test(tcase, headers_too_long_altogether);
	tcase_add_test(tcase, line_ends_and_byte_order_marks);
	tcase_add_test(tcase, a_semicolon_within_a_word_is_no_comment);
	tcase_add_test(tcase, a_nul_byte_is_refused);
	tcase_add_test(tcase, a_huge_file_is_refused);
	tcase_add_test(tcase, everything_has_a_bound);
	tcase_add_test(tcase, problems_without_end_are_counted);
	tcase_add_test(tcase, paths_that_cannot_be_read);
	tcase_add_test(tcase, a_real_file_is_read);
	tcase_add_test(tcase, unused_neighbours_are_a_warning);
	tcase_add_test(tcase, keys_of_a_section_that_is_wrong_are_told);
	tcase_add_test(tcase, what_became_empty_is_refused);
	tcase_add_test(tcase, what_is_gone_is_refused);
	tcase_add_test(tcase, what_was_hardly_meant_in_a_value_is_warned_about);
	tcase_add_test(tcase, files_are_looked_at_if_asked_for);
}

int
main(void)
{
	return run_tests("conf_ini", add_tests);
}
