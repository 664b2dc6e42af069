/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The series in which one target counts, each looked up at its first event and
 * kept: a sample is then some increments.
 */
#ifndef SUPERVISOR_TARGET_SERIES_H
#define SUPERVISOR_TARGET_SERIES_H

#include "common/outcome.h"
#include "supervisor/registry.h"

#include <stdint.h>

/* Codes and nameservers that are kept; others are looked up each time. */
#define TARGET_SERIES_CODES       6
#define TARGET_SERIES_NAMESERVERS 4

/* What one errors_total series is about: an event, or a status. */
enum target_error {
	TARGET_ERROR_DNS,
	TARGET_ERROR_CONNECT,
	TARGET_ERROR_TLS,
	TARGET_ERROR_WRITE,
	TARGET_ERROR_ROUND_TRIP,
	TARGET_ERROR_COUNT
};

/* Beyond all status codes, of which 000 is one. */
#define TARGET_NO_RESPONSE 1000

struct target_series_code {
	uint16_t code; /* or TARGET_NO_RESPONSE */
	struct series *requests;
	struct series *errors; /* status_code_NNN */
};

struct target_series_nameserver {
	char name[64];
	struct series *duration;
	struct series *errors[DNS_RESULT_COUNT];
};

struct target_series {
	struct target_series_code codes[TARGET_SERIES_CODES];
	struct series *errors[TARGET_ERROR_COUNT];
	struct series *request_duration;
	struct series *trace[EVENT_COUNT];
	struct series *phases[PHASE_COUNT];
	struct series *check_duration[2]; /* ok, error */
	struct series *tcp_rtt;
	struct series *retransmits[2]; /* syn, data */
	struct series *certificate_expiry;
	struct series *chain_expiry;
	struct series *last_success;
	struct series *dns_wait;
	struct target_series_nameserver nameservers[TARGET_SERIES_NAMESERVERS];
};

/*
 * Gives back those of the nameservers: the next query takes what it needs
 * again, and those that nobody asks any more expire.
 */
void target_series_release_nameservers(
	struct target_series *series, uint64_t now_ns);
/* Gives all of them back to the registry, where they expire. */
void target_series_release(struct target_series *series, uint64_t now_ns);

#endif
