/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another way to an authority.  OpenSSL follows one path: of several CAs with
 * one name, of an intermediate that was sent twice, it takes the first that
 * fits by its name and dates, and when that has not signed, the chain is bad.
 * CAs that were rotated need the others tried, as Go's crypto/x509 tries them.
 */
#ifndef WORKERS_TLS_PATHS_H
#define WORKERS_TLS_PATHS_H

#include <openssl/x509_vfy.h>
#include <stdbool.h>
#include <stdint.h>

/* 0 or -ENOMEM. */
int tls_paths_init(void);
/*
 * After X509_verify_cert(3) has refused: true, there is a path that holds, with
 * the earliest notAfter of its certificates; else the verification's error may
 * be that of a path that comes closer.
 */
bool tls_paths_try(X509_STORE_CTX *verification, int64_t *ret_not_after_unix_s);

#endif
