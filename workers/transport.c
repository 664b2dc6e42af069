/* SPDX-License-Identifier: Apache-2.0 */
/* The transport of one connection; see transport.h. */
#include "workers/transport.h"

#include "workers/socket.h"
#include "workers/socket_unix.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Of transport_read in one turn: up to 64 KiB.  A record of TLS may be tiny. */
#define PLAIN_READS_PER_TURN  4
#define SECURE_READS_PER_TURN 64

struct transport_ops {
	enum io_result (*handshake)(struct transport *transport);
	enum io_result (*read)(struct transport *transport, void *buf,
		size_t cap_bytes, size_t *ret_bytes);
	enum io_result (*write)(struct transport *transport, const void *bytes,
		size_t len_bytes, size_t *ret_bytes);
};

static enum io_result
plain_handshake(struct transport *transport)
{
	(void)transport;
	return IO_DONE;
}

/* Keeps what the socket said, before another call changes errno. */
static enum io_result
note(struct transport *transport, enum io_result result)
{
	if (result == IO_ERROR)
		transport->sys_errno = errno;
	if (result == IO_EOF)
		transport->fin_seen = true;
	return result;
}

static enum io_result
plain_read(struct transport *transport, void *buf, size_t cap_bytes,
	size_t *ret_bytes)
{
	return note(
		transport, socket_read_stamped(transport->fd, buf, cap_bytes,
				   ret_bytes, &transport->stamp_mono_ns));
}

static enum io_result
local_read(struct transport *transport, void *buf, size_t cap_bytes,
	size_t *ret_bytes)
{
	return note(transport,
		socket_unix_read(transport->fd, buf, cap_bytes, ret_bytes));
}

static enum io_result
plain_write(struct transport *transport, const void *bytes, size_t len_bytes,
	size_t *ret_bytes)
{
	return note(transport,
		socket_write(transport->fd, bytes, len_bytes, ret_bytes));
}

static enum io_result
secure_handshake(struct transport *transport)
{
	return tls_session_handshake(&transport->tls);
}

static enum io_result
secure_read(struct transport *transport, void *buf, size_t cap_bytes,
	size_t *ret_bytes)
{
	return tls_session_read(&transport->tls, buf, cap_bytes, ret_bytes);
}

static enum io_result
secure_write(struct transport *transport, const void *bytes, size_t len_bytes,
	size_t *ret_bytes)
{
	return tls_session_write(&transport->tls, bytes, len_bytes, ret_bytes);
}

static const struct transport_ops plain_ops = {
	plain_handshake,
	plain_read,
	plain_write,
};
static const struct transport_ops local_ops = {
	plain_handshake,
	local_read,
	plain_write,
};
static const struct transport_ops secure_ops = {
	secure_handshake,
	secure_read,
	secure_write,
};

static bool
is_secure(const struct transport *transport)
{
	return transport->ops == &secure_ops;
}

static unsigned
reads_per_turn(const struct transport *transport)
{
	return is_secure(transport) ? SECURE_READS_PER_TURN
				    : PLAIN_READS_PER_TURN;
}

int
transport_start(struct transport *transport, int fd,
	const struct tls_trust *trust, const char *server_name)
{
	int error;

	memset(transport, 0, sizeof(*transport));
	if (trust != NULL) {
		error = tls_session_start(
			&transport->tls, fd, trust, server_name);
		if (error < 0)
			return error;
	}
	transport->ops = trust != NULL ? &secure_ops : &plain_ops;
	transport->fd = fd;
	turn_begin_first(&transport->turn, reads_per_turn(transport));
	return 0;
}

void
transport_be_local(struct transport *transport)
{
	transport->ops = &local_ops;
}

const char *
transport_identify(
	struct transport *transport, const struct tls_identity *identity)
{
	return tls_session_identify(&transport->tls, identity);
}

void
transport_set_terms(struct transport *transport, const struct tls_terms *terms)
{
	if (is_secure(transport))
		tls_session_set_terms(&transport->tls, terms);
}

void
transport_begin_turn(struct transport *transport, uint64_t now_ns)
{
	turn_begin(&transport->turn, reads_per_turn(transport), now_ns);
	tls_session_begin_turn(&transport->tls, now_ns);
}

enum io_result
transport_handshake(struct transport *transport)
{
	return transport->ops->handshake(transport);
}

enum io_result
transport_write(struct transport *transport, const void *bytes,
	size_t len_bytes, size_t *progress_bytes)
{
	while (*progress_bytes < len_bytes) {
		size_t sent_bytes;
		enum io_result result = transport->ops->write(transport,
			(const char *)bytes + *progress_bytes,
			len_bytes - *progress_bytes, &sent_bytes);

		if (result != IO_DONE)
			return result;
		*progress_bytes += sent_bytes;
	}
	return IO_DONE;
}

enum io_result
transport_read(struct transport *transport, void *buf, size_t cap_bytes,
	size_t *ret_bytes)
{
	if (turn_take_read(&transport->turn))
		return transport->ops->read(
			transport, buf, cap_bytes, ret_bytes);
	return is_secure(transport) && tls_session_has_pending(&transport->tls)
		       ? IO_AGAIN
		       : IO_WANT_READ; /* the socket stays readable */
}

bool
transport_turn_is_over(const struct transport *transport)
{
	return transport->turn.is_over || transport->tls.turn.is_over;
}

uint64_t
transport_stamp_mono_ns(const struct transport *transport)
{
	return is_secure(transport) ? transport->tls.stamp_mono_ns
				    : transport->stamp_mono_ns;
}

bool
transport_ended_whole(const struct transport *transport)
{
	return is_secure(transport) ? tls_session_ended_whole(&transport->tls)
				    : transport->fin_seen;
}

void
transport_note_fin(struct transport *transport)
{
	if (!is_secure(transport)) /* its goodbye would still be unread */
		transport->fin_seen = true;
}

enum io_result
transport_await_fin(struct transport *transport)
{
	if (transport->fin_seen || transport->tls.fin_seen)
		return IO_EOF;
	return note(transport, socket_discard(transport->fd));
}

int
transport_errno(const struct transport *transport)
{
	return transport->sys_errno != 0 ? transport->sys_errno
					 : transport->tls.sys_errno;
}

bool
transport_was_asked_for_certificate(const struct transport *transport)
{
	return transport->tls.certificate_asked;
}

enum tls_failure
transport_tls_failure(const struct transport *transport)
{
	return transport->tls.failure;
}

void
transport_describe_failure(
	const struct transport *transport, char *ret_text, size_t cap_bytes)
{
	if (transport->sys_errno != 0)
		snprintf(ret_text, cap_bytes, "%s",
			strerror(transport->sys_errno));
	else
		tls_session_describe(&transport->tls, ret_text, cap_bytes);
}

int64_t
transport_certificate_expiry_unix_s(const struct transport *transport)
{
	return transport->tls.not_after_unix_s;
}

int64_t
transport_chain_expiry_unix_s(const struct transport *transport)
{
	return transport->tls.chain_not_after_unix_s;
}

void
transport_move(struct transport *to, struct transport *from)
{
	*to = *from;
	tls_session_move(&to->tls, &from->tls);
	memset(from, 0, sizeof(*from));
}

int
transport_detach(struct transport *transport)
{
	tls_session_close(&transport->tls, false);
	transport->ops = NULL;
	return transport->fd;
}

void
transport_close(struct transport *transport, enum transport_close how)
{
	if (transport->ops == NULL)
		return;
	tls_session_close(&transport->tls, how == TRANSPORT_CLOSE_NORMAL);
	transport->ops = NULL;
	switch (how) {
	case TRANSPORT_CLOSE_NORMAL:
		close(transport->fd);
		break;
	case TRANSPORT_CLOSE_ABORT:
		socket_close_abortive(transport->fd);
		break;
	}
}
