/* SPDX-License-Identifier: Apache-2.0 */
/* The resolver against scripted nameservers on loopback. */
#include "workers/resolver.h"

#include "common/clock.h"
#include "fake_dns.h"

#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define A    DNS_TEST_A
#define AAAA DNS_TEST_AAAA
enum { DNS_TEST_A = 1, DNS_TEST_AAAA = 28 };

#define CONTEXT_ID 77u
#define AT_FIRST   " (nameserver 127.0.0.1:%u)"
#define LONG_NS    (600 * NS_PER_S) /* never reached */
#define SHORT_NS   (200 * NS_PER_MS)

enum reaction { REACT_NONE, REACT_CANCEL, REACT_RESTART, REACT_GO_ON };

struct client {
	struct resolver_query query;
	struct {
		enum dns_result result;
		size_t count;
		struct resolver_address first;
		uint64_t answered_mono_ns;
		unsigned order; /* 0: not told */
	} told[RESOLVER_FAMILY_COUNT];
	unsigned told_count;
	unsigned done_count;
	bool answered; /* what resolver_go_on said */
	enum reaction on_answer, on_done;
};

struct seen {
	char nameserver[80];
	uint64_t duration_ns;
	enum dns_result result;
};

static struct loop *loop;
static struct fake_dns server, second;
static struct resolver *resolver;
static char directory[] = "/tmp/test_resolver.XXXXXX";
static char hosts_path[64], conf_path[64];
static struct seen seen[64];
static unsigned seen_count;
static struct {
	struct dns_late last;
	char text[DNS_TEXT_BYTES];
	unsigned failed_count, ended_count;
} late;
static int open_fds_before;

static int
count_open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static void
set_up(void)
{
	open_fds_before = count_open_fds();
	strcpy(directory, "/tmp/test_resolver.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(hosts_path, sizeof(hosts_path), "%s/hosts", directory);
	snprintf(conf_path, sizeof(conf_path), "%s/resolv.conf", directory);
	write_file(hosts_path, "");
	/* no search list from the host name of this machine */
	write_file(conf_path, "search .\n");
	loop = loop_new();
	ck_assert_ptr_nonnull(loop);
	resolver = NULL;
	seen_count = 0;
	memset(&late, 0, sizeof(late));
	server.loop = second.loop = NULL;
}

static void
tear_down(void)
{
	resolver_free(resolver);
	if (server.loop != NULL)
		fake_dns_close(&server);
	if (second.loop != NULL)
		fake_dns_close(&second);
	loop_free(loop);
	unlink(hosts_path);
	unlink(conf_path);
	rmdir(directory);
	ck_assert_int_eq(count_open_fds(), open_fds_before);
}

static void
on_server_answer(void *arg, uint32_t context_id, const char *nameserver,
	uint64_t duration_ns, enum dns_result result)
{
	struct seen *s = &seen[seen_count++];

	ck_assert_ptr_eq(arg, &seen_count);
	ck_assert_uint_eq(context_id, CONTEXT_ID);
	ck_assert_uint_le(seen_count, 64);
	snprintf(s->nameserver, sizeof(s->nameserver), "%s", nameserver);
	s->duration_ns = duration_ns;
	s->result = result;
}

static void
on_late(void *arg, uint32_t context_id, const struct dns_late *told)
{
	ck_assert_ptr_eq(arg, &seen_count);
	ck_assert_uint_eq(context_id, CONTEXT_ID);
	late.last = *told;
	snprintf(late.text, sizeof(late.text), "%s", told->text);
	late.failed_count += told->failed && !told->ended;
	late.ended_count += told->ended;
}

static unsigned
count_seen(enum dns_result result)
{
	unsigned count = 0;

	for (unsigned i = 0; i < seen_count; i++)
		count += seen[i].result == result;
	return count;
}

static void
open_resolver(const char *servers, uint64_t timeout_ns)
{
	const struct resolver_options options = {
		.resolv_conf_path = conf_path,
		.hosts_path = hosts_path,
		.servers = servers,
		.timeout_ns = timeout_ns,
		.on_server_answer = on_server_answer,
		.on_late = on_late,
		.callback_arg = &seen_count,
	};

	resolver = resolver_new(loop, &options);
	ck_assert_ptr_nonnull(resolver);
}

/* One scripted server, and a resolver that knows it alone. */
static void
open_both(const struct fake_rule *rules)
{
	char servers[64];

	fake_dns_open(&server, loop, "127.0.0.1", rules);
	snprintf(servers, sizeof(servers), "127.0.0.1:%u", server.port);
	open_resolver(servers, LONG_NS);
}

static void
react(struct resolver_query *query, enum reaction reaction)
{
	switch (reaction) {
	case REACT_NONE:
		break;
	case REACT_CANCEL:
		resolver_cancel(query);
		memset(query, 0xee, sizeof(*query)); /* reused at once */
		break;
	case REACT_RESTART:
		resolver_cancel(query);
		ck_assert_int_eq(
			resolver_start(resolver, query, "again.test"), 0);
		break;
	case REACT_GO_ON:
		LOOP_OWNER(query, struct client, query)->answered =
			resolver_go_on(query);
		break;
	}
}

static void
on_answer(struct resolver_query *query, const struct resolver_answer *answer)
{
	struct client *c = LOOP_OWNER(query, struct client, query);
	enum reaction reaction = c->on_answer;

	ck_assert_uint_eq(c->told[answer->family].order, 0);
	c->told[answer->family].order = ++c->told_count;
	c->told[answer->family].result = answer->result;
	c->told[answer->family].count = answer->address_count;
	c->told[answer->family].answered_mono_ns = answer->answered_mono_ns;
	if (answer->address_count > 0)
		c->told[answer->family].first = answer->addresses[0];
	c->on_answer = REACT_NONE;
	if (reaction == REACT_RESTART) {
		memset(c->told, 0, sizeof(c->told));
		c->told_count = 0;
	}
	react(query, reaction);
}

static void
on_done(struct resolver_query *query)
{
	struct client *c = LOOP_OWNER(query, struct client, query);

	c->done_count++;
	react(query, c->on_done);
}

static void
start(struct client *c, const char *host)
{
	memset(c, 0, sizeof(*c));
	c->query.context_id = CONTEXT_ID;
	c->query.on_answer = on_answer;
	c->query.on_done = on_done;
	ck_assert_int_eq(resolver_start(resolver, &c->query, host), 0);
	ck_assert_uint_eq(c->told_count, 0);
	ck_assert_uint_eq(c->done_count, 0);
}

static void
run_until_done(struct client *c)
{
	while (c->done_count == 0)
		ck_assert_int_eq(loop_turn(loop, NS_PER_S), 0);
}

static void
resolve(struct client *c, const char *host)
{
	start(c, host);
	run_until_done(c);
	ck_assert_uint_eq(c->done_count, 1);
	ck_assert_uint_eq(c->told_count, 2);
}

/* Turns the loop while something is ready at once. */
static void
settle(void)
{
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(loop_turn(loop, 0), 0);
}

static void
run_until_asked(const struct fake_dns *dns, unsigned count)
{
	while (dns->log_count < count)
		ck_assert_int_eq(loop_turn(loop, NS_PER_S), 0);
	settle();
}

/* In what is expected %u stands for the port of the first server. */
static void
expect_text(const char *text, const char *format)
{
	const char *at = strstr(format, "%u");
	char expected[DNS_TEXT_BYTES];

	if (at == NULL)
		snprintf(expected, sizeof(expected), "%s", format);
	else
		snprintf(expected, sizeof(expected), "%.*s%u%s",
			(int)(at - format), format, server.port, at + 2);
	ck_assert_str_eq(text, expected);
}

static void
expect_error(const struct client *c, const char *expected)
{
	char text[DNS_TEXT_BYTES];

	resolver_format_error(&c->query, text);
	expect_text(text, expected);
}

static void
expect_both(const struct client *c, enum dns_result result)
{
	for (int i = 0; i < RESOLVER_FAMILY_COUNT; i++) {
		ck_assert_int_eq(c->told[i].result, result);
		ck_assert_uint_eq(c->told[i].count, 0);
	}
	ck_assert_int_eq(resolver_result(&c->query), result);
}

START_TEST(both_families_are_asked_and_told)
{
	static const struct fake_rule rules[] = {
		{ "x.test", A, FAKE_ADDRESSES, 3 },
		{ "x.test", AAAA, FAKE_ADDRESSES, 2 },
		{ NULL, 0, FAKE_NXDOMAIN, 0 },
	};
	uint64_t before_ns = clock_mono_ns();
	struct client c;
	char name[64];

	open_both(rules);
	resolve(&c, "x.test");
	ck_assert_int_eq(c.told[RESOLVER_IPV4].result, DNS_OK);
	ck_assert_uint_eq(c.told[RESOLVER_IPV4].count, 3);
	ck_assert_int_eq(c.told[RESOLVER_IPV4].first.family, AF_INET);
	ck_assert_uint_eq(c.told[RESOLVER_IPV4].first.ipv4.s_addr,
		inet_addr("192.0.2.1"));
	ck_assert_uint_eq(c.told[RESOLVER_IPV6].count, 2);
	ck_assert_int_eq(c.told[RESOLVER_IPV6].first.family, AF_INET6);
	ck_assert_uint_eq(c.told[RESOLVER_IPV6].first.ipv6.s6_addr[15], 1);
	ck_assert_uint_ge(c.told[RESOLVER_IPV4].answered_mono_ns, before_ns);
	ck_assert_uint_le(
		c.told[RESOLVER_IPV4].answered_mono_ns, clock_mono_ns());
	ck_assert_int_eq(resolver_result(&c.query), DNS_OK);
	ck_assert_uint_eq(server.log_count, 2);
	ck_assert_uint_eq(seen_count, 2);
	ck_assert_uint_eq(count_seen(DNS_OK), 2);
	snprintf(name, sizeof(name), "127.0.0.1:%u", server.port);
	ck_assert_str_eq(seen[0].nameserver, name);
	ck_assert_uint_gt(seen[0].duration_ns, 0);
	ck_assert_uint_lt(seen[0].duration_ns, clock_mono_ns() - before_ns);
}
END_TEST

START_TEST(nothing_is_cached)
{
	static const struct fake_rule rules[] = {
		{ NULL, 0, FAKE_ADDRESSES, 1 },
	};
	struct client c;

	open_both(rules);
	resolve(&c, "x.test");
	resolve(&c, "x.test");
	ck_assert_uint_eq(server.log_count, 4);
}
END_TEST

START_TEST(no_more_addresses_than_the_bound)
{
	static const struct fake_rule rules[] = {
		{ NULL, A, FAKE_ADDRESSES, 25 },
		{ NULL, 0, FAKE_NO_DATA, 0 },
	};
	struct client c;

	open_both(rules);
	resolve(&c, "x.test");
	ck_assert_uint_eq(
		c.told[RESOLVER_IPV4].count, RESOLVER_ADDRESSES_DEFAULT);
}
END_TEST

START_TEST(a_family_without_addresses_is_no_error)
{
	static const struct fake_rule rules[] = {
		{ NULL, A, FAKE_ADDRESSES, 1 },
		{ NULL, 0, FAKE_NO_DATA, 0 },
	};
	struct client c;

	open_both(rules);
	resolve(&c, "x.test");
	ck_assert_uint_eq(c.told[RESOLVER_IPV4].order, 1);
	ck_assert_uint_eq(c.told[RESOLVER_IPV4].count, 1);
	ck_assert_int_eq(c.told[RESOLVER_IPV6].result, DNS_OK);
	ck_assert_uint_eq(c.told[RESOLVER_IPV6].count, 0);
	ck_assert_int_eq(resolver_result(&c.query), DNS_OK);
}
END_TEST

/* It came at once, but the address by TCP, after all that takes. */
START_TEST(an_early_empty_answer_is_not_when_the_name_was_known)
{
	static const struct fake_rule rules[] = {
		{ NULL, A, FAKE_TRUNCATED, 1 },
		{ NULL, 0, FAKE_NO_DATA, 0 },
	};
	struct client c;

	open_both(rules);
	resolve(&c, "x.test");
	ck_assert_uint_eq(c.told[RESOLVER_IPV4].order, 1);
	ck_assert_uint_eq(c.told[RESOLVER_IPV6].count, 0);
	ck_assert_uint_ge(c.told[RESOLVER_IPV6].answered_mono_ns,
		c.told[RESOLVER_IPV4].answered_mono_ns);
}
END_TEST

START_TEST(what_we_lack_ourselves_is_not_blamed_on_a_nameserver)
{
	static const struct fake_rule rules[] = {
		{ NULL, 0, FAKE_ADDRESSES, 1 },
	};
	struct rlimit limit, none_left;
	struct client c;

	open_both(rules);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none_left = limit;
	none_left.rlim_cur = 3; /* all that are open are above */
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none_left), 0);
	resolve(&c, "x.test");
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	expect_both(&c, DNS_UNREACHABLE);
	expect_error(&c, "dns: Too many open files for x.test");
	ck_assert_uint_eq(seen_count, 0);
	resolve(&c, "x.test");
	ck_assert_int_eq(resolver_result(&c.query), DNS_OK);
}
END_TEST

START_TEST(an_alias_is_followed_within_the_answer)
{
	static const struct fake_rule rules[] = {
		{ NULL, A, FAKE_CNAME, 0 },
		{ NULL, 0, FAKE_NO_DATA, 0 },
	};
	struct client c;

	open_both(rules);
	resolve(&c, "x.test");
	ck_assert_uint_eq(c.told[RESOLVER_IPV4].count, 1);
	ck_assert_uint_eq(c.told[RESOLVER_IPV4].first.ipv4.s_addr,
		inet_addr("192.0.2.7"));
}
END_TEST

static const struct {
	enum fake_kind kind;
	enum dns_result result;
	const char *text;
	unsigned asked; /* both families, both attempts */
} failures[] = {
	{ FAKE_NO_DATA, DNS_OK, "dns: no data for x.test", 2 },
	{ FAKE_NXDOMAIN, DNS_NXDOMAIN, "dns: NXDOMAIN for x.test", 2 },
	{ FAKE_SERVFAIL, DNS_SERVFAIL, "dns: SERVFAIL for x.test" AT_FIRST, 4 },
	{ FAKE_REFUSED, DNS_REFUSED, "dns: REFUSED for x.test" AT_FIRST, 4 },
	{ FAKE_BARE_REFUSED, DNS_REFUSED, "dns: REFUSED for x.test" AT_FIRST,
		4 },
	{ FAKE_FORMERR, DNS_FORMERR, "dns: FORMERR for x.test" AT_FIRST, 4 },
	{ FAKE_NOTIMP, DNS_NOTIMP, "dns: NOTIMP for x.test" AT_FIRST, 4 },
	{ FAKE_POINTER_LOOP, DNS_MALFORMED,
		"dns: malformed answer for x.test" AT_FIRST, 4 },
	{ FAKE_TRUNCATED_TCP_CLOSE, DNS_MALFORMED,
		"dns: malformed answer for x.test" AT_FIRST, 8 },
	{ FAKE_TRUNCATED_TCP_SHORT, DNS_MALFORMED,
		"dns: malformed answer for x.test" AT_FIRST, 8 },
};
#define FAILURE_COUNT ((int)(sizeof(failures) / sizeof(failures[0])))

/* N 4.32 */
START_TEST(each_failure_has_its_name)
{
	const struct fake_rule rules[] = {
		{ NULL, 0, failures[_i].kind, 0 },
	};
	struct client c;

	open_both(rules);
	resolve(&c, "x.test");
	expect_both(&c, failures[_i].result);
	expect_error(&c, failures[_i].text);
	ck_assert_uint_eq(server.log_count, failures[_i].asked);
	ck_assert_uint_eq(seen_count, failures[_i].asked);
	if (failures[_i].kind == FAKE_TRUNCATED_TCP_CLOSE ||
		failures[_i].kind == FAKE_TRUNCATED_TCP_SHORT) {
		ck_assert_uint_eq(count_seen(DNS_OK), 4);
		ck_assert_uint_eq(count_seen(DNS_MALFORMED), 4);
	} else {
		ck_assert_uint_eq(count_seen(failures[_i].result), seen_count);
	}
}
END_TEST

START_TEST(a_truncated_answer_is_asked_for_by_tcp)
{
	static const struct fake_rule rules[] = {
		{ NULL, A, FAKE_TRUNCATED, 16 },
		{ NULL, 0, FAKE_TRUNCATED, 5 },
	};
	struct client c;
	unsigned by_tcp = 0;

	open_both(rules);
	resolve(&c, "x.test");
	ck_assert_uint_eq(c.told[RESOLVER_IPV4].count, 16);
	ck_assert_uint_eq(c.told[RESOLVER_IPV6].count, 5);
	for (unsigned i = 0; i < server.log_count; i++)
		by_tcp += server.log[i].by_tcp != 0;
	ck_assert_uint_eq(server.log_count, 4);
	ck_assert_uint_eq(by_tcp, 2);
	ck_assert_uint_eq(count_seen(DNS_OK), 4);
}
END_TEST

START_TEST(foreign_answers_do_not_count)
{
	static const struct fake_rule rules[] = {
		{ NULL, 0, FAKE_WRONG_ID_THEN_RIGHT, 2 },
	};
	struct client c;

	open_both(rules);
	resolve(&c, "x.test");
	ck_assert_uint_eq(c.told[RESOLVER_IPV4].count, 2);
	ck_assert_uint_eq(c.told[RESOLVER_IPV6].count, 2);
	ck_assert_uint_eq(seen_count, 2);
	ck_assert_uint_eq(count_seen(DNS_OK), 2);
}
END_TEST

static const enum fake_kind nonsense[] = { FAKE_WRONG_ID, FAKE_WRONG_QUESTION,
	FAKE_GARBAGE };

START_TEST(nothing_but_nonsense_is_malformed)
{
	const struct fake_rule rules[] = {
		{ NULL, 0, nonsense[_i], 1 },
	};
	char servers[64];
	struct client c;

	fake_dns_open(&server, loop, "127.0.0.1", rules);
	snprintf(servers, sizeof(servers), "127.0.0.1:%u", server.port);
	open_resolver(servers, SHORT_NS);
	resolve(&c, "x.test");
	expect_both(&c, DNS_MALFORMED);
	ck_assert_uint_eq(seen_count, 4);
	ck_assert_uint_eq(count_seen(DNS_MALFORMED), 4);
}
END_TEST

/* Two servers; the resolver asks the first one first. */
static void
open_two(const struct fake_rule *first, const struct fake_rule *other,
	uint64_t timeout_ns)
{
	char servers[64];

	fake_dns_open(&server, loop, "127.0.0.1", first);
	fake_dns_open(&second, loop, "::1", other);
	snprintf(servers, sizeof(servers), "127.0.0.1:%u,[::1]:%u", server.port,
		second.port);
	open_resolver(servers, timeout_ns);
}

START_TEST(a_dead_nameserver_costs_its_timeout_each_time)
{
	static const struct fake_rule dead[] = { { NULL, 0, FAKE_SILENT, 0 } };
	static const struct fake_rule live[] = {
		{ NULL, 0, FAKE_ADDRESSES, 1 },
	};
	struct client c;
	char name[64];

	open_two(dead, live, SHORT_NS);
	for (unsigned i = 1; i <= 3; i++) {
		uint64_t before_ns = clock_mono_ns();

		resolve(&c, "x.test");
		ck_assert_uint_ge(clock_mono_ns() - before_ns, SHORT_NS);
		ck_assert_uint_eq(c.told[RESOLVER_IPV4].count, 1);
		ck_assert_uint_eq(c.told[RESOLVER_IPV6].count, 1);
		ck_assert_uint_eq(server.log_count, 2 * i);
		ck_assert_uint_eq(count_seen(DNS_TIMEOUT), 2 * i);
	}
	ck_assert_int_eq(seen[0].result, DNS_TIMEOUT);
	ck_assert_uint_ge(seen[0].duration_ns, SHORT_NS);
	snprintf(name, sizeof(name), "[::1]:%u", second.port);
	ck_assert_str_eq(seen[seen_count - 1].nameserver, name);
	ck_assert_uint_lt(seen[seen_count - 1].duration_ns, SHORT_NS);
}
END_TEST

START_TEST(nonsense_of_one_nameserver_is_not_blamed_on_the_next)
{
	static const struct fake_rule bad[] = { { NULL, 0, FAKE_GARBAGE, 0 } };
	static const struct fake_rule dead[] = { { NULL, 0, FAKE_SILENT, 0 } };
	struct client c;

	write_file(conf_path, "search .\noptions attempts:1\n");
	open_two(bad, dead, SHORT_NS);
	resolve(&c, "x.test");
	expect_both(&c, DNS_TIMEOUT);
	ck_assert_uint_eq(count_seen(DNS_MALFORMED), 2);
	ck_assert_uint_eq(count_seen(DNS_TIMEOUT), 2);
}
END_TEST

START_TEST(after_an_error_the_next_nameserver_is_asked_at_once)
{
	static const struct fake_rule bad[] = { { NULL, A, FAKE_SERVFAIL, 0 },
		{ NULL, 0, FAKE_REFUSED, 0 } };
	static const struct fake_rule good[] = {
		{ NULL, 0, FAKE_ADDRESSES, 1 },
	};
	struct client c;

	open_two(bad, good, LONG_NS);
	resolve(&c, "x.test");
	ck_assert_uint_eq(c.told[RESOLVER_IPV4].count, 1);
	ck_assert_uint_eq(c.told[RESOLVER_IPV6].count, 1);
	ck_assert_uint_eq(count_seen(DNS_SERVFAIL), 1);
	ck_assert_uint_eq(count_seen(DNS_REFUSED), 1);
	ck_assert_uint_eq(count_seen(DNS_OK), 2);
}
END_TEST

START_TEST(a_closed_port_is_unreachable_at_once)
{
	static const struct fake_rule rules[] = { { NULL, 0, FAKE_SILENT, 0 } };
	struct client c;

	open_both(rules);
	fake_dns_close(&server);
	server.loop = NULL;
	resolve(&c, "x.test");
	expect_both(&c, DNS_UNREACHABLE);
	expect_error(&c, "dns: 127.0.0.1:%u: Connection refused for x.test");
	ck_assert_uint_eq(count_seen(DNS_UNREACHABLE), 4);
	ck_assert_uint_eq(seen_count, 4);
}
END_TEST

START_TEST(an_expired_query_counts_as_timeout)
{
	static const struct fake_rule rules[] = { { NULL, A, FAKE_SERVFAIL, 0 },
		{ NULL, 0, FAKE_SILENT, 0 } };
	struct client c;

	/* A: SERVFAIL, then silence from the second; AAAA: silence */
	open_two(rules, rules + 1, LONG_NS);
	start(&c, "x.test");
	run_until_asked(&second, 1);
	ck_assert_int_eq(resolver_result(&c.query), DNS_TIMEOUT);
	ck_assert(resolver_has_other_server(&c.query)); /* for AAAA */
	resolver_expire(&c.query);
	ck_assert(!resolver_has_other_server(&c.query));
	expect_error(&c, "dns: timeout for x.test" AT_FIRST);
	ck_assert_int_eq(resolver_result(&c.query), DNS_TIMEOUT);
	ck_assert_uint_eq(seen_count, 3);
	ck_assert_uint_eq(count_seen(DNS_SERVFAIL), 1);
	ck_assert_uint_eq(count_seen(DNS_TIMEOUT), 2);
	resolver_expire(&c.query);
	settle();
	ck_assert_uint_eq(seen_count, 3);
	ck_assert_uint_eq(c.told_count, 0);
}
END_TEST

START_TEST(a_cancelled_query_counts_nowhere)
{
	static const struct fake_rule rules[] = { { NULL, 0, FAKE_SILENT, 0 } };
	struct client c;
	int fds;

	open_both(rules);
	fds = count_open_fds();
	start(&c, "x.test");
	run_until_asked(&server, 2);
	resolver_cancel(&c.query);
	resolver_cancel(&c.query);
	ck_assert_int_eq(count_open_fds(), fds);
	memset(&c.query, 0xee, sizeof(c.query));
	settle();
	ck_assert_uint_eq(seen_count, 0);
	ck_assert_uint_eq(c.told_count, 0);
	ck_assert_uint_eq(c.done_count, 0);
}
END_TEST

/* Cancels after every possible number of turns. */
START_TEST(cancel_is_fine_in_every_state)
{
	static const struct fake_rule rules[] = {
		{ NULL, A, FAKE_TRUNCATED, 16 },
		{ "x.test", 0, FAKE_SERVFAIL, 0 },
		{ "local.test", 0, FAKE_SILENT, 0 },
		{ NULL, 0, FAKE_NXDOMAIN, 0 },
	};
	static const char *const hosts[] = { "x.test", "other.test",
		"local.test", "a..b" };
	struct client c;
	int fds;

	write_file(hosts_path, "192.0.2.9 local.test\n");
	open_both(rules);
	fds = count_open_fds();
	for (int turns = 0; turns < 20; turns++) {
		start(&c, hosts[_i]);
		for (int i = 0; i < turns; i++)
			ck_assert_int_eq(loop_turn(loop, 0), 0);
		resolver_cancel(&c.query);
		memset(&c.query, 0xee, sizeof(c.query));
		settle();
		server.log_count = seen_count = 0;
	}
	ck_assert_int_eq(count_open_fds(), fds);
}
END_TEST

START_TEST(a_callback_may_cancel_or_restart)
{
	static const struct fake_rule rules[] = {
		{ NULL, 0, FAKE_ADDRESSES, 1 },
	};
	struct client c;

	open_both(rules);
	start(&c, "x.test");
	c.on_answer = REACT_CANCEL;
	while (c.told_count == 0)
		ck_assert_int_eq(loop_turn(loop, NS_PER_S), 0);
	settle();
	ck_assert_uint_eq(c.told_count, 1);
	ck_assert_uint_eq(c.done_count, 0);

	start(&c, "x.test");
	c.on_answer = REACT_RESTART;
	run_until_done(&c);
	ck_assert_uint_eq(c.told_count, 2);
	ck_assert_uint_eq(fake_dns_count(&server, "again.test"), 2);

	start(&c, "x.test");
	c.on_done = REACT_CANCEL;
	run_until_done(&c);
	settle();
	ck_assert_uint_eq(c.done_count, 1);
}
END_TEST

START_TEST(freeing_the_resolver_ends_what_runs)
{
	static const struct fake_rule rules[] = { { NULL, 0, FAKE_SILENT, 0 } };
	struct client c[3];

	open_both(rules);
	for (int i = 0; i < 3; i++)
		start(&c[i], i == 2 ? "127.0.0.1" : "x.test");
	run_until_asked(&server, 4);
	start(&c[2], "127.0.0.1");
	resolver_free(resolver);
	resolver = NULL;
	settle();
	ck_assert_uint_eq(c[0].done_count, 0);
}
END_TEST

static const struct {
	const char *conf;
	const char *host;
	const char *asked[4]; /* A in this order, until the last is found */
} searches[] = {
	{ "search ns.svc svc.\noptions ndots:2\n", "web",
		{ "web.ns.svc", "web.svc", "web" } },
	{ "search ns.svc svc\noptions ndots:2\n", "web.other",
		{ "web.other.ns.svc", "web.other.svc", "web.other" } },
	{ "search ns.svc svc\noptions ndots:2\n", "a.b.c",
		{ "a.b.c", "a.b.c.ns.svc", "a.b.c.svc" } },
	{ "search ns.svc svc\noptions ndots:2\n", "web.", { "web" } },
	{ "domain one.test\nsearch two.test # x\n", "web",
		{ "web.two.test", "web" } },
	{ "search two.test\ndomain one.test\n", "web",
		{ "web.one.test", "web" } },
	{ "search a b c\noptions ndots:0\n", "web",
		{ "web", "web.a", "web.b", "web.c" } },
};
#define SEARCH_COUNT ((int)(sizeof(searches) / sizeof(searches[0])))

START_TEST(the_search_list_is_walked_as_resolv_conf_says)
{
	const char *const *asked = searches[_i].asked;
	int count = 0;
	struct fake_rule rules[2] = { { NULL, A, FAKE_ADDRESSES, 1 },
		{ NULL, 0, FAKE_NXDOMAIN, 0 } };
	struct client c;
	int at = 0;

	while (count < 4 && asked[count] != NULL)
		count++;
	rules[0].name = asked[count - 1];
	write_file(conf_path, searches[_i].conf);
	open_both(rules);
	resolve(&c, searches[_i].host);
	ck_assert_uint_eq(c.told[RESOLVER_IPV4].count, 1);
	ck_assert_uint_eq(server.log_count, (unsigned)count * 2);
	for (unsigned i = 0; i < server.log_count; i++)
		if (server.log[i].type == A)
			ck_assert_str_eq(server.log[i].name, asked[at++]);
}
END_TEST

START_TEST(the_search_goes_on_and_says_the_worst_it_met)
{
	static const struct fake_rule rules[] = {
		{ "n.a", 0, FAKE_NO_DATA, 0 },
		{ "s.a", 0, FAKE_SERVFAIL, 0 },
		{ "r.a", 0, FAKE_REFUSED, 0 },
		{ NULL, 0, FAKE_NXDOMAIN, 0 },
	};
	struct client c;

	write_file(conf_path, "search a b\n");
	open_both(rules);
	resolve(&c, "n");
	expect_error(&c, "dns: no data for n");
	ck_assert_uint_eq(fake_dns_count(&server, "n"), 2);
	resolve(&c, "s");
	expect_error(&c, "dns: SERVFAIL for s" AT_FIRST);
	ck_assert_uint_eq(fake_dns_count(&server, "s"), 2);
	resolve(&c, "r");
	expect_error(&c, "dns: REFUSED for r" AT_FIRST);
	ck_assert_uint_eq(fake_dns_count(&server, "r"), 2);
}
END_TEST

static const enum fake_kind bad_suffixes[] = { FAKE_REFUSED, FAKE_SERVFAIL,
	FAKE_SILENT, FAKE_GARBAGE, FAKE_NOTIMP };

/* As for Go: the next suffix may be another zone. */
START_TEST(a_suffix_that_fails_does_not_end_the_search)
{
	const struct fake_rule rules[] = {
		{ "web.a", 0, bad_suffixes[_i], 0 },
		{ "web.b", A, FAKE_ADDRESSES, 1 },
		{ NULL, 0, FAKE_NXDOMAIN, 0 },
	};
	char servers[64];
	struct client c;

	write_file(conf_path, "search a b c\noptions ndots:5 attempts:1\n");
	fake_dns_open(&server, loop, "127.0.0.1", rules);
	snprintf(servers, sizeof(servers), "127.0.0.1:%u", server.port);
	open_resolver(servers, SHORT_NS);
	resolve(&c, "web");
	ck_assert_int_eq(resolver_result(&c.query), DNS_OK);
	ck_assert_uint_eq(c.told[RESOLVER_IPV4].count, 1);
	ck_assert_uint_eq(fake_dns_count(&server, "web.b"), 2);
	ck_assert_uint_eq(fake_dns_count(&server, "web.c"), 0);
}
END_TEST

static void
run_until_late_ended(void)
{
	while (late.ended_count == 0)
		ck_assert_int_eq(loop_turn(loop, NS_PER_S), 0);
	settle();
	ck_assert_uint_eq(late.ended_count, 1);
}

/* A is there, and its owner goes on; AAAA never comes. */
START_TEST(a_query_left_behind_runs_to_its_end_and_is_counted)
{
	static const struct fake_rule rules[] = {
		{ NULL, A, FAKE_ADDRESSES, 1 },
		{ NULL, 0, FAKE_SILENT, 0 },
	};
	char servers[64];
	struct client c;
	int fds;

	fake_dns_open(&server, loop, "127.0.0.1", rules);
	snprintf(servers, sizeof(servers), "127.0.0.1:%u", server.port);
	open_resolver(servers, SHORT_NS);
	fds = count_open_fds();
	start(&c, "x.test");
	c.on_answer = REACT_GO_ON;
	while (c.told_count == 0)
		ck_assert_int_eq(loop_turn(loop, NS_PER_S), 0);
	ck_assert(!c.answered);
	memset(&c.query, 0xee, sizeof(c.query)); /* reused at once */
	run_until_late_ended();
	ck_assert_uint_eq(count_seen(DNS_TIMEOUT), 2);
	ck_assert_uint_eq(seen_count, 3);
	ck_assert_uint_eq(late.failed_count, 2);
	ck_assert(late.last.failed);
	ck_assert_uint_ge(late.last.waited_ns, 2 * SHORT_NS);
	expect_text(late.text, "dns: timeout for x.test AAAA" AT_FIRST);
	ck_assert_uint_eq(c.done_count, 0);
	ck_assert_int_eq(count_open_fds(), fds);
}
END_TEST

START_TEST(a_query_left_behind_may_be_answered_by_the_next_nameserver)
{
	static const struct fake_rule half[] = {
		{ NULL, AAAA, FAKE_ADDRESSES, 1 },
		{ NULL, 0, FAKE_SILENT, 0 },
	};
	static const struct fake_rule live[] = {
		{ NULL, 0, FAKE_TRUNCATED, 2 },
	};
	struct client c;

	open_two(half, live, SHORT_NS);
	start(&c, "x.test");
	c.on_answer = REACT_GO_ON;
	run_until_late_ended();
	ck_assert_uint_eq(late.failed_count, 1);
	ck_assert(late.last.failed);
	/* what it waited for, not how it ended */
	expect_text(late.text, "dns: timeout for x.test A" AT_FIRST);
	ck_assert_uint_ge(late.last.waited_ns, SHORT_NS);
	ck_assert_uint_eq(count_seen(DNS_TIMEOUT), 1);
	ck_assert_uint_eq(count_seen(DNS_OK), 3); /* AAAA; A by UDP and TCP */
}
END_TEST

START_TEST(with_both_answered_nothing_is_left_behind)
{
	static const struct fake_rule rules[] = {
		{ NULL, A, FAKE_ADDRESSES, 1 },
		{ NULL, 0, FAKE_NO_DATA, 0 },
	};
	struct client c;

	open_both(rules);
	resolve(&c, "x.test");
	ck_assert(resolver_go_on(&c.query));
	settle();
	ck_assert_uint_eq(late.failed_count + late.ended_count, 0);
}
END_TEST

START_TEST(a_family_that_fails_beside_the_other_is_told)
{
	static const struct fake_rule rules[] = {
		{ NULL, A, FAKE_ADDRESSES, 1 },
		{ NULL, 0, FAKE_SERVFAIL, 0 },
	};
	struct client c;

	open_both(rules);
	resolve(&c, "x.test");
	ck_assert(!resolver_go_on(&c.query));
	ck_assert_uint_eq(late.ended_count, 1);
	ck_assert(late.last.failed);
	expect_text(late.text, "dns: SERVFAIL for x.test AAAA" AT_FIRST);
}
END_TEST

START_TEST(a_query_left_behind_can_be_given_up)
{
	static const struct fake_rule rules[] = {
		{ NULL, A, FAKE_ADDRESSES, 1 },
		{ NULL, 0, FAKE_SILENT, 0 },
	};
	struct client c[2];
	int fds;

	open_both(rules);
	fds = count_open_fds();
	for (int i = 0; i < 2; i++) {
		start(&c[i], "x.test");
		c[i].on_answer = REACT_GO_ON;
		while (c[i].told_count == 0)
			ck_assert_int_eq(loop_turn(loop, NS_PER_S), 0);
	}
	ck_assert_int_eq(count_open_fds(), fds + 2);
	resolver_cancel_late(resolver, CONTEXT_ID + 1);
	ck_assert_int_eq(count_open_fds(), fds + 2);
	resolver_cancel_late(resolver, CONTEXT_ID);
	ck_assert_int_eq(count_open_fds(), fds);
	settle();
	ck_assert_uint_eq(late.failed_count + late.ended_count, 0);
	ck_assert_uint_eq(seen_count, 2);
}
END_TEST

START_TEST(names_that_need_no_nameserver_ask_none)
{
	static const struct {
		const char *host, *ipv4, *ipv6;
	} known[] = {
		{ "node-a", "192.0.2.5", "2001:db8::5" },
		{ "NODE-A.example.", "192.0.2.5", "2001:db8::5" },
		{ "only4", "192.0.2.6", NULL },
		{ "localhost", "127.0.0.1", "::1" },
		{ "web.localhost", "127.0.0.1", "::1" },
		{ "198.51.100.1", "198.51.100.1", NULL },
		{ "2001:db8::77", NULL, "2001:db8::77" },
	};
	static const struct fake_rule rules[] = { { NULL, 0, FAKE_SILENT, 0 } };

	write_file(hosts_path,
		"# node-a 192.0.2.4\n192.0.2.5\tnode-a.example  node-a # x\n"
		"2001:db8::5 node-a.example node-a\nbad only4\n"
		"192.0.2.6 only4");
	open_both(rules);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct client c;
		char text[64];

		resolve(&c, known[i].host);
		ck_assert_uint_eq(
			c.told[RESOLVER_IPV4].count, known[i].ipv4 != NULL);
		ck_assert_uint_eq(
			c.told[RESOLVER_IPV6].count, known[i].ipv6 != NULL);
		ck_assert_int_eq(resolver_result(&c.query), DNS_OK);
		if (known[i].ipv4 != NULL)
			ck_assert_str_eq(known[i].ipv4,
				inet_ntop(AF_INET,
					&c.told[RESOLVER_IPV4].first.ipv4, text,
					sizeof(text)));
		if (known[i].ipv6 != NULL)
			ck_assert_str_eq(known[i].ipv6,
				inet_ntop(AF_INET6,
					&c.told[RESOLVER_IPV6].first.ipv6, text,
					sizeof(text)));
	}
	ck_assert_uint_eq(server.log_count, 0);
	ck_assert_uint_eq(seen_count, 0);
}
END_TEST

START_TEST(the_hosts_file_is_read_at_each_lookup)
{
	static const struct fake_rule rules[] = {
		{ NULL, 0, FAKE_NXDOMAIN, 0 },
	};
	struct client c;

	open_both(rules);
	resolve(&c, "new.test");
	expect_both(&c, DNS_NXDOMAIN);
	write_file(hosts_path, "192.0.2.5 new.test\n");
	resolve(&c, "new.test");
	ck_assert_uint_eq(c.told[RESOLVER_IPV4].count, 1);
	unlink(hosts_path);
	resolve(&c, "new.test");
	expect_both(&c, DNS_NXDOMAIN);
}
END_TEST

START_TEST(names_no_query_can_carry_do_not_exist)
{
	static const struct fake_rule rules[] = { { NULL, 0, FAKE_SILENT, 0 } };
	char long_label[80], too_long[RESOLVER_HOST_CHARS_MAX + 2];
	struct client c;

	open_both(rules);
	memset(long_label, 'x', sizeof(long_label) - 1);
	long_label[sizeof(long_label) - 1] = '\0';
	resolve(&c, long_label);
	expect_both(&c, DNS_NXDOMAIN);
	resolve(&c, "a..b");
	expect_both(&c, DNS_NXDOMAIN);
	expect_error(&c, "dns: NXDOMAIN for a..b");
	ck_assert_uint_eq(server.log_count, 0);
	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	ck_assert_int_eq(resolver_start(resolver, &c.query, too_long), -EINVAL);
	ck_assert_int_eq(resolver_start(resolver, &c.query, ""), -EINVAL);
}
END_TEST

START_TEST(rotate_begins_with_another_nameserver_each_time)
{
	static const struct fake_rule rules[] = {
		{ NULL, 0, FAKE_ADDRESSES, 1 },
	};
	struct client c;

	write_file(conf_path, "search .\noptions rotate\n");
	open_two(rules, rules, LONG_NS);
	for (int i = 0; i < 4; i++)
		resolve(&c, "x.test");
	ck_assert_uint_eq(server.log_count, 4);
	ck_assert_uint_eq(second.log_count, 4);
}
END_TEST

START_TEST(use_vc_asks_by_tcp_alone)
{
	static const struct fake_rule rules[] = {
		{ NULL, 0, FAKE_ADDRESSES, 1 },
	};
	struct client c;

	write_file(conf_path, "search .\noptions use-vc\n");
	open_both(rules);
	resolve(&c, "x.test");
	ck_assert_uint_eq(c.told[RESOLVER_IPV4].count, 1);
	ck_assert_uint_eq(server.log_count, 2);
	ck_assert_int_eq(server.log[0].by_tcp, 1);
	ck_assert_int_eq(server.log[1].by_tcp, 1);
}
END_TEST

START_TEST(bad_servers_are_refused)
{
	static const char *const bad[] = { "", "x", "1.2.3.4:", "1.2.3.4:0",
		"1.2.3.4:65536", "[::1", "[::1]5", "1.2.3.4,",
		"1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct resolver_options options = { .servers = bad[i] };

		errno = 0;
		ck_assert_msg(
			resolver_new(loop, &options) == NULL, "%s", bad[i]);
		ck_assert_int_eq(errno, EINVAL);
	}
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_test(tcase, both_families_are_asked_and_told);
	tcase_add_test(tcase, nothing_is_cached);
	tcase_add_test(tcase, no_more_addresses_than_the_bound);
	tcase_add_test(tcase, a_family_without_addresses_is_no_error);
	tcase_add_test(
		tcase, an_early_empty_answer_is_not_when_the_name_was_known);
	tcase_add_test(
		tcase, what_we_lack_ourselves_is_not_blamed_on_a_nameserver);
	tcase_add_test(tcase, an_alias_is_followed_within_the_answer);
	tcase_add_loop_test(tcase, each_failure_has_its_name, 0, FAILURE_COUNT);
	tcase_add_test(tcase, a_truncated_answer_is_asked_for_by_tcp);
	tcase_add_test(tcase, foreign_answers_do_not_count);
	tcase_add_loop_test(tcase, nothing_but_nonsense_is_malformed, 0, 3);
	tcase_add_test(tcase, a_dead_nameserver_costs_its_timeout_each_time);
	tcase_add_test(
		tcase, nonsense_of_one_nameserver_is_not_blamed_on_the_next);
	tcase_add_test(
		tcase, after_an_error_the_next_nameserver_is_asked_at_once);
	tcase_add_test(tcase, a_closed_port_is_unreachable_at_once);
	tcase_add_test(tcase, an_expired_query_counts_as_timeout);
	tcase_add_test(tcase, a_cancelled_query_counts_nowhere);
	tcase_add_loop_test(tcase, cancel_is_fine_in_every_state, 0, 4);
	tcase_add_test(tcase, a_callback_may_cancel_or_restart);
	tcase_add_test(tcase, freeing_the_resolver_ends_what_runs);
	tcase_add_loop_test(tcase,
		the_search_list_is_walked_as_resolv_conf_says, 0, SEARCH_COUNT);
	tcase_add_test(tcase, the_search_goes_on_and_says_the_worst_it_met);
	tcase_add_loop_test(
		tcase, a_suffix_that_fails_does_not_end_the_search, 0, 5);
	tcase_add_test(
		tcase, a_query_left_behind_runs_to_its_end_and_is_counted);
	tcase_add_test(tcase,
		a_query_left_behind_may_be_answered_by_the_next_nameserver);
	tcase_add_test(tcase, with_both_answered_nothing_is_left_behind);
	tcase_add_test(tcase, a_family_that_fails_beside_the_other_is_told);
	tcase_add_test(tcase, a_query_left_behind_can_be_given_up);
	tcase_add_test(tcase, names_that_need_no_nameserver_ask_none);
	tcase_add_test(tcase, the_hosts_file_is_read_at_each_lookup);
	tcase_add_test(tcase, names_no_query_can_carry_do_not_exist);
	tcase_add_test(tcase, rotate_begins_with_another_nameserver_each_time);
	tcase_add_test(tcase, use_vc_asks_by_tcp_alone);
	tcase_add_test(tcase, bad_servers_are_refused);
}

int
main(void)
{
	Suite *suite = suite_create("resolver");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	add_tests(tcase);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
