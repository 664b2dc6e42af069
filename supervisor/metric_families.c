/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of all families of metrics; see metric_families.h.  A name or a
 * label changed here breaks somebody's dashboard.
 */
#include "supervisor/metric_families.h"

#include "common/clock.h"

enum buckets {
	BUCKETS_NONE,
	BUCKETS_CONFIGURED, /* KUBENURSE_HISTOGRAM_BUCKETS or vmrange */
	BUCKETS_OWN,        /* always own_bounds_s */
};

struct family_row {
	const char *name;
	enum metric_kind kind;
	enum buckets buckets;
	const char *labels[REGISTRY_LABELS_MAX];
	const char *help;
};

/* From a local TCP round trip to the longest a check may take. */
static const double own_bounds_s[] = { .00005, .0001, .00025, .0005, .001,
	.0025, .005, .01, .05, .25, 1, 5 };

#define OWN_BOUNDS_COUNT (sizeof(own_bounds_s) / sizeof(own_bounds_s[0]))

/* clang-format off */
static const struct family_row rows[METRIC_ID_COUNT] = {
	[METRIC_HTTPCLIENT_REQUESTS_TOTAL] = {
		"kubenurse_httpclient_requests_total", KIND_COUNTER,
		BUCKETS_NONE, { "type", "code" },
		"Requests sent, one per redirect hop, by HTTP status code or "
		"round_trip_error when no response came." },
	[METRIC_HTTPCLIENT_REQUEST_DURATION] = {
		"kubenurse_httpclient_request_duration_seconds", KIND_HISTOGRAM,
		BUCKETS_CONFIGURED, { "type" },
		"Time from the start of a request to the end of the response "
		"headers; only requests that were answered." },
	[METRIC_HTTPCLIENT_TRACE_REQUEST_DURATION] = {
		"kubenurse_httpclient_trace_request_duration_seconds",
		KIND_HISTOGRAM, BUCKETS_CONFIGURED, { "type", "event" },
		"Time from the start of a request until it reached the event; "
		"only events reached without error." },
	[METRIC_ERRORS_TOTAL] = {
		"kubenurse_errors_total", KIND_COUNTER,
		BUCKETS_NONE, { "type", "event" },
		"Failed checks, by the phase or the status code they failed "
		"with; exactly one per failed check." },
	[METRIC_NEIGHBOURHOOD_INCOMING_CHECKS] = {
		"kubenurse_neighbourhood_incoming_checks", KIND_GAUGE,
		BUCKETS_NONE, { NULL },
		"Distinct neighbours that have checked this instance lately." },
	[METRIC_PHASE_DURATION] = {
		"kubenurse_phase_duration_seconds", KIND_HISTOGRAM,
		BUCKETS_OWN, { "type", "phase" },
		"Time a hop spent in each phase, also in the one it failed "
		"in; the phases of a check add up to its duration." },
	[METRIC_CHECK_DURATION] = {
		"kubenurse_check_duration_seconds", KIND_HISTOGRAM,
		BUCKETS_OWN, { "type", "outcome" },
		"Duration of whole checks, all hops, failures and timeouts "
		"included." },
	[METRIC_TCP_RTT] = {
		"kubenurse_tcp_rtt_seconds", KIND_HISTOGRAM,
		BUCKETS_OWN, { "type" },
		"Round-trip time of new TCP connections as the kernel measured "
		"it; not when a SYN was lost." },
	[METRIC_TCP_RETRANSMITS_TOTAL] = {
		"kubenurse_tcp_retransmits_total", KIND_COUNTER,
		BUCKETS_NONE, { "type", "stage" },
		"TCP segments sent again, while connecting (syn) and after "
		"that (data), by all connections of the checks." },
	[METRIC_TLS_CERTIFICATE_EXPIRY] = {
		"kubenurse_tls_certificate_expiry_timestamp_seconds",
		KIND_GAUGE, BUCKETS_NONE, { "type" },
		"Earliest end of validity among the certificates the server "
		"sent, trusted or not, as Unix time." },
	[METRIC_TLS_CHAIN_EXPIRY] = {
		"kubenurse_tls_chain_expiry_timestamp_seconds",
		KIND_GAUGE, BUCKETS_NONE, { "type" },
		"Earliest end of validity in the certificate chain that was "
		"last verified, as Unix time." },
	[METRIC_CHECK_LAST_SUCCESS] = {
		"kubenurse_check_last_success_timestamp_seconds", KIND_GAUGE,
		BUCKETS_NONE, { "type" },
		"When a check last succeeded, as Unix time." },
	[METRIC_DNS_QUERY_DURATION] = {
		"kubenurse_dns_query_duration_seconds", KIND_HISTOGRAM,
		BUCKETS_OWN, { "type", "nameserver" },
		"Time each nameserver took to answer a query; only queries "
		"that were answered." },
	[METRIC_DNS_ERRORS_TOTAL] = {
		"kubenurse_dns_errors_total", KIND_COUNTER,
		BUCKETS_NONE, { "type", "nameserver", "reason" },
		"DNS queries that gave no usable answer, by nameserver and "
		"reason." },
	[METRIC_DNS_LATE_DURATION] = {
		"kubenurse_dns_late_duration_seconds", KIND_HISTOGRAM,
		BUCKETS_OWN, { "type" },
		"From the start of a name's resolution to the end of a query "
		"that the check did not wait for: how long an application "
		"hangs that waits for both A and AAAA." },
	[METRIC_NEIGHBOURS] = {
		"kubenurse_neighbours", KIND_GAUGE,
		BUCKETS_NONE, { "state" },
		"Neighbours known from discovery, those selected to be checked "
		"by this instance, and those refused for their address." },
	[METRIC_DISCOVERY_UP] = {
		"kubenurse_discovery_up", KIND_GAUGE,
		BUCKETS_NONE, { NULL },
		"1 while the source of neighbours answers, 0 while the last "
		"known neighbours are used." },
	[METRIC_DISCOVERY_LAST_SUCCESS] = {
		"kubenurse_discovery_last_success_timestamp_seconds",
		KIND_GAUGE, BUCKETS_NONE, { NULL },
		"When the source of neighbours last answered, as Unix time." },
	[METRIC_DISCOVERY_ERRORS_TOTAL] = {
		"kubenurse_discovery_errors_total", KIND_COUNTER,
		BUCKETS_NONE, { "reason" },
		"Failed requests to the source of neighbours, by reason." },
	[METRIC_DISCOVERY_RECEIVED_BYTES_TOTAL] = {
		"kubenurse_discovery_received_bytes_total", KIND_COUNTER,
		BUCKETS_NONE, { NULL },
		"Bytes received from the source of neighbours, headers "
		"included, as sent, without TLS." },
	[METRIC_WORKER_UP] = {
		"kubenurse_worker_up", KIND_GAUGE,
		BUCKETS_NONE, { "worker" },
		"1 while the worker process runs, else 0." },
	[METRIC_WORKER_RESTARTS_TOTAL] = {
		"kubenurse_worker_restarts_total", KIND_COUNTER,
		BUCKETS_NONE, { "worker", "reason" },
		"Worker processes started again after an unplanned end, by "
		"reason." },
	[METRIC_WORKER_RESIDENT_MEMORY] = {
		"kubenurse_worker_resident_memory_bytes", KIND_GAUGE,
		BUCKETS_NONE, { "worker" },
		"Resident memory of the worker process." },
	[METRIC_WORKER_CPU_TOTAL] = {
		"kubenurse_worker_cpu_seconds_total", KIND_COUNTER_NS,
		BUCKETS_NONE, { "worker" },
		"CPU time spent by the worker, all its processes together." },
	[METRIC_WORKER_SANDBOX_LEVEL] = {
		"kubenurse_worker_sandbox_level", KIND_GAUGE,
		BUCKETS_NONE, { "worker" },
		"How the worker is confined: 2 seccomp and Landlock, 1 seccomp "
		"only, 0 not at all." },
	[METRIC_CHECKS_STARTED_TOTAL] = {
		"kubenurse_checks_started_total", KIND_COUNTER,
		BUCKETS_NONE, { "worker" },
		"Checks the worker has begun." },
	[METRIC_CHECKS_UNCOUNTED_TOTAL] = {
		"kubenurse_checks_uncounted_total", KIND_COUNTER,
		BUCKETS_NONE, { "worker" },
		"Checks that count nowhere: cut short by a shutdown, or of a "
		"target that was changed or removed meanwhile." },
	[METRIC_SAMPLES_LOST_TOTAL] = {
		"kubenurse_samples_lost_total", KIND_COUNTER,
		BUCKETS_NONE, { "worker" },
		"Checks whose result was lost: in flight when the worker "
		"died, or dropped on the way." },
	[METRIC_SCHEDULER_LATENESS] = {
		"kubenurse_scheduler_lateness_seconds", KIND_HISTOGRAM,
		BUCKETS_OWN, { "worker" },
		"How late the worker ran after the timer or the packet it was "
		"waiting for." },
	[METRIC_SERIES_REFUSED_TOTAL] = {
		"kubenurse_series_refused_total", KIND_COUNTER,
		BUCKETS_NONE, { "worker" },
		"Values that are not shown: the worker has as many series as "
		"it may have." },
	[METRIC_TLS_RELOAD_SUCCESSFUL] = {
		"kubenurse_tls_reload_successful", KIND_GAUGE,
		BUCKETS_NONE, { NULL },
		"1 when the listener's certificate was last read without "
		"error, else 0." },
	[METRIC_CONFIG_RELOAD_SUCCESSFUL] = {
		"kubenurse_config_last_reload_successful", KIND_GAUGE,
		BUCKETS_NONE, { NULL },
		"1 when the configuration was last read without error, "
		"else 0." },
	[METRIC_CONFIG_RELOAD_SUCCESS_TIME] = {
		"kubenurse_config_last_reload_success_timestamp_seconds",
		KIND_GAUGE, BUCKETS_NONE, { NULL },
		"When the configuration in use was read, as Unix time." },
	[METRIC_BUILD_INFO] = {
		"kubenurse_build_info", KIND_GAUGE,
		BUCKETS_NONE, { "version" },
		"Always 1; the label tells the version." },
	[METRIC_PROCESS_CPU_TOTAL] = {
		"process_cpu_seconds_total", KIND_COUNTER_NS,
		BUCKETS_NONE, { NULL },
		"User and system CPU time spent by the supervisor." },
	[METRIC_PROCESS_RESIDENT_MEMORY] = {
		"process_resident_memory_bytes", KIND_GAUGE,
		BUCKETS_NONE, { NULL },
		"Resident memory of the supervisor." },
	[METRIC_PROCESS_VIRTUAL_MEMORY] = {
		"process_virtual_memory_bytes", KIND_GAUGE,
		BUCKETS_NONE, { NULL },
		"Virtual memory of the supervisor." },
	[METRIC_PROCESS_OPEN_FDS] = {
		"process_open_fds", KIND_GAUGE,
		BUCKETS_NONE, { NULL },
		"File descriptors the supervisor has open." },
	[METRIC_PROCESS_MAX_FDS] = {
		"process_max_fds", KIND_GAUGE,
		BUCKETS_NONE, { NULL },
		"File descriptors the supervisor may have open." },
	[METRIC_PROCESS_START_TIME] = {
		"process_start_time_seconds", KIND_GAUGE,
		BUCKETS_NONE, { NULL },
		"When the supervisor was started, as Unix time." },
};
/* clang-format on */

int
metric_families_register(struct registry *registry, const double *bounds_s,
	size_t n_bounds, bool vmrange, bool legacy)
{
	for (size_t id = 0; id < METRIC_ID_COUNT; id++) {
		const struct family_row *row = &rows[id];
		struct family_def def = {
			.name = row->name, .help = row->help, .kind = row->kind
		};
		int ret;

		if (id == METRIC_HTTPCLIENT_TRACE_REQUEST_DURATION && !legacy)
			continue;
		for (size_t i = 0; i < REGISTRY_LABELS_MAX; i++)
			def.labels[i] = row->labels[i];
		if (row->buckets == BUCKETS_OWN) {
			def.bounds_s = own_bounds_s;
			def.n_bounds = OWN_BOUNDS_COUNT;
		} else if (row->buckets == BUCKETS_CONFIGURED && vmrange) {
			def.kind = KIND_VMRANGE;
		} else if (row->buckets == BUCKETS_CONFIGURED) {
			def.bounds_s = bounds_s;
			def.n_bounds = n_bounds;
		}
		ret = registry_register(registry, id, &def);
		if (ret < 0)
			return ret;
	}
	return 0;
}
