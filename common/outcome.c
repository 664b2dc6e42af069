/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the shared enums; see outcome.h. */
#include "common/outcome.h"

#include <stddef.h>

#define NAME_OF(table, i)                                                      \
	((i) < sizeof(table) / sizeof((table)[0]) ? (table)[i] : NULL)

const char *
event_name(unsigned event)
{
	static const char *const names[EVENT_COUNT] = {
		[EVENT_DNS_START] = "dns_start",
		[EVENT_DNS_DONE] = "dns_done",
		[EVENT_CONNECT_START] = "connect_start",
		[EVENT_CONNECT_DONE] = "connect_done",
		[EVENT_TLS_HANDSHAKE_START] = "tls_handshake_start",
		[EVENT_TLS_HANDSHAKE_DONE] = "tls_handshake_done",
		[EVENT_GOT_CONN] = "got_conn",
		[EVENT_WROTE_REQUEST] = "wrote_request",
		[EVENT_GOT_FIRST_RESP_BYTE] = "got_first_resp_byte",
	};

	return NAME_OF(names, event);
}

const char *
phase_name(unsigned phase)
{
	static const char *const names[PHASE_COUNT] = {
		[PHASE_DNS] = "dns",
		[PHASE_CONNECT] = "connect",
		[PHASE_TLS] = "tls",
		[PHASE_WRITE] = "write",
		[PHASE_WAIT] = "wait",
		[PHASE_READ] = "read",
		[PHASE_LOCAL] = "local",
	};

	return NAME_OF(names, phase);
}

const char *
outcome_name(unsigned outcome)
{
	static const char *const names[OUTCOME_COUNT] = {
		[OUTCOME_OK] = "ok",
		[OUTCOME_REDIRECT] = "redirect",
		[OUTCOME_STATUS] = "status",
		[OUTCOME_DNS_FAILED] = "dns_failed",
		[OUTCOME_CONNECT_FAILED] = "connect_failed",
		[OUTCOME_TLS_FAILED] = "tls_failed",
		[OUTCOME_WRITE_FAILED] = "write_failed",
		[OUTCOME_ROUND_TRIP_FAILED] = "round_trip_failed",
		[OUTCOME_CANCELLED] = "cancelled",
	};

	return NAME_OF(names, outcome);
}

const char *
dns_result_name(unsigned result)
{
	static const char *const names[DNS_RESULT_COUNT] = {
		[DNS_OK] = "ok",
		[DNS_NXDOMAIN] = "nxdomain",
		[DNS_SERVFAIL] = "servfail",
		[DNS_REFUSED] = "refused",
		[DNS_FORMERR] = "formerr",
		[DNS_NOTIMP] = "notimp",
		[DNS_TIMEOUT] = "timeout",
		[DNS_MALFORMED] = "malformed",
		[DNS_UNREACHABLE] = "unreachable",
	};

	return NAME_OF(names, result);
}

const char *
discovery_error_name(unsigned error)
{
	static const char *const names[DISCOVERY_ERROR_COUNT] = {
		[DISCOVERY_ERROR_CONNECT] = "connect",
		[DISCOVERY_ERROR_TLS] = "tls",
		[DISCOVERY_ERROR_UNAUTHORIZED] = "unauthorized",
		[DISCOVERY_ERROR_FORBIDDEN] = "forbidden",
		[DISCOVERY_ERROR_BAD_SELECTOR] = "bad_selector",
		[DISCOVERY_ERROR_GONE] = "gone",
		[DISCOVERY_ERROR_THROTTLED] = "throttled",
		[DISCOVERY_ERROR_SERVER] = "server",
		[DISCOVERY_ERROR_MALFORMED] = "malformed",
		[DISCOVERY_ERROR_TOO_MANY] = "too_many",
		[DISCOVERY_ERROR_SILENT] = "silent",
	};

	return NAME_OF(names, error);
}

const char *
worker_type_name(unsigned type)
{
	static const char *const names[WORKER_TYPE_COUNT] = {
		[WORKER_API_SERVER_DIRECT] = "api_server_direct",
		[WORKER_API_SERVER_DNS] = "api_server_dns",
		[WORKER_ME_INGRESS] = "me_ingress",
		[WORKER_ME_SERVICE] = "me_service",
		[WORKER_PATH] = "path",
		[WORKER_EXTRA] = "extra",
		[WORKER_DISCOVERY] = "discovery",
	};

	return NAME_OF(names, type);
}
