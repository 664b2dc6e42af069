/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a certificate is for a host name, by the rules of Go's crypto/x509:
 * kubenurse 1.x has them, and so do most servers of a cluster.  They are wider
 * than OpenSSL's in two things: names may have underscores, and what follows
 * `*.` may be a single label.
 */
#ifndef WORKERS_TLS_NAMES_H
#define WORKERS_TLS_NAMES_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * The name of a certificate (not terminated, any bytes) is that of the host,
 * which has no dot at its end.  Exported for the test.
 */
bool tls_names_match(const char *name, size_t len, const char *host);
/* One of the certificate's DNS names is.  The subject's CN is no name. */
bool tls_names_hold(const X509 *certificate, const char *host);

#endif
