/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a check shows to a server that asks for a certificate: one, its chain
 * and its key.  Each session takes references of its own, so that an identity
 * may go while a handshake is under way.
 */
#ifndef WORKERS_TLS_IDENTITY_H
#define WORKERS_TLS_IDENTITY_H

#include <stddef.h>

struct tls_identity {
	struct stack_st_X509 *certificates; /* the own one, then its chain */
	struct evp_pkey_st *key;
};

/* Empty.  NULL: no memory. */
struct tls_identity *tls_identity_new(void);
/* Wipes the key.  Accepts NULL. */
void tls_identity_free(struct tls_identity *identity);
/*
 * From PEM texts: the certificate is the first one, those behind it are its
 * chain; then its key.  NULL, or in a few words why it cannot be used.
 */
const char *tls_identity_add_certificate(
	struct tls_identity *identity, const char *pem, size_t len_bytes);
const char *tls_identity_add_key(
	struct tls_identity *identity, const char *pem, size_t len_bytes);

#endif
