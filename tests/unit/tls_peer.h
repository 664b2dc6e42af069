/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests: certificates made on the spot and a TLS server on one end of a
 * socket, moved by hand in the test's own process.
 */
#ifndef TESTS_UNIT_TLS_PEER_H
#define TESTS_UNIT_TLS_PEER_H

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEER_DAY_S 86400

struct peer_identity {
	X509 *certificate;
	EVP_PKEY *key;
};

struct peer_subject {
	const char *common_name;
	const char *alt_names; /* as in openssl's configuration; NULL: none */
	long starts_in_s, ends_in_s; /* from now */
	bool is_ca;
	bool no_key_ids;    /* neither an own nor the authority's */
	const char *key_id; /* hexadecimal; NULL: the key's hash */
	EVP_PKEY *key;      /* NULL: a new one of P-256 */
};

/* Signed by the issuer, or by itself (NULL). */
struct peer_identity peer_identity_new(
	const struct peer_subject *subject, const struct peer_identity *issuer);
void peer_identity_free(struct peer_identity *identity);
/* The certificate in PEM, to be freed. */
char *peer_identity_pem(const struct peer_identity *identity);

struct tls_peer {
	SSL_CTX *context;
	SSL *ssl;
	BIO *in, *out; /* the ssl's */
	int fd;
	size_t chunk_bytes; /* of one send; 0: all there is */
	bool fin_seen;
};

/* The context can be changed until peer_open. */
void peer_init(struct tls_peer *peer, const struct peer_identity *identity);
/* The socket is the peer's from here on. */
void peer_open(struct tls_peer *peer, int fd);
/* Moves bytes both ways as far as they go, and the handshake. */
void peer_step(struct tls_peer *peer);
void peer_send(struct tls_peer *peer, const char *text);
/* Ends with close_notify and FIN, or FIN alone. */
void peer_end(struct tls_peer *peer, bool close_notify);
void peer_fini(struct tls_peer *peer);

#endif
