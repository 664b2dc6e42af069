/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From samples to the text at /metrics: exact lines, one error per failed
 * check, and phases that add up to the checks' durations.
 */
#include "supervisor/aggregate.h"

#include "common/clock.h"
#include "supervisor/exposition.h"
#include "supervisor/metric_families.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t now_ns;

uint64_t
clock_mono_ns(void)
{
	return now_ns;
}

uint64_t
clock_unix_ns(void)
{
	return now_ns;
}

uint64_t
clock_unix_to_mono_ns(uint64_t unix_ns)
{
	return unix_ns;
}

static struct registry *registry;
static struct aggregate aggregate;
static struct target_table targets;
static struct target *target;
static char text[512 * 1024];

static struct target *
add_target(enum worker_type type, const char *label, const char *url)
{
	struct target_spec spec = { .key = label, .label = label, .url = url };
	size_t count = targets.count;

	target_table_begin(&targets, WORKER_DISCOVERY); /* removes nothing */
	ck_assert_int_eq(target_table_want(&targets, type, &spec, 0, NULL), 0);
	return targets.targets[count];
}

static void
setup(void)
{
	static const double bounds_s[] = { 1e-7, 1e-6 };

	now_ns = 1000 * NS_PER_S;
	registry = registry_new(METRIC_ID_COUNT, 10000);
	ck_assert_int_eq(
		metric_families_register(registry, bounds_s, 2, false, true),
		0);
	aggregate = (struct aggregate){ .registry = registry };
	target_table_init(&targets);
	target = add_target(
		WORKER_EXTRA, "shop", "http://u:secret@h.test/?t=secret");
}

static void
teardown(void)
{
	target_table_fini(&targets, 1);
	registry_free(registry);
}

static void
render(void)
{
	static struct exposition reader;
	size_t used = 0;
	ssize_t n;

	exposition_start(&reader, registry, false);
	while ((n = exposition_read(
			&reader, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	exposition_fini(&reader);
	text[used] = '\0';
}

static void
assert_line(const char *line)
{
	const char *at = strstr(text, line);

	ck_assert_msg(at != NULL && (at == text || at[-1] == '\n') &&
			      at[strlen(line)] == '\n',
		"no line %s", line);
}

/* The sum of all lines that begin so. */
static double
sum_of(const char *prefix)
{
	double sum = 0;

	for (const char *line = text; line != NULL && *line != '\0';
		line = strchr(line, '\n') + 1)
		if (strncmp(line, prefix, strlen(prefix)) == 0)
			sum += strtod(strchr(line, ' ') + 1, NULL);
	return sum;
}

static struct wire_sample
good_sample(void)
{
	struct wire_sample sample = { .duration_ns = 600,
		.check_duration_ns = 600,
		.response_ns = 500,
		.events = 1u << EVENT_GOT_CONN | 1u << EVENT_WROTE_REQUEST,
		.phases = 1u << PHASE_CONNECT | 1u << PHASE_WAIT |
			  1u << PHASE_LOCAL,
		.outcome = OUTCOME_OK,
		.last = 1,
		.has_status = 1,
		.http_status = 200,
		.detail = "ok" };

	sample.event_ns[EVENT_GOT_CONN] = 100;
	sample.event_ns[EVENT_WROTE_REQUEST] = 101;
	sample.phase_ns[PHASE_CONNECT] = 100;
	sample.phase_ns[PHASE_WAIT] = 500;
	return sample;
}

static void
take(struct wire_sample sample)
{
	aggregate_sample(&aggregate, target, &sample);
}

/* K 4.1, K 4.2, K 4.3, K 4.9, N 4.24, N 4.25 */
START_TEST(a_success_in_every_line)
{
	struct wire_sample sample = good_sample();

	sample.rtt_us = 70;
	sample.retransmits_syn = 2;
	sample.cert_not_after_unix_s = 1800000000;
	sample.chain_not_after_unix_s = 1790000000;
	take(sample);
	render();
	assert_line("kubenurse_httpclient_requests_total"
		    "{type=\"shop\",code=\"200\"} 1");
	assert_line("kubenurse_httpclient_request_duration_seconds_bucket"
		    "{type=\"shop\",le=\"1e-07\"} 0");
	assert_line("kubenurse_httpclient_request_duration_seconds_bucket"
		    "{type=\"shop\",le=\"1e-06\"} 1");
	assert_line("kubenurse_httpclient_request_duration_seconds_sum"
		    "{type=\"shop\"} 5e-07");
	assert_line("kubenurse_httpclient_trace_request_duration_seconds_bucket"
		    "{type=\"shop\",event=\"got_conn\",le=\"1e-07\"} 1");
	assert_line("kubenurse_httpclient_trace_request_duration_seconds_bucket"
		    "{type=\"shop\",event=\"wrote_request\",le=\"1e-07\"} 0");
	assert_line("kubenurse_phase_duration_seconds_sum"
		    "{type=\"shop\",phase=\"wait\"} 5e-07");
	assert_line("kubenurse_phase_duration_seconds_count"
		    "{type=\"shop\",phase=\"local\"} 1");
	assert_line("kubenurse_check_duration_seconds_sum"
		    "{type=\"shop\",outcome=\"ok\"} 6e-07");
	assert_line("kubenurse_tcp_rtt_seconds_sum{type=\"shop\"} 7e-05");
	assert_line("kubenurse_tcp_retransmits_total"
		    "{type=\"shop\",stage=\"syn\"} 2");
	assert_line("kubenurse_tls_certificate_expiry_timestamp_seconds"
		    "{type=\"shop\"} 1800000000");
	assert_line("kubenurse_tls_chain_expiry_timestamp_seconds"
		    "{type=\"shop\"} 1790000000");
	ck_assert_ptr_nonnull(
		strstr(text, "kubenurse_check_last_success_timestamp_seconds"));
	/* nothing of what did not happen */
	ck_assert_ptr_null(strstr(text, "kubenurse_errors_total"));
	ck_assert_ptr_null(strstr(text, "phase=\"dns\""));
	ck_assert_ptr_null(strstr(text, "stage=\"data\""));
	ck_assert_ptr_null(strstr(text, "event=\"dns_start\""));
}
END_TEST

/* The alarm about a chain goes on when its end has come. */
START_TEST(the_last_chain_that_held_counts)
{
	struct wire_sample sample = good_sample();

	sample.cert_not_after_unix_s = 1800000000;
	take(sample);
	render();
	ck_assert_ptr_null(strstr(text, "kubenurse_tls_chain_expiry_"));
	sample.chain_not_after_unix_s = 1790000000;
	take(sample);
	sample.cert_not_after_unix_s = 1700000000;
	sample.chain_not_after_unix_s = 0;
	take(sample);
	render();
	assert_line("kubenurse_tls_certificate_expiry_timestamp_seconds"
		    "{type=\"shop\"} 1700000000");
	assert_line("kubenurse_tls_chain_expiry_timestamp_seconds"
		    "{type=\"shop\"} 1790000000");
}
END_TEST

/* K 2.10, K 3.7, K 4.4, F 4.5 */
START_TEST(each_failure_is_exactly_one_error)
{
	static const struct {
		enum outcome outcome;
		bool has_status;
		const char *event, *code;
	} cases[] = {
		{ OUTCOME_DNS_FAILED, false, "dns_done", "round_trip_error" },
		{ OUTCOME_CONNECT_FAILED, false, "connect_done",
			"round_trip_error" },
		{ OUTCOME_TLS_FAILED, false, "tls_handshake_done",
			"round_trip_error" },
		{ OUTCOME_WRITE_FAILED, false, "wrote_request",
			"round_trip_error" },
		{ OUTCOME_ROUND_TRIP_FAILED, false, "round_trip_error",
			"round_trip_error" },
		{ OUTCOME_ROUND_TRIP_FAILED, true, "round_trip_error", "200" },
		{ OUTCOME_STATUS, true, "status_code_200", "200" },
	};
	char line[200];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire_sample sample = good_sample();

		if (i > 0) {
			teardown();
			setup();
		}
		sample.outcome = (uint8_t)cases[i].outcome;
		sample.has_status = cases[i].has_status;
		if (!sample.has_status)
			sample.http_status = 0;
		take(sample);
		render();
		snprintf(line, sizeof(line),
			"kubenurse_errors_total{type=\"shop\",event=\"%s\"} 1",
			cases[i].event);
		assert_line(line);
		ck_assert(sum_of("kubenurse_errors_total") == 1);
		snprintf(line, sizeof(line),
			"kubenurse_httpclient_requests_total"
			"{type=\"shop\",code=\"%s\"} 1",
			cases[i].code);
		assert_line(line);
		ck_assert(sum_of("kubenurse_httpclient_requests_total") == 1);
		ck_assert(sum_of("kubenurse_httpclient_request_duration_"
				 "seconds_count") == cases[i].has_status);
		assert_line("kubenurse_check_duration_seconds_count"
			    "{type=\"shop\",outcome=\"error\"} 1");
		ck_assert_ptr_null(strstr(text, "last_success"));
	}
}
END_TEST

START_TEST(status_000_is_a_code_of_its_own)
{
	struct wire_sample sample = good_sample();

	sample.http_status = 0;
	sample.outcome = OUTCOME_STATUS;
	take(sample);
	sample.has_status = 0;
	sample.response_ns = 0;
	sample.outcome = OUTCOME_CONNECT_FAILED;
	take(sample);
	render();
	assert_line("kubenurse_httpclient_requests_total"
		    "{type=\"shop\",code=\"0\"} 1");
	assert_line("kubenurse_httpclient_requests_total"
		    "{type=\"shop\",code=\"round_trip_error\"} 1");
	assert_line("kubenurse_errors_total"
		    "{type=\"shop\",event=\"status_code_0\"} 1");
}
END_TEST

/* K 3.13 */
START_TEST(redirects_count_their_requests_and_no_error)
{
	struct wire_sample sample = good_sample();

	sample.outcome = OUTCOME_REDIRECT;
	sample.http_status = 302;
	sample.last = 0;
	take(sample);
	sample = good_sample();
	sample.hop = 1;
	sample.check_duration_ns = 1200;
	take(sample);
	render();
	assert_line("kubenurse_httpclient_requests_total"
		    "{type=\"shop\",code=\"302\"} 1");
	assert_line("kubenurse_httpclient_requests_total"
		    "{type=\"shop\",code=\"200\"} 1");
	assert_line("kubenurse_check_duration_seconds_count"
		    "{type=\"shop\",outcome=\"ok\"} 1");
	ck_assert_ptr_null(strstr(text, "kubenurse_errors_total"));
}
END_TEST

/* N 4.22, N 4.23 */
START_TEST(phases_add_up_to_the_durations_of_checks)
{
	for (unsigned i = 0; i < 500; i++) {
		struct wire_sample sample = good_sample();

		sample.outcome =
			(uint8_t)(i % 3 == 0   ? OUTCOME_OK
				  : i % 3 == 1 ? OUTCOME_STATUS
					       : OUTCOME_ROUND_TRIP_FAILED);
		sample.phase_ns[PHASE_WAIT] = i * 7919;
		sample.duration_ns = sample.check_duration_ns =
			100 + sample.phase_ns[PHASE_WAIT];
		take(sample);
	}
	render();
	ck_assert(fabs(sum_of("kubenurse_phase_duration_seconds_sum") -
			  sum_of("kubenurse_check_duration_seconds_sum")) <
		  1e-12);
	ck_assert(sum_of("kubenurse_check_duration_seconds_sum") > 0.98);
}
END_TEST

/* F 6.4 */
START_TEST(a_cancelled_check_counts_nowhere)
{
	struct wire_sample sample = good_sample();

	sample.outcome = OUTCOME_CANCELLED;
	take(sample);
	render();
	ck_assert_str_eq(text, "");
	ck_assert(!target->has_result);
}
END_TEST

/* N 4.19 */
START_TEST(neighbours_share_the_new_histograms)
{
	const struct wire_sample sample = good_sample();

	target = add_target(WORKER_PATH, "path_node-a", "http://10.0.0.1/");
	take(sample);
	target = add_target(WORKER_PATH, "path_node-b", "http://10.0.0.2/");
	take(sample);
	render();
	assert_line("kubenurse_check_duration_seconds_count"
		    "{type=\"path\",outcome=\"ok\"} 2");
	assert_line("kubenurse_phase_duration_seconds_count"
		    "{type=\"path\",phase=\"wait\"} 2");
	assert_line("kubenurse_httpclient_requests_total"
		    "{type=\"path_node-a\",code=\"200\"} 1");
	assert_line("kubenurse_httpclient_requests_total"
		    "{type=\"path_node-b\",code=\"200\"} 1");
	ck_assert_ptr_null(strstr(
		text, "kubenurse_phase_duration_seconds_sum{type=\"path_"));
	aggregate.neighbour_detail = true;
	target = add_target(WORKER_PATH, "path_node-c", "http://10.0.0.3/");
	take(sample);
	render();
	assert_line("kubenurse_check_duration_seconds_count"
		    "{type=\"path_node-c\",outcome=\"ok\"} 1");
}
END_TEST

START_TEST(more_codes_than_are_kept_still_count_right)
{
	char line[200];

	for (int round = 0; round < 3; round++)
		for (uint16_t code = 400; code < 420; code++) {
			struct wire_sample sample = good_sample();

			sample.outcome = OUTCOME_STATUS;
			sample.http_status = code;
			take(sample);
		}
	render();
	for (unsigned code = 400; code < 420; code++) {
		snprintf(line, sizeof(line),
			"kubenurse_errors_total{type=\"shop\","
			"event=\"status_code_%u\"} 3",
			code);
		assert_line(line);
	}
	ck_assert(sum_of("kubenurse_httpclient_requests_total") == 60);
}
END_TEST

/* N 4.32 */
START_TEST(dns_answers_are_timed_and_failures_counted_per_server)
{
	struct wire_dns dns = { .duration_ns = 1000, .result = DNS_OK };
	char line[200];

	for (int server = 0; server < 6; server++) { /* more than are kept */
		snprintf(dns.nameserver, sizeof(dns.nameserver),
			"192.0.2.%d:53", server);
		for (unsigned result = 0; result < DNS_RESULT_COUNT; result++) {
			dns.result = result;
			aggregate_dns(&aggregate, target, &dns);
		}
	}
	render();
	for (int server = 0; server < 6; server++) {
		snprintf(line, sizeof(line),
			"kubenurse_dns_errors_total{type=\"shop\","
			"nameserver=\"192.0.2.%d:53\",reason=\"timeout\"} 1",
			server);
		assert_line(line);
		/* ok, nxdomain, servfail, refused, formerr, notimp: answers */
		snprintf(line, sizeof(line),
			"kubenurse_dns_query_duration_seconds_count"
			"{type=\"shop\",nameserver=\"192.0.2.%d:53\"} 6",
			server);
		assert_line(line);
	}
	ck_assert_ptr_null(strstr(text, "reason=\"ok\""));
}
END_TEST

/* What these two samples, one after the other, write into the log: text. */
static void
log_of(struct wire_sample first, struct wire_sample second)
{
	int fds[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	ck_assert_int_eq(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	take(first);
	take(second);
	dup2(saved, STDERR_FILENO);
	close(fds[1]);
	close(saved);
	n = read(fds[0], text, sizeof(text) - 1);
	close(fds[0]);
	ck_assert_int_gt((int)n, 0);
	text[n] = '\0';
}

static size_t
line_count(int fd)
{
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	size_t count = 0;

	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		count++;
	return count;
}

static uint64_t begun_ns; /* 0: before all else */

static struct wire_sample
resolved_sample(unsigned hop, bool last, bool answered)
{
	struct wire_sample sample = good_sample();

	sample.hop = (uint8_t)hop;
	sample.last = last;
	sample.outcome = last ? OUTCOME_OK : OUTCOME_REDIRECT;
	sample.events |= 1u << EVENT_DNS_START;
	sample.dns_answered = answered;
	sample.started_mono_ns = begun_ns;
	return sample;
}

/* What applications wait for is measured, and shown beside the ok. */
START_TEST(a_query_that_is_not_answered_is_a_warning_until_all_are)
{
	struct wire_dns_late late = {
		.waited_ns = 5 * NS_PER_S,
		.failed = 1,
		.detail =
			"dns: timeout for h.test AAAA (nameserver 192.0.2.9:53)"
	};
	int fd = memfd_create("log", MFD_CLOEXEC), saved = dup(STDERR_FILENO);

	dup2(fd, STDERR_FILENO);
	take(resolved_sample(0, true, false));
	ck_assert_ptr_null(target->warning);
	aggregate_dns_late(&aggregate, target, &late);
	ck_assert_str_eq(target->detail, "ok");
	ck_assert_str_eq(target->warning,
		"dns: timeout for h.test AAAA (nameserver 192.0.2.9:53); an "
		"application that waits for A and AAAA hangs for 5.0 s or "
		"longer");
	ck_assert_uint_eq(line_count(fd), 1);
	ck_assert_ptr_nonnull(strstr(text, "192.0.2.9:53"));
	late.ended = 1;
	late.waited_ns = 10 * NS_PER_S;
	aggregate_dns_late(&aggregate, target, &late);
	ck_assert_ptr_nonnull(strstr(target->warning, "hangs for 10.0 s"));
	ck_assert_ptr_null(strstr(target->warning, "longer"));
	/* the first try of the next check knows less */
	late.ended = 0;
	late.waited_ns = 5 * NS_PER_S;
	aggregate_dns_late(&aggregate, target, &late);
	ck_assert_ptr_nonnull(strstr(target->warning, "hangs for 10.0 s"));
	/* one hop of two whose name is not answered whole */
	take(resolved_sample(0, false, false));
	take(resolved_sample(1, true, true));
	take(good_sample()); /* asks nobody */
	ck_assert_ptr_nonnull(target->warning);
	ck_assert_uint_eq(line_count(fd), 1);
	take(resolved_sample(0, true, true)); /* began before */
	ck_assert_ptr_nonnull(target->warning);
	begun_ns = now_ns + 1;
	take(resolved_sample(0, false, true));
	ck_assert_ptr_nonnull(target->warning);
	take(resolved_sample(1, true, true));
	ck_assert_ptr_null(target->warning);
	ck_assert_uint_eq(line_count(fd), 2);
	/* late, and answered in the end: no warning, but time lost */
	late = (struct wire_dns_late){ .waited_ns = NS_PER_S, .ended = 1 };
	aggregate_dns_late(&aggregate, target, &late);
	ck_assert_ptr_null(target->warning);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fd);
	render();
	assert_line(
		"kubenurse_dns_late_duration_seconds_count{type=\"shop\"} 2");
	assert_line(
		"kubenurse_dns_late_duration_seconds_sum{type=\"shop\"} 11");
}
END_TEST

START_TEST(a_refusal_that_comes_at_once_is_no_hang)
{
	struct wire_dns_late late = {
		.waited_ns = NS_PER_MS,
		.ended = 1,
		.failed = 1,
		.detail = "dns: SERVFAIL for h.test AAAA",
	};

	take(resolved_sample(0, true, false));
	aggregate_dns_late(&aggregate, target, &late);
	ck_assert_str_eq(target->warning, "dns: SERVFAIL for h.test AAAA");
}
END_TEST

START_TEST(the_log_does_not_tell_a_urls_password)
{
	struct wire_sample sample = good_sample();

	sample.outcome = OUTCOME_STATUS;
	log_of(sample, sample); /* no change: no line */
	ck_assert_ptr_nonnull(strstr(text, "redacted@h.test"));
	ck_assert_ptr_null(strstr(text, "secret"));
	ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
}
END_TEST

START_TEST(another_reason_of_a_failure_is_said)
{
	struct wire_sample nxdomain = good_sample(), servfail;

	nxdomain.outcome = OUTCOME_DNS_FAILED;
	strcpy(nxdomain.detail, "dns: NXDOMAIN for h.test");
	servfail = nxdomain;
	strcpy(servfail.detail, "dns: SERVFAIL for h.test");
	log_of(nxdomain, servfail);
	ck_assert_ptr_nonnull(strstr(text, "NXDOMAIN"));
	ck_assert_ptr_nonnull(strstr(text, "SERVFAIL"));
	log_of(nxdomain, nxdomain);
	ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
}
END_TEST

static void
fail_with(struct target *which, enum outcome outcome, const char *detail)
{
	struct wire_sample bad = good_sample();

	bad.outcome = (uint8_t)outcome;
	snprintf(bad.detail, sizeof(bad.detail), "%s", detail);
	aggregate_sample(&aggregate, which, &bad);
}

static int saved_stderr = -1;

/* What is logged goes there. */
static int
open_log(void)
{
	int fd = memfd_create("log", MFD_CLOEXEC);

	saved_stderr = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	return fd;
}

static void
close_log(int fd)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(fd);
}

START_TEST(the_log_names_the_url_of_a_socket)
{
	struct target *one =
		add_target(WORKER_EXTRA, "unix", "unix:///run/x.sock:/health");
	int fd = open_log();

	fail_with(one, OUTCOME_CONNECT_FAILED, "refused");
	ck_assert_uint_eq(line_count(fd), 1);
	ck_assert_ptr_nonnull(strstr(text, " url=unix:///run/x.sock:/health "));
	close_log(fd);
}
END_TEST

/* Warnings that come and go, as with one of two answers lost now and then. */
START_TEST(warnings_that_flap_say_nothing_of_results)
{
	struct wire_dns_late late = { .waited_ns = NS_PER_S, .failed = 1 };
	int fd = open_log();

	take(resolved_sample(0, true, false));
	for (int i = 0; i < 1000; i++) {
		aggregate_dns_late(&aggregate, target, &late);
		begun_ns = now_ns + 1;
		take(resolved_sample(0, true, true));
		now_ns += 2;
	}
	aggregate_dns_late(&aggregate, target, &late);
	ck_assert_uint_eq(line_count(fd), LOG_TARGET_LINES);
	now_ns += LOG_TARGET_LINE_NS;
	take(good_sample());
	ck_assert_ptr_null(strstr(text, "is ok again"));
	ck_assert_uint_eq(line_count(fd), LOG_TARGET_LINES);
	/* how it is now is said once there is room, though it is not new */
	aggregate_dns_late(&aggregate, target, &late);
	ck_assert_uint_eq(line_count(fd), LOG_TARGET_LINES + 1);
	ck_assert_ptr_nonnull(strstr(text, " left_out=1991\n"));
	begun_ns = now_ns + 1;
	take(resolved_sample(0, true, true));
	ck_assert_uint_eq(line_count(fd), LOG_TARGET_LINES + 1);
	now_ns += LOG_TARGET_LINE_NS;
	take(resolved_sample(0, true, true));
	ck_assert_uint_eq(line_count(fd), LOG_TARGET_LINES + 2);
	ck_assert_ptr_nonnull(strstr(text, "answered again\" type=shop "
					   "left_out=1\n"));
	close_log(fd);
}
END_TEST

/* A target that flips, and whose reason is another one each time. */
START_TEST(a_target_that_flaps_is_logged_some_times_and_then_now_and_then)
{
	struct target *other =
		add_target(WORKER_EXTRA, "other", "http://192.0.2.1/");
	char reason[32];
	int fd = open_log();

	fail_with(target, OUTCOME_TLS_FAILED, "first");
	ck_assert_uint_eq(line_count(fd), 1);
	for (int i = 0; i < 1000; i++) {
		snprintf(reason, sizeof(reason), "reason %d", i);
		fail_with(target, OUTCOME_TLS_FAILED, reason);
		take(good_sample());
		fail_with(target, OUTCOME_TLS_FAILED, reason);
	}
	ck_assert_uint_eq(line_count(fd), LOG_TARGET_LINES);
	ck_assert_ptr_null(strstr(text, "left_out"));
	/* it does not cost another one its lines */
	fail_with(other, OUTCOME_TLS_FAILED, "other");
	ck_assert_uint_eq(line_count(fd), LOG_TARGET_LINES + 1);
	/* how it is now is said, also without a change, once there is room */
	fail_with(target, OUTCOME_TLS_FAILED, "reason 999");
	ck_assert_uint_eq(line_count(fd), LOG_TARGET_LINES + 1);
	now_ns += LOG_TARGET_LINE_NS;
	fail_with(target, OUTCOME_TLS_FAILED, "reason 999");
	ck_assert_uint_eq(line_count(fd), LOG_TARGET_LINES + 2);
	ck_assert_ptr_nonnull(
		strstr(text, "error=\"reason 999\" left_out=2991\n"));
	fail_with(target, OUTCOME_TLS_FAILED, "reason 999");
	ck_assert_uint_eq(line_count(fd), LOG_TARGET_LINES + 2);
	close_log(fd);
	render();
	assert_line("kubenurse_errors_total{type=\"shop\","
		    "event=\"tls_handshake_done\"} 2004");
}
END_TEST

START_TEST(changes_of_too_many_targets_are_counted_and_not_logged)
{
	struct wire_sample good = good_sample();
	struct target *first = NULL;
	char label[32];
	int fd = open_log();

	for (int i = 0; i < LOG_BUDGET_LINES + 50; i++) {
		struct target *one;

		snprintf(label, sizeof(label), "path_%d", i);
		one = add_target(WORKER_PATH, label, "http://192.0.2.1/");
		first = first != NULL ? first : one;
		/* one that is well from the first costs nothing */
		aggregate_sample(&aggregate, one, &good);
		fail_with(one, OUTCOME_CONNECT_FAILED, "refused");
	}
	ck_assert_uint_eq(line_count(fd), LOG_BUDGET_LINES);
	/* other types' are told all the same */
	fail_with(target, OUTCOME_CONNECT_FAILED, "refused");
	ck_assert_uint_eq(line_count(fd), LOG_BUDGET_LINES + 1);
	aggregate_tell_suppressed(&aggregate, now_ns);
	ck_assert_uint_eq(line_count(fd), LOG_BUDGET_LINES + 1);
	now_ns += LOG_BUDGET_LINE_NS;
	/* it does not take the place of what is to be said */
	aggregate_sample(&aggregate, first, &good);
	ck_assert_uint_eq(line_count(fd), LOG_BUDGET_LINES + 1);
	aggregate_tell_suppressed(&aggregate, now_ns);
	ck_assert_uint_eq(line_count(fd), LOG_BUDGET_LINES + 2);
	ck_assert_ptr_nonnull(strstr(text,
		"were suppressed: too many of them\" type=path lines=51"));
	close_log(fd);
}
END_TEST

START_TEST(what_is_ok_again_says_for_how_long_and_how_often_it_was_not)
{
	int fd = open_log();

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3 + round; i++) {
			fail_with(target, OUTCOME_ROUND_TRIP_FAILED, "reset");
			now_ns += 5 * NS_PER_S;
		}
		take(good_sample());
	}
	ck_assert_uint_eq(line_count(fd), 4);
	ck_assert_ptr_nonnull(
		strstr(text, "msg=\"check is ok again\" type=shop url="));
	ck_assert_ptr_nonnull(strstr(text, "redacted@h.test"));
	ck_assert_ptr_null(strstr(text, "secret"));
	ck_assert_ptr_nonnull(
		strstr(text, " failed_ms=15000 failed_checks=3\n"));
	ck_assert_ptr_nonnull(
		strstr(text, "failed_ms=20000 failed_checks=4\n"));
	/* however late there is room to say it */
	for (int i = 0; i < 10; i++) {
		fail_with(target, OUTCOME_ROUND_TRIP_FAILED, "reset");
		now_ns += NS_PER_S;
		take(good_sample());
	}
	now_ns += 10 * LOG_TARGET_LINE_NS;
	take(good_sample());
	ck_assert_uint_eq(line_count(fd), LOG_TARGET_LINES + 1);
	ck_assert_ptr_nonnull(strstr(text, " failed_ms=1000 failed_checks=1 "
					   "left_out=14\n"));
	close_log(fd);
}
END_TEST

START_TEST(when_a_check_ended_is_known_however_late_it_is_read)
{
	struct wire_sample sample = good_sample();

	now_ns = 2000 * NS_PER_S;
	sample.started_mono_ns = now_ns - 70 * NS_PER_MS;
	take(sample);
	ck_assert_uint_eq(target->ended_unix_ns,
		sample.started_mono_ns + sample.duration_ns);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("aggregate");
	TCase *tcase = tcase_create("aggregate");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_success_in_every_line);
	tcase_add_test(tcase, the_last_chain_that_held_counts);
	tcase_add_test(tcase, each_failure_is_exactly_one_error);
	tcase_add_test(tcase, status_000_is_a_code_of_its_own);
	tcase_add_test(tcase, redirects_count_their_requests_and_no_error);
	tcase_add_test(tcase, phases_add_up_to_the_durations_of_checks);
	tcase_add_test(tcase, a_cancelled_check_counts_nowhere);
	tcase_add_test(tcase, neighbours_share_the_new_histograms);
	tcase_add_test(tcase, more_codes_than_are_kept_still_count_right);
	tcase_add_test(
		tcase, dns_answers_are_timed_and_failures_counted_per_server);
	tcase_add_test(
		tcase, a_query_that_is_not_answered_is_a_warning_until_all_are);
	tcase_add_test(tcase, a_refusal_that_comes_at_once_is_no_hang);
	tcase_add_test(tcase, the_log_does_not_tell_a_urls_password);
	tcase_add_test(tcase, the_log_names_the_url_of_a_socket);
	tcase_add_test(tcase, warnings_that_flap_say_nothing_of_results);
	tcase_add_test(tcase, another_reason_of_a_failure_is_said);
	tcase_add_test(tcase,
		a_target_that_flaps_is_logged_some_times_and_then_now_and_then);
	tcase_add_test(
		tcase, changes_of_too_many_targets_are_counted_and_not_logged);
	tcase_add_test(tcase,
		what_is_ok_again_says_for_how_long_and_how_often_it_was_not);
	tcase_add_test(
		tcase, when_a_check_ended_is_known_however_late_it_is_read);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
