/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every family of metrics the program can show, one row each: name, kind,
 * labels, buckets and help.  The numbers below are the ids for registry_get();
 * each is followed by its labels, in the order of the values to pass.
 */
#ifndef SUPERVISOR_METRIC_FAMILIES_H
#define SUPERVISOR_METRIC_FAMILIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/registry.h"

enum metric_id {
	/* As in kubenurse 1.x. */
	METRIC_HTTPCLIENT_REQUESTS_TOTAL,         /* type, code */
	METRIC_HTTPCLIENT_REQUEST_DURATION,       /* type */
	METRIC_HTTPCLIENT_TRACE_REQUEST_DURATION, /* type, event */
	METRIC_ERRORS_TOTAL,                      /* type, event */
	METRIC_NEIGHBOURHOOD_INCOMING_CHECKS,
	/* Checks. */
	METRIC_PHASE_DURATION,         /* type, phase */
	METRIC_CHECK_DURATION,         /* type, outcome */
	METRIC_TCP_RTT,                /* type */
	METRIC_TCP_RETRANSMITS_TOTAL,  /* type, stage */
	METRIC_TLS_CERTIFICATE_EXPIRY, /* type */
	METRIC_TLS_CHAIN_EXPIRY,       /* type */
	METRIC_CHECK_LAST_SUCCESS,     /* type */
	METRIC_DNS_QUERY_DURATION,     /* type, nameserver */
	METRIC_DNS_ERRORS_TOTAL,       /* type, nameserver, reason */
	METRIC_DNS_LATE_DURATION,      /* type */
	/* Neighbours. */
	METRIC_NEIGHBOURS, /* state */
	METRIC_DISCOVERY_UP,
	METRIC_DISCOVERY_LAST_SUCCESS,
	METRIC_DISCOVERY_ERRORS_TOTAL, /* reason */
	METRIC_DISCOVERY_RECEIVED_BYTES_TOTAL,
	/* Workers. */
	METRIC_WORKER_UP,              /* worker */
	METRIC_WORKER_RESTARTS_TOTAL,  /* worker, reason */
	METRIC_WORKER_RESIDENT_MEMORY, /* worker */
	METRIC_WORKER_CPU_TOTAL,       /* worker; in nanoseconds */
	METRIC_WORKER_SANDBOX_LEVEL,   /* worker */
	METRIC_CHECKS_STARTED_TOTAL,   /* worker */
	METRIC_CHECKS_UNCOUNTED_TOTAL, /* worker */
	METRIC_SAMPLES_LOST_TOTAL,     /* worker */
	METRIC_SCHEDULER_LATENESS,     /* worker */
	METRIC_SERIES_REFUSED_TOTAL,   /* worker */
	/* The program itself. */
	METRIC_TLS_RELOAD_SUCCESSFUL,
	METRIC_CONFIG_RELOAD_SUCCESSFUL,
	METRIC_CONFIG_RELOAD_SUCCESS_TIME,
	METRIC_BUILD_INFO,        /* version */
	METRIC_PROCESS_CPU_TOTAL, /* in nanoseconds */
	METRIC_PROCESS_RESIDENT_MEMORY,
	METRIC_PROCESS_VIRTUAL_MEMORY,
	METRIC_PROCESS_OPEN_FDS,
	METRIC_PROCESS_MAX_FDS,
	METRIC_PROCESS_START_TIME,
	METRIC_ID_COUNT
};

/*
 * Registers all families in a registry made for METRIC_ID_COUNT.  bounds_s,
 * or with vmrange VictoriaMetrics' buckets, are for the histograms of
 * kubenurse 1.x only; without legacy the trace histogram is left out, and
 * registry_get() answers NULL for it.  0, or as registry_register().
 */
int metric_families_register(struct registry *registry, const double *bounds_s,
	size_t n_bounds, bool vmrange, bool legacy);

#endif
