/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of TLS: a CA that is trusted, a server's certificate of it, and
 * both ends of a connection, the server's moved by hand in the same process.
 */
#ifndef TESTS_UNIT_TLS_FIXTURE_H
#define TESTS_UNIT_TLS_FIXTURE_H

#include "common/io.h"
#include "tests/unit/tls_peer.h"
#include "workers/tls.h"
#include "workers/transport.h"

#include <stdbool.h>
#include <stdint.h>

#define NAME      "good.test"
#define ALT_NAMES "DNS:good.test,DNS:*.wild.test,IP:127.0.0.1,IP:::1"

extern struct peer_identity ca, server;
extern struct tls_trust *trust; /* trusts ca */
extern struct tls_peer peer;    /* shows server */
extern struct transport client;
extern char text[256]; /* what was read, or why a handshake failed */

/* A checked fixture. */
void open_all(void);
void close_all(void);

/* A CA named "test CA", with a number if it has an issuer, or a server's. */
struct peer_identity make(const char *alt_names, long starts_in_s,
	long ends_in_s, bool is_ca, const struct peer_identity *issuer);
/* The same without key identifiers, of any name and key; NULL: a new key. */
struct peer_identity make_plain(const char *common_name, bool is_ca,
	EVP_PKEY *key, const struct peer_identity *issuer);
void trust_identity(
	struct tls_trust *into, const struct peer_identity *identity);
/* The peer shows this one from its next connection on, and owns it. */
void use_server(struct peer_identity identity);
/* Ends the connection and makes the peer anew, with the same certificate. */
void start_over(void);
/* Connects. */
void start(const struct tls_trust *whom, const char *name);
/* The client's handshake to its end; the server's as far as it goes. */
enum io_result finish_handshake(void);
/* Both. */
enum io_result shake(const struct tls_trust *whom, const char *name);
/* Reads once there is something to say. */
enum io_result read_text(void);
int64_t expiry_of(const struct peer_identity *identity);
/* A handshake that must fail with these words, and what that leaves. */
void expect_refusal(const struct tls_trust *whom, const char *name,
	enum tls_failure failure, const char *words);

#endif
