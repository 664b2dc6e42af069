/* SPDX-License-Identifier: Apache-2.0 */
/* The dates of certificates, without the C library's time zones: a worker's
 * sandbox does not let it read them. */
#ifndef WORKERS_TLS_TIME_H
#define WORKERS_TLS_TIME_H

#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

/* Once per process, before the others.  0 or -ENOMEM. */
int tls_time_init(void);
/* Earliest notAfter, as Unix time; 0: none that can be read. */
int64_t tls_time_earliest_end(const struct stack_st_X509 *certificates);
/* RFC 3339, UTC; "" when it cannot be read. */
void tls_time_format(const ASN1_TIME *time, char *ret_text, size_t cap_bytes);

#endif
