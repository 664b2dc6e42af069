/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges what a server shows of itself: a part of tls.c, called by OpenSSL in
 * the midst of a handshake.  It writes into the session what is to be told of
 * the certificates, good or bad.
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
