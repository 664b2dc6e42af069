/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifies the certificates that a server sends.  A part of tls.c, called by
 * OpenSSL during a handshake.  Their dates, and the certificate that failed, go
 * into the session.
 */
#ifndef WORKERS_TLS_VERIFY_H
#define WORKERS_TLS_VERIFY_H

#include <openssl/x509_vfy.h>
#include <stdbool.h>

struct tls_session;

/* Once per process, before the first handshake.  0 or -ENOMEM. */
int tls_verify_init(void);
/* Trusted, and for the session's name; else the verification's error is set. */
bool tls_verify_chain(
	X509_STORE_CTX *verification, struct tls_session *session);
/* For an insecure trust: what the server sent must be affordable. */
bool tls_verify_nothing(
	X509_STORE_CTX *verification, struct tls_session *session);

#endif
