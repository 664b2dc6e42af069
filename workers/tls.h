/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS for the probers: whom to trust, and one non-blocking client session over
 * a connected socket.  Every handshake is a full one, TLS 1.2 or later, ALPN
 * http/1.1.  Only tls.c and its parts, tls_*.c, know OpenSSL's TLS.
 * Driven by transport.c; what a worker's set-up needs is in the first part.
 */
#ifndef WORKERS_TLS_H
#define WORKERS_TLS_H

#include "common/io.h"
#include "workers/tls_error.h"
#include "workers/turn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_identity;
struct tls_trust;
struct strbuf;

/*
 * Loads what the library loads once: algorithms, error texts.  Called by the
 * nursery, so that its workers share the pages; it is safe to clone after it.
 * 0 or a negative errno.
 */
int tls_library_init(void);

/*
 * Whom to believe: an empty set of CAs, or with `base` all that base trusts,
 * then or later, which is shared, not copied.  Insecure: whoever answers.
 * NULL: no memory.
 */
struct tls_trust *tls_trust_new(const struct tls_trust *base, bool insecure);
/* Accepts NULL.  Sessions and derived sets that use it keep working. */
void tls_trust_free(struct tls_trust *trust);
/* As tls_pem_add(). */
int tls_trust_add_pem(struct tls_trust *trust, const char *source,
	const char *pem, size_t len_bytes, bool checked,
	struct strbuf *problems);
/* How many certificates were added, without doubles and without base's. */
size_t tls_trust_count(const struct tls_trust *trust);

enum tls_failure {
	TLS_FAILURE_NONE,
	TLS_FAILURE_SOCKET,   /* sys_errno says what */
	TLS_FAILURE_CLOSED,   /* the peer ended the stream in the handshake */
	TLS_FAILURE_PROTOCOL, /* an alert, or not TLS as we speak it */
	TLS_FAILURE_MESSAGES, /* of the handshake, after it, and no data */
	TLS_FAILURE_CERTIFICATE, /* not one to be trusted for this name */
	TLS_FAILURE_REFUSED,     /* it costs more than we spend on a server */
	TLS_FAILURE_OFFER,       /* the peer chose what was not offered */
	TLS_FAILURE_MEMORY,      /* this process has none; sys_errno, too */
};

/* What differs from one session to another. */
struct tls_terms {
	/* Accept servers without RFC 5746.  Never with the token: an attacker
	 * can put a request of their own before ours. */
	bool legacy_servers;
	int security_level; /* SSL_CTX_set_security_level(3); -1: OpenSSL's */
	/* Quote no certificate: the configuration does not name this host. */
	bool discreet;
};

/* Embedded in a transport; moves by tls_session_move alone while started. */
struct tls_session {
	struct ssl_st *ssl; /* NULL: not started */
	int fd;             /* the caller's */
	enum tls_failure failure;
	int sys_errno; /* of the socket; 0: none */
	struct tls_error error;
	const char *refusal;     /* why a certificate is refused, or NULL */
	const char *server_name; /* the ssl's; NULL: no name but an address */
	struct X509_VERIFY_PARAM_st *expected; /* the ssl's: that address */
	int security_level;
	long verify_error;       /* with a failure */
	int verify_depth;        /* which certificate failed; 0: the server's */
	struct x509_st *culprit; /* that certificate, or NULL; a reference */
	int64_t not_after_unix_s;
	int64_t chain_not_after_unix_s; /* of the chain that holds; 0: none */
	uint64_t stamp_mono_ns;
	/* of the handshake, since it ended or since the last data */
	uint32_t message_count;
	uint8_t first_bytes[5]; /* to tell what is not TLS at all */
	uint8_t first_count;
	/* Of the record at which the socket's stream is; 0: between two. */
	uint8_t record_head_bytes;
	uint16_t record_left_bytes; /* valid with a whole head */
	struct turn turn;           /* of reads from the socket */
	bool in_handshake;
	bool fin_seen;          /* the socket's end was reached */
	bool close_notify;      /* the peer said goodbye */
	bool certificate_asked; /* the peer wants one of ours */
	bool certificate_shown; /* and there is one for it */
	bool discreet;
};

/*
 * The name or address literal is what the certificate must be for; it may be
 * NULL or empty with an insecure trust only.  0, -EINVAL or -ENOMEM.
 */
int tls_session_start(struct tls_session *session, int fd,
	const struct tls_trust *trust, const char *server_name);
/*
 * What a server that asks for a certificate gets to see.  Before the handshake.
 * NULL, or why it cannot be shown.
 */
const char *tls_session_identify(
	struct tls_session *session, const struct tls_identity *identity);
/* Before the handshake. */
void tls_session_set_terms(
	struct tls_session *session, const struct tls_terms *terms);
enum io_result tls_session_handshake(struct tls_session *session);
/* At the start of a turn of the loop: what the session may read in it. */
void tls_session_begin_turn(struct tls_session *session, uint64_t now_ns);
/* The session holds bytes that the socket no longer has. */
bool tls_session_has_pending(const struct tls_session *session);
/* IO_EOF with or without the peer's close_notify. */
enum io_result tls_session_read(struct tls_session *session, void *buf,
	size_t cap_bytes, size_t *ret_bytes);
/* After that: with it, or at least between two records. */
bool tls_session_ended_whole(const struct tls_session *session);
enum io_result tls_session_write(struct tls_session *session, const void *bytes,
	size_t len_bytes, size_t *ret_bytes);
/* Goes on at another place; `from` is as if it had never been started. */
void tls_session_move(struct tls_session *to, struct tls_session *from);
/* Idempotent; the socket stays open.  Polite: with a close_notify of ours. */
void tls_session_close(struct tls_session *session, bool polite);
/* Why it failed, in a few words, while it is open; "" when it did not. */
void tls_session_describe(
	const struct tls_session *session, char *ret_text, size_t cap_bytes);

#endif
