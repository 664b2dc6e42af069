/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All families as the outside knows them.  A difference here is a broken
 * dashboard, so the names are written out a second time on purpose.
 */
#include "supervisor/metric_families.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/strbuf.h"
#include "supervisor/exposition.h"

static const char *const values[REGISTRY_LABELS_MAX] = { "1", "2", "3", "4" };

static const char scalars_text[] =
	"kubenurse_build_info{version=\"1\"} 0\n"
	"kubenurse_check_last_success_timestamp_seconds{type=\"1\"} 0\n"
	"kubenurse_checks_started_total{worker=\"1\"} 0\n"
	"kubenurse_checks_uncounted_total{worker=\"1\"} 0\n"
	"kubenurse_config_last_reload_success_timestamp_seconds 0\n"
	"kubenurse_config_last_reload_successful 0\n"
	"kubenurse_discovery_errors_total{reason=\"1\"} 0\n"
	"kubenurse_discovery_last_success_timestamp_seconds 0\n"
	"kubenurse_discovery_received_bytes_total 0\n"
	"kubenurse_discovery_up 0\n"
	"kubenurse_dns_errors_total{type=\"1\",nameserver=\"2\",reason=\"3\"} "
	"0\n"
	"kubenurse_errors_total{type=\"1\",event=\"2\"} 0\n"
	"kubenurse_httpclient_requests_total{type=\"1\",code=\"2\"} 0\n"
	"kubenurse_neighbourhood_incoming_checks 0\n"
	"kubenurse_neighbours{state=\"1\"} 0\n"
	"kubenurse_samples_lost_total{worker=\"1\"} 0\n"
	"kubenurse_series_refused_total{worker=\"1\"} 0\n"
	"kubenurse_tcp_retransmits_total{type=\"1\",stage=\"2\"} 0\n"
	"kubenurse_tls_certificate_expiry_timestamp_seconds{type=\"1\"} 0\n"
	"kubenurse_tls_chain_expiry_timestamp_seconds{type=\"1\"} 0\n"
	"kubenurse_tls_reload_successful 0\n"
	"kubenurse_worker_cpu_seconds_total{worker=\"1\"} 0\n"
	"kubenurse_worker_resident_memory_bytes{worker=\"1\"} 0\n"
	"kubenurse_worker_restarts_total{worker=\"1\",reason=\"2\"} 0\n"
	"kubenurse_worker_sandbox_level{worker=\"1\"} 0\n"
	"kubenurse_worker_up{worker=\"1\"} 0\n"
	"process_cpu_seconds_total 0\n"
	"process_max_fds 0\n"
	"process_open_fds 0\n"
	"process_resident_memory_bytes 0\n"
	"process_start_time_seconds 0\n"
	"process_virtual_memory_bytes 0\n";

static const char counts_text[] =
	"kubenurse_check_duration_seconds_count{type=\"1\",outcome=\"2\"} 0\n"
	"kubenurse_dns_late_duration_seconds_count{type=\"1\"} 0\n"
	"kubenurse_dns_query_duration_seconds_count{type=\"1\","
	"nameserver=\"2\"} 0\n"
	"kubenurse_httpclient_request_duration_seconds_count{type=\"1\"} 0\n"
	"kubenurse_httpclient_trace_request_duration_seconds_count{"
	"type=\"1\",event=\"2\"} 0\n"
	"kubenurse_phase_duration_seconds_count{type=\"1\",phase=\"2\"} 0\n"
	"kubenurse_scheduler_lateness_seconds_count{worker=\"1\"} 0\n"
	"kubenurse_tcp_rtt_seconds_count{type=\"1\"} 0\n";

static char *
render(struct registry *registry, bool metadata)
{
	static struct exposition e;
	struct strbuf text;
	char buf[4096];
	ssize_t n_bytes;

	strbuf_init(&text, 0);
	exposition_start(&e, registry, metadata);
	while ((n_bytes = exposition_read(&e, buf, sizeof(buf))) > 0)
		strbuf_add(&text, buf, (size_t)n_bytes);
	exposition_fini(&e);
	return strbuf_take(&text);
}

/* One series of every family. */
static struct registry *
make_registry(bool vmrange, bool legacy)
{
	static const double bounds_s[] = { .005, 10 };
	struct registry *registry = registry_new(METRIC_ID_COUNT, 100);

	ck_assert_ptr_nonnull(registry);
	ck_assert_int_eq(metric_families_register(
				 registry, bounds_s, 2, vmrange, legacy),
		0);
	for (size_t id = 0; id < METRIC_ID_COUNT; id++) {
		bool is_trace = id == METRIC_HTTPCLIENT_TRACE_REQUEST_DURATION;

		ck_assert_msg((registry_get(registry, id, values) != NULL) ==
				      (legacy || !is_trace),
			"family %zu", id);
	}
	return registry;
}

/* Keeps the lines that hold the word, or those that do not. */
static char *
filter(char *text, const char *const *words, bool keep)
{
	struct strbuf kept;

	strbuf_init(&kept, 0);
	for (char *line = strtok(text, "\n"); line != NULL;
		line = strtok(NULL, "\n")) {
		bool found = false;

		for (size_t i = 0; words[i] != NULL; i++)
			found = found || strstr(line, words[i]) != NULL;
		if (found != keep)
			continue;
		strbuf_add_string(&kept, line);
		strbuf_add_char(&kept, '\n');
	}
	free(text);
	return strbuf_take(&kept);
}

static void
expect_lines(struct registry *registry, const char *const *words, bool keep,
	const char *want)
{
	char *text = filter(render(registry, false), words, keep);

	ck_assert_str_eq(text, want);
	free(text);
}

/* K 4.1, K 4.10, N 4.29 */
START_TEST(names_and_labels_are_the_contract)
{
	static const char *const of_histograms[] = { "seconds_bucket",
		"seconds_sum", "seconds_count", NULL };
	static const char *const counts[] = { "seconds_count", NULL };
	struct registry *registry = make_registry(false, true);

	expect_lines(registry, of_histograms, false, scalars_text);
	expect_lines(registry, counts, true, counts_text);
	registry_free(registry);
}
END_TEST

/* N 4.17 */
START_TEST(configured_buckets_are_for_the_old_histograms_only)
{
	static const char *const request[] = {
		"httpclient_request_duration_seconds_bucket", NULL
	};
	static const char *const rtt[] = { "tcp_rtt_seconds_bucket", NULL };
	struct registry *registry = make_registry(false, true);

#define REQUEST_LINE(le)                                                       \
	"kubenurse_httpclient_request_duration_seconds_bucket{type=\"1\",le="  \
	"\"" le "\"} 0\n"
#define RTT_LINE(le)                                                           \
	"kubenurse_tcp_rtt_seconds_bucket{type=\"1\",le=\"" le "\"} 0\n"
	expect_lines(registry, request, true,
		REQUEST_LINE("0.005") REQUEST_LINE("10") REQUEST_LINE("+Inf"));
	expect_lines(registry, rtt, true,
		RTT_LINE("5e-05") RTT_LINE("0.0001") RTT_LINE("0.00025")
			RTT_LINE("0.0005") RTT_LINE("0.001") RTT_LINE("0.0025")
				RTT_LINE("0.005") RTT_LINE("0.01") RTT_LINE(
					"0.05") RTT_LINE("0.25") RTT_LINE("1")
					RTT_LINE("5") RTT_LINE("+Inf"));
	registry_free(registry);
}
END_TEST

/* N 4.17 */
START_TEST(vmrange_is_for_the_old_histograms_only)
{
	static const char *const request[] = {
		"httpclient_request_duration_seconds_bucket", NULL
	};
	static const char *const rtt[] = {
		"tcp_rtt_seconds_bucket{type=\"1\",le=\"5\"}", NULL
	};
	struct registry *registry = make_registry(true, true);

	series_observe(registry_get(registry,
			       METRIC_HTTPCLIENT_REQUEST_DURATION, values),
		1000000);
	expect_lines(registry, request, true,
		"kubenurse_httpclient_request_duration_seconds_bucket{"
		"type=\"1\",vmrange=\"8.799e-04...1.000e-03\"} 1\n");
	expect_lines(registry, rtt, true,
		"kubenurse_tcp_rtt_seconds_bucket{type=\"1\",le=\"5\"} 0\n");
	registry_free(registry);
}
END_TEST

/* N 4.20 */
START_TEST(without_legacy_there_is_no_trace_histogram)
{
	static const char *const trace[] = { "trace", NULL };
	struct registry *registry = make_registry(false, false);

	expect_lines(registry, trace, true, "");
	ck_assert_uint_eq(registry_refused_count(registry, REGISTRY_OWN), 0);
	registry_free(registry);
}
END_TEST

/* F 4.12 */
START_TEST(every_family_is_described)
{
	static const char *const help[] = { "# HELP ", NULL };
	struct registry *registry = make_registry(false, true);
	char *text = filter(render(registry, true), help, true);
	size_t n_lines = 0;

	for (char *line = strtok(text, "\n"); line != NULL;
		line = strtok(NULL, "\n")) {
		/* A sentence, ending as one. */
		ck_assert_msg(line[strlen(line) - 1] == '.', "%s", line);
		n_lines++;
	}
	ck_assert_uint_eq(n_lines, METRIC_ID_COUNT);
	free(text);
	registry_free(registry);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("metric_families");
	TCase *tcase = tcase_create("metric_families");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, names_and_labels_are_the_contract);
	tcase_add_test(
		tcase, configured_buckets_are_for_the_old_histograms_only);
	tcase_add_test(tcase, vmrange_is_for_the_old_histograms_only);
	tcase_add_test(tcase, without_legacy_there_is_no_trace_histogram);
	tcase_add_test(tcase, every_family_is_described);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
