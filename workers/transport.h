/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport of one connection: plain TCP or TLS behind one table of
 * operations, so that what is above (HTTP) never asks which.  Embedded in the
 * caller's object; moves by transport_move alone while it is open.  Never
 * waits: each step answers what readiness it needs.
 */
#ifndef WORKERS_TRANSPORT_H
#define WORKERS_TRANSPORT_H

#include "common/io.h"
#include "workers/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_identity;
struct transport_ops;

struct transport {
	const struct transport_ops *ops; /* NULL: closed */
	int fd;
	int sys_errno;    /* of a plain step that failed */
	bool fin_seen;    /* of a plain read, or while waiting for it */
	struct turn turn; /* of transport_read */
	uint64_t stamp_mono_ns;
	struct tls_session tls;
};

enum transport_close {
	TRANSPORT_CLOSE_NORMAL, /* FIN; under TLS a close_notify before it */
	TRANSPORT_CLOSE_ABORT,  /* reset: leaves no TIME_WAIT */
};

/*
 * Takes over a connected socket.  No trust: plain, the name is not looked at.
 * A socket that carried a proxy's CONNECT is detached from the plain
 * transport and started again with a trust.  0 or a negative errno; the
 * socket is the transport's only on success.
 */
int transport_start(struct transport *transport, int fd,
	const struct tls_trust *trust, const char *server_name);
/* Right after a plain start: its socket is one of this host (socket_unix.h). */
void transport_be_local(struct transport *transport);
/*
 * Shows this to a server that asks for a certificate.  Between the start with
 * a trust and the handshake.  NULL, or why it cannot be shown.
 */
const char *transport_identify(
	struct transport *transport, const struct tls_identity *identity);
/* Before the handshake; nothing for a plain one. */
void transport_set_terms(
	struct transport *transport, const struct tls_terms *terms);
/*
 * At the start of each turn of the loop in which steps are made: how much they
 * may do in it (turn.h).  now_ns: loop_now_ns().
 */
void transport_begin_turn(struct transport *transport, uint64_t now_ns);
/* The steps.  Plain: the handshake is done at once. */
enum io_result transport_handshake(struct transport *transport);
/*
 * Writes from bytes + *progress_bytes on and moves the progress; IO_DONE when
 * all is written.  Called again it must be given the same bytes.
 */
enum io_result transport_write(struct transport *transport, const void *bytes,
	size_t len_bytes, size_t *progress_bytes);
/*
 * IO_DONE with at least one byte.  TLS keeps bytes the socket no longer has:
 * read until another answer comes before waiting for readiness.  IO_AGAIN: the
 * turn is over, and there are such bytes.
 */
enum io_result transport_read(struct transport *transport, void *buf,
	size_t cap_bytes, size_t *ret_bytes);
/*
 * After IO_WANT_READ: whether it was the turn that ended, so that there may be
 * more to read and no new readiness tells of it.
 */
bool transport_turn_is_over(const struct transport *transport);
/*
 * When the last segment that was read (handshake included) arrived, on
 * CLOCK_MONOTONIC; 0: no stamp.  To be judged by stamp_in_window.
 */
uint64_t transport_stamp_mono_ns(const struct transport *transport);
/*
 * After IO_EOF.  False: it came inside a record of TLS, so an answer that only
 * its end delimits is cut.
 */
bool transport_ended_whole(const struct transport *transport);
/* TCP has told that the peer has ended: spares a plain one the asking. */
void transport_note_fin(struct transport *transport);
/*
 * After the answer: discards until the peer's FIN is here (IO_EOF), so that
 * closing leaves no TIME_WAIT on this side.  IO_WANT_READ: not yet.  IO_ERROR:
 * there is nothing to wait for.
 */
enum io_result transport_await_fin(struct transport *transport);

/* In the handshake, by a server that may refuse whoever shows none. */
bool transport_was_asked_for_certificate(const struct transport *transport);
/* After IO_ERROR: the socket's errno, 0 when that was not the reason. */
int transport_errno(const struct transport *transport);
enum tls_failure transport_tls_failure(const struct transport *transport);
/* In a few words, until it is closed: "tls: certificate has expired". */
void transport_describe_failure(
	const struct transport *transport, char *ret_text, size_t cap_bytes);
/*
 * Earliest notAfter of the certificates the server sent, trusted or not; 0:
 * none was seen.
 */
int64_t transport_certificate_expiry_unix_s(const struct transport *transport);
/* Earliest notAfter of the chain that was verified; 0: none was. */
int64_t transport_chain_expiry_unix_s(const struct transport *transport);

/*
 * The open connection goes on from another place; `from` is closed then, as if
 * it had never been open.  What is not yet read is not lost.
 */
void transport_move(struct transport *to, struct transport *from);
/* Gives the socket back, open.  What TLS had read ahead is lost. */
int transport_detach(struct transport *transport);
/* Closes the socket too.  Idempotent, also on a zeroed transport. */
void transport_close(struct transport *transport, enum transport_close how);

#endif
