/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the configuration accepts, a worker can use.  Each key has a row here
 * that says what its worker does with it; each row gets every value below.
 */
#include "common/control.h"
#include "common/strbuf.h"
#include "common/url.h"
#include "supervisor/conf_table.h"
#include "tests/unit/conf_fixture.h"
#include "workers/discovery/list_watch.h"
#include "workers/discovery/query.h"
#include "workers/http_request.h"
#include "workers/proxy.h"
#include "workers/resolver.h"

#include <arpa/inet.h>
#include <limits.h>

static char longest[CONF_VALUE_MAX_BYTES + 2];

/* Of each kind of value some that are good, and what comes close to it. */
static const char *const values[] = {
	"",
	" ",
	"x",
	"true",
	"false",
	"yes",
	"0",
	"1",
	"-1",
	"10",
	"65535",
	"65536",
	"9223372036854775807",
	"9223372036854775808",
	"5s",
	"1ms",
	"8760h",
	"9000h",
	"5m",
	"0.5",
	".005,.01",
	"1,1",
	"+Inf",
	"200",
	"200,204,301",
	"100",
	"600",
	"999",
	"2xx",
	"200-299",
	"GET",
	"HEAD",
	"get",
	"CONNECT",
	"PROPFIND",
	"GE T",
	"pods",
	"dns",
	"static",
	"auto",
	"require",
	"off",
	"info",
	"debug",
	"json",
	"logfmt",
	"nobody",
	"*",
	/* names, addresses and lists of them */
	"h",
	"h.example.",
	"-h-",
	"a_b",
	"a..b",
	".a",
	"a.",
	"b\xc3\xbc"
	"cher.example",
	"xn--bcher-kva.example",
	"10.0.0.1",
	"127.1",
	"::1",
	"[::1]",
	"[::1]:80",
	"fe80::1%lo",
	"node 10.0.0.1",
	"node fe80::1%lo",
	"node\t2001:db8::1",
	":8080",
	"127.0.0.1:0",
	"[::]:8443,:80",
	"a,b:80,10.0.0.0/8,*.x,.y",
	"app=kubenurse",
	"app in (a,b),!c",
	/* URLs */
	"http://h",
	"https://h:443/p?q#f",
	"HTTP://H/%41",
	"http://h:0",
	"http://h:99999",
	"http://h:",
	"http:h",
	"//h",
	"http://u:p@h/",
	"http://u%3a:%ff@h",
	"http://%00@h",
	"http://u\"@h",
	"http://h/a b",
	"http://h/%zz",
	"http://h/?q=%zz",
	"http://[::1]:80",
	"http://[::1",
	"http://[fe80::1%25lo]/",
	"http://b\xc3\xbc"
	"cher.example:3128",
	"b\xc3\xbc"
	"cher.example:3128",
	"http://\xc3\x9f.example/\xc3\xbc",
	"h:3128",
	"u:p@h:3128",
	"https://https://h",
	"http://http://h",
	"https://h:3128",
	"socks5://h:1080",
	"ftp://h/",
	"h",
	"h:",
	"unix:///run/x",
	"unix:///run/x:/a?b",
	"unix:///run/ x",
	"unix:///a;b",
	"unix:///a#b",
	"unix:///",
	"unix://run/x",
	"a:unix:///run/x",
	"file:///etc/x",
	/* headers, files and extra checks */
	"A: b",
	"A:",
	": b",
	"A b: c",
	"Host: h",
	"Content-Length: 1",
	"Authorization: Bearer x",
	"A: \xc3\xbc",
	"A: b\tc",
	"A",
	"/dev/null",
	"relative",
	"/no such file",
	"a:http://h",
	"a:http://h|b:https://i/?q",
	":http://h",
	"a:http://h|a:http://i",
	"a b:http://h",
	"a:https://https:"
	"//h",
	"a:b",
};

/* Texts of so many bytes; they begin like a URL, a name and a list. */
static const size_t lengths[] = { 63, 64, 253, 254, 255, 256, 680, 1000, 2030,
	2040, 2048, 2049, 4095, 4096, 16384, 32767, 40000, CONF_VALUE_MAX_BYTES,
	CONF_VALUE_MAX_BYTES + 1 };
static const struct {
	const char *start, *repeated;
} forms[] = {
	{ "", "a" },
	{ "", "abcdefghi." },
	{ "", "a," },
	{ "", "," },
	{ "", "\xc3\xbc" },
	{ "http://h/", "a" },
	{ "http://h/", "\"" },
	{ "http://h/?", "q" },
	{ "http://", "abcdefghi." },
	{ "http://", "!" },
	{ "h:3128/", "a" },
	{ "A: ", "b" },
	{ "n:http://h/", "p" },
	{ "app in (", "a," },
	{ "/", "p/" },
};

static bool
can_ask(const char *url_text, const char *method, const char *origin,
	const struct conf_check *check)
{
	static char head[CONTROL_MAX_BYTES];
	struct http_header headers[CONF_HEADERS_MAX];
	const char *error;
	struct url url;
	struct http_request request = {
		.method = method,
		.host = url.host,
		.port = url.port_text,
		.version = "2",
		.neighbour_origin = origin,
		.headers = headers,
		.n_headers = check != NULL ? check->headers.n_headers : 0,
	};

	if ((check != NULL ? url_parse_check : url_parse)(
		    &url, url_text, &error) != 0)
		return false;
	if (url.family == AF_UNIX)
		request.server_name = "localhost";
	if (check != NULL && check->server_name[0] != '\0')
		request.server_name = check->server_name;
	request.target = url.target;
	for (size_t i = 0; i < request.n_headers; i++) {
		headers[i].name = check->headers.headers[i].name;
		headers[i].value = check->headers.headers[i].value;
	}
	return http_request_format(head, sizeof(head), &request) > 0;
}

static bool
fits_message(const struct control_message *message)
{
	static unsigned char bytes[CONTROL_MAX_BYTES];

	return control_encode(message, bytes, sizeof(bytes)) > 0;
}

static bool
checks_work(const struct conf *conf)
{
	for (size_t i = 0; i < conf->checks.n_checks; i++) {
		const struct conf_check *check = &conf->checks.checks[i];
		struct control_message message = { .kind = CONTROL_TARGET };

		message.body.target = (struct control_target){
			.label = check->name,
			.url = check->url,
			.method = check->method,
			.origin = conf->pod_name,
			.server_name = check->server_name,
			.headers = check->headers.n_headers > 0
					   ? check->headers.headers[0].value
					   : "",
			.expect_count = (uint32_t)check->expect.n_ranges,
			.interval_ns = (uint64_t)check->interval_ns,
			.timeout_ns = (uint64_t)check->timeout_ns,
		};
		if (!fits_message(&message) || check->interval_ns <= 0 ||
			check->timeout_ns <= 0 ||
			check->expect.n_ranges > CONTROL_MAX_EXPECT ||
			!can_ask(check->url, check->method, NULL, check))
			return false;
	}
	return true;
}

static bool
ingress_works(const struct conf *conf)
{
	return conf->me_ingress_target[0] == '\0' ||
	       can_ask(conf->me_ingress_target, "GET", NULL, NULL);
}

static bool
service_works(const struct conf *conf)
{
	return conf->me_service_target[0] == '\0' ||
	       can_ask(conf->me_service_target, "GET", NULL, NULL);
}

/* The sealed file of the nursery, as full as it may become. */
static bool
settings_work(const struct conf *conf)
{
	static unsigned char bytes[CONTROL_MAX_BYTES];
	static char path[PATH_MAX], url[URL_MAX_BYTES + 1];
	struct control_nursery settings = {
		.api_host = conf->api_server_host,
		.api_port = conf->api_server_port,
		.api_dns = conf->api_server_dns,
		.api_direct_url = conf->api_server_direct_target,
		.api_dns_url = conf->api_server_dns_target,
		.http_proxy = url,
		.https_proxy = url,
		.no_proxy = conf->no_proxy,
		.token_path = path,
		.service_ca_path = path,
		.extra_ca_path = path,
	};

	memset(path, 'p', sizeof(path) - 1);
	memset(url, 'u', sizeof(url) - 1);
	return strlen(conf->extra_ca) < sizeof(path) &&
	       strlen(conf->http_proxy) < sizeof(url) &&
	       strlen(conf->https_proxy) < sizeof(url) &&
	       control_encode_nursery(&settings, bytes, sizeof(bytes)) > 0;
}

static bool
api_server_works(const struct conf *conf)
{
	return settings_work(conf) &&
	       (conf->api_server_direct_target[0] == '\0' ||
		       can_ask(conf->api_server_direct_target, "GET", NULL,
			       NULL)) &&
	       (conf->api_server_dns_target[0] == '\0' ||
		       can_ask(conf->api_server_dns_target, "GET", NULL, NULL));
}

static bool
proxies_work(const struct conf *conf)
{
	struct proxy_config config;
	bool works;

	if (proxy_config_init(&config, conf->http_proxy, conf->https_proxy,
		    conf->no_proxy) != 0)
		return false;
	works = config.http.kind == (conf->http_proxy[0] != '\0'
						    ? PROXY_HTTP
						    : PROXY_NONE) &&
		config.https.kind == (conf->https_proxy[0] != '\0'
						     ? PROXY_HTTP
						     : PROXY_NONE);
	proxy_config_fini(&config);
	return works && settings_work(conf);
}

/* The request of a list must fit, and the message to the worker. */
static bool
discovery_works(const struct conf *conf)
{
	enum { REST_BYTES = 400 }; /* the path and the other parameters */
	const struct list_watch *watch = NULL;
	struct control_message message = { .kind = CONTROL_DISCOVERY };
	unsigned char address[sizeof(struct in6_addr)];
	struct strbuf query;
	bool fits;

	message.body.discovery = (struct control_discovery){
		.namespace_name = conf->namespace,
		.selector = conf->neighbour_filter,
		.service = conf->neighbour_service,
		.pod_name = conf->pod_name,
		.node_name = conf->node_name,
	};
	strbuf_init(&query, 0);
	query_add_encoded(&query, conf->neighbour_filter);
	query_add_encoded(&query, conf->namespace);
	fits = query.len_bytes + REST_BYTES < sizeof(watch->target);
	strbuf_fini(&query);
	return fits && fits_message(&message) &&
	       strlen(conf->neighbour_service) <= RESOLVER_HOST_CHARS_MAX &&
	       inet_pton(AF_INET, conf->neighbour_service, address) != 1 &&
	       inet_pton(AF_INET6, conf->neighbour_service, address) != 1;
}

static bool
origin_works(const struct conf *conf)
{
	return discovery_works(conf) &&
	       can_ask("http://h/alwayshappy", "GET", conf->pod_name, NULL);
}

static bool
neighbours_work(const struct conf *conf)
{
	for (size_t i = 0; i < conf->neighbours.n_neighbours; i++) {
		struct control_message message = { .kind = CONTROL_NEIGHBOUR };
		unsigned char address[sizeof(struct in6_addr)];

		message.body.neighbour = (struct control_neighbour){
			.name = conf->neighbours.neighbours[i].name,
			.address = conf->neighbours.neighbours[i].address,
		};
		if (!fits_message(&message) ||
			(inet_pton(AF_INET, message.body.neighbour.address,
				 address) != 1 &&
				inet_pton(AF_INET6,
					message.body.neighbour.address,
					address) != 1))
			return false;
	}
	return true;
}

/* Only the supervisor looks at it, or it is a number or a word. */
static bool
no_worker(const struct conf *conf)
{
	return checks_work(conf);
}

static const struct {
	const char *name;
	bool (*works)(const struct conf *conf);
} kubenurse_rows[] = {
	{ "ingress_url", ingress_works },
	{ "service_url", service_works },
	{ "extra_checks", checks_work },
	{ "check_api_server_direct", no_worker },
	{ "check_api_server_dns", no_worker },
	{ "check_me_ingress", no_worker },
	{ "check_me_service", no_worker },
	{ "check_neighbourhood", no_worker },
	{ "check_interval", no_worker },
	{ "shutdown_duration", no_worker },
	{ "reuse_connections", no_worker },
	{ "insecure", no_worker },
	{ "extra_ca", settings_work },
	{ "api_server_host", api_server_works },
	{ "api_server_port", api_server_works },
	{ "api_server_dns", api_server_works },
	{ "api_server_insecure", no_worker },
	{ "neighbour_source", no_worker },
	{ "namespace", discovery_works },
	{ "neighbour_filter", discovery_works },
	{ "neighbour_limit", no_worker },
	{ "neighbour_port", no_worker },
	{ "neighbour_service", discovery_works },
	{ "allow_unschedulable", no_worker },
	{ "node_name", discovery_works },
	{ "pod_name", origin_works },
	{ "listen", no_worker },
	{ "listen_tls", no_worker },
	{ "use_tls", no_worker },
	{ "cert_file", no_worker },
	{ "cert_key", no_worker },
	{ "ready_follows_cordon", no_worker },
	{ "histogram_buckets", no_worker },
	{ "victoriametrics_histogram", no_worker },
	{ "expose_metadata", no_worker },
	{ "legacy_metrics", no_worker },
	{ "neighbour_detail", no_worker },
	{ "series_ttl", no_worker },
	{ "http_proxy", proxies_work },
	{ "https_proxy", proxies_work },
	{ "no_proxy", proxies_work },
	{ "sandbox", no_worker },
	{ "user", no_worker },
	{ "log_level", no_worker },
	{ "log_format", no_worker },
};

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* All keys of the other sections are a matter of their worker. */
static bool
works(const struct conf_key *key, const struct conf *conf)
{
	if (key->section == CONF_SECTION_CHECK)
		return checks_work(conf);
	if (key->section == CONF_SECTION_NEIGHBOURS)
		return neighbours_work(conf);
	for (size_t i = 0; i < N_OF(kubenurse_rows); i++) {
		if (strcmp(kubenurse_rows[i].name, key->name) == 0)
			return kubenurse_rows[i].works(conf);
	}
	ck_abort_msg("%s: has no row in this test", key->name);
	return false;
}

static char *
print(const struct conf *conf)
{
	char *text = NULL;
	size_t n_bytes;
	FILE *stream = open_memstream(&text, &n_bytes);

	ck_assert_ptr_nonnull(stream);
	ck_assert_int_eq(conf_print(conf, stream), 0);
	fclose(stream);
	return text;
}

/* What --print-config says of it loads to the same. */
static void
expect_it_prints(const struct conf_key *key, const struct conf *conf)
{
	char *first = print(conf), *second;
	struct fixture back = load(first, ENV());

	if (back.conf == NULL)
		ck_abort_msg("%s: cannot be read back: %s", key->name,
			back.problems.errors.texts[0]);
	second = print(back.conf);
	ck_assert_msg(
		strcmp(first, second) == 0, "%s: prints otherwise", key->name);
	free(first);
	free(second);
	unload(&back);
}

/* True: it was accepted. */
static bool
try_value(const struct conf_key *key, const char *value)
{
	bool is_check = key->section == CONF_SECTION_CHECK;
	bool is_url = is_check && strcmp(key->name, "url") == 0;
	struct fixture f;
	char *ini = NULL;
	bool accepted;

	ck_assert(
		asprintf(&ini, "[%s]\n%s%s = %s\n",
			is_check ? "check a" : conf_section_title(key->section),
			is_check && !is_url ? "url = http://h/\n" : "",
			key->name, value) > 0);
	f = load(ini, ENV());
	accepted = f.conf != NULL;
	if (accepted) {
		ck_assert_msg(works(key, f.conf),
			"%s = %.80s (%zu bytes): accepted, but no worker can "
			"use it",
			key->name, value, strlen(value));
		expect_it_prints(key, f.conf);
	}
	free(ini);
	unload(&f);
	return accepted;
}

static const char *
long_value(size_t form, size_t n_bytes)
{
	const char *repeated = forms[form].repeated;
	size_t n = strlen(forms[form].start);

	strcpy(longest, forms[form].start);
	while (n + strlen(repeated) <= n_bytes) {
		strcpy(longest + n, repeated);
		n += strlen(repeated);
	}
	return longest;
}

START_TEST(what_the_configuration_accepts_a_worker_can_use)
{
	const struct conf_key *key = &conf_keys[_i];
	size_t n_accepted = 0;

	for (size_t i = 0; i < N_OF(values); i++)
		n_accepted += try_value(key, values[i]);
	for (size_t form = 0; form < N_OF(forms); form++)
		for (size_t i = 0; i < N_OF(lengths); i++)
			n_accepted +=
				try_value(key, long_value(form, lengths[i]));
	/* use_tls = true alone is not enough */
	ck_assert_msg(n_accepted > 0, "%s: no value is good", key->name);
}
END_TEST

static const struct {
	const char *item;
	const char *matched; /* a host; NULL: none, and that is said */
	uint16_t port;
} no_proxy_items[] = {
	{ "*", "h", 80 },
	{ "h", "h", 80 },
	{ " h ", "h", 80 },
	{ "h:", "h", 80 },
	{ "h:81", "h", 81 },
	{ ".example.com", "a.example.com", 80 },
	{ "*.example.com", "a.example.com", 80 },
	{ "a_b.", "a_b.", 80 },
	{ "10.0.0.1", "10.0.0.1", 80 },
	{ "10.0.0.1:81", "10.0.0.1", 81 },
	{ "10.0.0.0/8", "10.1.2.3", 80 },
	{ "fd00::1", "fd00::1", 80 },
	{ "fd00::/8", "fd00::1", 80 },
	{ "[fd00::1]:81", "fd00::1", 81 },
	{ "http://h", NULL, 0 },
	{ "h/path", NULL, 0 },
	{ "h g", NULL, 0 },
	{ "\"h\"", NULL, 0 },
	{ "h:http", NULL, 0 },
	{ "h:080", NULL, 0 },
	{ "h:0", NULL, 0 },
	{ "h:80:81", NULL, 0 },
	{ "*h", NULL, 0 },
	{ "a.*.h", NULL, 0 },
	{ ".", "a_b.", 80 },
	{ ":80", NULL, 0 },
	{ "a..h", NULL, 0 },
	{ "b\xc3\xbc"
	  "cher.example",
		NULL, 0 },
	{ "10.", NULL, 0 },
	{ "10.1", NULL, 0 },
	{ "10.1.*", NULL, 0 },
	{ "10.0.0.0/33", NULL, 0 },
	{ "10.0/8", NULL, 0 },
	{ "10.0.0.0/", NULL, 0 },
	{ "10.0.0.0/8:80", NULL, 0 },
	{ "[fd00::1]", NULL, 0 },
	{ "fd00::/129", NULL, 0 },
};

/* Those that are warned about match none of the hosts of the others. */
START_TEST(an_item_of_no_proxy_matches_or_is_warned_about)
{
	const char *item = no_proxy_items[_i].item;
	const char *matched = no_proxy_items[_i].matched;
	struct proxy_config config;
	struct fixture f;
	char env[100];

	snprintf(env, sizeof(env), "NO_PROXY=x.test,%s,", item);
	f = load("", ENV(env));
	ck_assert_ptr_nonnull(f.conf);
	ck_assert_msg(
		f.problems.warnings.n_all == (matched == NULL), "%s", item);
	unload(&f);
	ck_assert_int_eq(proxy_config_init(&config, "p", NULL, item), 0);
	if (matched != NULL)
		ck_assert_ptr_null(proxy_choose(
			&config, false, matched, no_proxy_items[_i].port));
	for (size_t i = 0; matched == NULL && i < N_OF(no_proxy_items); i++) {
		const char *host = no_proxy_items[i].matched;

		if (host != NULL)
			ck_assert_msg(proxy_choose(&config, false, host,
					      no_proxy_items[i].port) != NULL,
				"%s matches %s", item, host);
	}
	proxy_config_fini(&config);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase,
		an_item_of_no_proxy_matches_or_is_warned_about, 0,
		(int)N_OF(no_proxy_items));
	tcase_add_loop_test(tcase,
		what_the_configuration_accepts_a_worker_can_use, 0,
		(int)conf_n_keys);
}

int
main(void)
{
	return run_tests("conf_accepted", add_tests);
}
