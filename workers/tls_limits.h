/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server may cost the process that checks it, in computing time: what a
 * handshake does in one go delays all other targets of the worker.  The figures
 * are those of Go's TLS client where it has one, see docs/migration.md.
 */
#ifndef WORKERS_TLS_LIMITS_H
#define WORKERS_TLS_LIMITS_H

#include <openssl/x509.h>

/* Of a server's message; some 60 us each, by OpenSSL 3.0 (measured). */
#define TLS_CERTIFICATES_MAX 16
/*
 * Of that message, which is parsed before it can be counted.  Chains of public
 * authorities have 3 to 6 KiB.
 */
#define TLS_CERTIFICATES_BYTES_MAX (16 * 1024)
/* No finite fields: the server chooses the group, and one of 10,000 bits takes
 * 0.9 s (measured). */
#define TLS_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES" /* of TLS 1.2 */
#define TLS_GROUPS  "X25519:P-256:P-384:P-521"
/* A library in FIPS mode has no X25519. */
#define TLS_GROUPS_FIPS "P-256:P-384:P-521"

/* crypto/tls of Go; 0.2 ms for a signature (measured). */
#define TLS_RSA_BITS_MAX 8192
/* crypto/rsa of Go.  A large one makes checking as dear as signing. */
#define TLS_RSA_EXPONENT_BITS_MAX 31

/*
 * Of the search for another chain, when the first one is bad: certificates
 * gone on from, by name alone, and chains whose signatures are checked.  Go's
 * crypto/x509 checks 100 signatures; one of P-384 takes 0.5 ms (measured).
 */
#define TLS_STEPS_MAX 48
#define TLS_PATHS_MAX 16

/*
 * NULL: signatures of these certificates may be checked.  Else why not, and
 * which it is, as in a chain: 0 is the server's own.
 */
const char *tls_limits_refuse(const struct stack_st_X509 *sent, int *ret_depth);

#endif
