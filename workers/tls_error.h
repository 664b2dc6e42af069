/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What OpenSSL left in its error queue, as tls_describe.c tells it.  The last
 * entry says which step failed, and often only which library: "ASN1 lib".  The
 * reason is then an entry before it.
 */
#ifndef WORKERS_TLS_ERROR_H
#define WORKERS_TLS_ERROR_H

#include <stdbool.h>

/* RFC 8446 section 6.2 */
enum tls_alert {
	TLS_ALERT_HANDSHAKE_FAILURE = 40,
	TLS_ALERT_BAD_CERTIFICATE = 42,
	TLS_ALERT_UNSUPPORTED_CERTIFICATE = 43,
	TLS_ALERT_CERTIFICATE_UNKNOWN = 46,
	TLS_ALERT_UNKNOWN_CA = 48,
	TLS_ALERT_ACCESS_DENIED = 49,
	TLS_ALERT_INTERNAL_ERROR = 80,
	TLS_ALERT_UNRECOGNIZED_NAME = 112,
	TLS_ALERT_CERTIFICATE_REQUIRED = 116,
};

struct tls_error {
	unsigned long code;   /* the last entry; 0: none */
	unsigned long detail; /* the first with a reason of its own; 0: none */
};

/* Empties the queue. */
void tls_error_take(struct tls_error *ret_error);
/* The peer sent this as an alert. */
bool tls_error_is_alert(const struct tls_error *error);
/* Its number, of enum tls_alert or another; -1: it is none. */
int tls_error_alert(const struct tls_error *error);
/* The peer lacks RFC 5746, and must not. */
bool tls_error_is_renegotiation(const struct tls_error *error);
/* A certificate of the peer that is none. */
bool tls_error_is_certificate(const struct tls_error *error);
/* A version of TLS that one side does not have. */
bool tls_error_is_version(const struct tls_error *error);
/* In the library's words, without "alert"; never NULL. */
const char *tls_error_words(const struct tls_error *error);

#endif
