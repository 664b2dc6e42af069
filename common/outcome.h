/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words both programs share: what a hop goes through, how its time is
 * divided, and how a check can end.  The order of each enum is the order on
 * the pipe.
 */
#ifndef COMMON_OUTCOME_H
#define COMMON_OUTCOME_H

/* The trace events of kubenurse 1.x, in the order in which they happen. */
enum event {
	EVENT_DNS_START,
	EVENT_DNS_DONE,
	EVENT_CONNECT_START,
	EVENT_CONNECT_DONE,
	EVENT_TLS_HANDSHAKE_START,
	EVENT_TLS_HANDSHAKE_DONE,
	EVENT_GOT_CONN,
	EVENT_WROTE_REQUEST,
	EVENT_GOT_FIRST_RESP_BYTE,
	EVENT_COUNT
};

/* A partition of a hop's time: the phases sum to its duration, to the ns. */
enum phase {
	PHASE_DNS,
	PHASE_CONNECT, /* from the first attempt to the winner's connection */
	PHASE_TLS,
	PHASE_WRITE,
	PHASE_WAIT,  /* request written to first byte of the answer */
	PHASE_READ,  /* first byte to the end of the body */
	PHASE_LOCAL, /* this process's own delay, by the kernel's stamps */
	PHASE_COUNT
};

enum outcome {
	OUTCOME_OK,
	OUTCOME_REDIRECT, /* not the last hop */
	OUTCOME_STATUS,   /* an answer with another status than expected */
	OUTCOME_DNS_FAILED,
	OUTCOME_CONNECT_FAILED,
	OUTCOME_TLS_FAILED,
	OUTCOME_WRITE_FAILED,
	OUTCOME_ROUND_TRIP_FAILED,
	OUTCOME_CANCELLED, /* target gone or shutdown: counts nowhere */
	OUTCOME_COUNT
};

/* What one DNS query met. */
enum dns_result {
	DNS_OK, /* an answer, also an empty one */
	DNS_NXDOMAIN,
	DNS_SERVFAIL,
	DNS_REFUSED,
	DNS_FORMERR,
	DNS_NOTIMP,
	DNS_TIMEOUT,
	DNS_MALFORMED,
	DNS_UNREACHABLE,
	DNS_RESULT_COUNT
};

/* Why the source of neighbours gave no usable answer. */
enum discovery_error {
	DISCOVERY_ERROR_CONNECT, /* no connection, no name, no answer */
	DISCOVERY_ERROR_TLS,
	DISCOVERY_ERROR_UNAUTHORIZED, /* 401, or no token to show */
	DISCOVERY_ERROR_FORBIDDEN,
	DISCOVERY_ERROR_BAD_SELECTOR,
	DISCOVERY_ERROR_GONE, /* what was to be resumed is no longer kept */
	DISCOVERY_ERROR_THROTTLED,
	DISCOVERY_ERROR_SERVER, /* any other status */
	DISCOVERY_ERROR_MALFORMED,
	DISCOVERY_ERROR_TOO_MANY, /* more neighbours than there may be */
	DISCOVERY_ERROR_SILENT,   /* a watch tells nothing, not even that */
	DISCOVERY_ERROR_COUNT
};

/* One worker process each; the order of starting them. */
enum worker_type {
	WORKER_API_SERVER_DIRECT,
	WORKER_API_SERVER_DNS,
	WORKER_ME_INGRESS,
	WORKER_ME_SERVICE,
	WORKER_PATH,
	WORKER_EXTRA,
	WORKER_DISCOVERY,
	WORKER_TYPE_COUNT
};

/* The label values.  NULL for a number out of range. */
const char *event_name(unsigned event);
const char *phase_name(unsigned phase);
const char *outcome_name(unsigned outcome);
const char *dns_result_name(unsigned result);
const char *discovery_error_name(unsigned error);
const char *worker_type_name(unsigned type);

#endif
