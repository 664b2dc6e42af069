/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the https listener shows: a certificate with its chain, and the key.
 * Read at the start and again when the files change; each new connection gets
 * the pair of that moment, those that are open keep what they had.  GnuTLS is
 * known here alone; libmicrohttpd drives it.
 */
#ifndef SUPERVISOR_HTTP_TLS_H
#define SUPERVISOR_HTTP_TLS_H

#include <gnutls/abstract.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * TLS 1.2 and 1.3, a fresh key for each connection, and authenticated ciphers
 * alone: what RFC 9325 sections 3.1.1 and 4.2 recommend.
 */
#define HTTP_TLS_PRIORITIES                                                    \
	"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:"     \
	"+ECDHE-RSA:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:" \
	"-MAC-ALL:+AEAD"

struct http_tls;

/* Of one connection. */
struct http_tls_peer {
	struct http_tls *tls; /* NULL: plain HTTP */
	int fd;
	void (*on_handshaken)(struct http_tls_peer *peer);
	unsigned reads_left; /* until the next request */
	uint8_t first_count;
	char first_bytes[5];
};

/* Reads both files.  NULL: error holds a sentence. */
struct http_tls *http_tls_open(const char *cert_path, const char *key_path,
	char *error, size_t error_cap);
/*
 * Reads them again.  0; or a negative errno and a sentence, and the old pair
 * stays in use.
 */
int http_tls_reload(struct http_tls *tls, char *error, size_t error_cap);
/* When the certificate in use ends. */
int64_t http_tls_not_after_unix_s(const struct http_tls *tls);
/* No connection may be left.  NULL is fine. */
void http_tls_free(struct http_tls *tls);

/* How often something came of looking at a peer's socket: bytes, or an end. */
uint64_t http_tls_heard(const struct http_tls *tls);
/* A connection is there, and nothing of it was read.  on_handshaken is called
 * when it begins to speak TLS. */
void http_tls_attach(struct http_tls_peer *peer, struct http_tls *tls, int fd,
	gnutls_session_t session,
	void (*on_handshaken)(struct http_tls_peer *peer));
/* A request has been answered: the next one may take as much as this one. */
void http_tls_allow_request(struct http_tls_peer *peer);
/* The same when there is no memory for it: its handshake ends at once. */
void http_tls_refuse(gnutls_session_t session);
/* For GnuTLS: which certificate a session of an attached peer shows. */
int http_tls_retrieve(gnutls_session_t session, const gnutls_datum_t *names,
	int name_count, const gnutls_pk_algorithm_t *algorithms,
	int algorithm_count, gnutls_pcert_st **ret_certificates,
	unsigned *ret_count, gnutls_privkey_t *ret_key);
/* A last word, where the handshake is over. */
void http_tls_say(gnutls_session_t session, const char *text);
/* What came first was no TLS: it tells whom it speaks to, in plain text. */
void http_tls_farewell(const struct http_tls_peer *peer);

#endif
