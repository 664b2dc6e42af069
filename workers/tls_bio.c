/* SPDX-License-Identifier: Apache-2.0 */
/* What OpenSSL reads from and writes to; see tls_bio.h. */
#include "workers/tls_bio.h"

#include "workers/socket.h"
#include "workers/tls.h"

#include <errno.h>
#include <openssl/bio.h>

/*
 * The library takes all records that one read has brought before it asks for
 * more.  Of the smallest, 22 bytes with one of content, this holds 186.  Most
 * servers' first flight fits, too.
 */
#define READ_BYTES_MAX 4096

#define RECORD_HEAD_BYTES 5

/*
 * RFC 8446 section 5.1: type, version, length, and so many bytes.  Where the
 * stream ends says whether something is missing.
 */
static void
follow_records(struct tls_session *session, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		size_t n = 1;

		if (session->record_head_bytes < RECORD_HEAD_BYTES) {
			session->record_left_bytes =
				(uint16_t)(session->record_left_bytes << 8 |
					   *bytes);
			session->record_head_bytes++;
		} else {
			n = len < session->record_left_bytes
				    ? len
				    : session->record_left_bytes;
			session->record_left_bytes =
				(uint16_t)(session->record_left_bytes - n);
		}
		if (session->record_head_bytes == RECORD_HEAD_BYTES &&
			session->record_left_bytes == 0)
			session->record_head_bytes = 0;
		bytes += n;
		len -= n;
	}
}

static int
on_bio_read(BIO *bio, char *buf, int cap_bytes)
{
	struct tls_session *session = BIO_get_data(bio);
	size_t got_bytes, i;

	BIO_clear_retry_flags(bio);
	if (cap_bytes <= 0)
		return 0;
	if (session->message_count > TLS_MESSAGES_MAX)
		return -1;
	if (!turn_take_read(&session->turn)) { /* the socket stays readable */
		BIO_set_retry_read(bio);
		return -1;
	}
	if (cap_bytes > READ_BYTES_MAX)
		cap_bytes = READ_BYTES_MAX;
	switch (socket_read_stamped(session->fd, buf, (size_t)cap_bytes,
		&got_bytes, &session->stamp_mono_ns)) {
	case IO_DONE:
		break;
	case IO_WANT_READ:
	case IO_WANT_WRITE:
	case IO_AGAIN:
		BIO_set_retry_read(bio);
		return -1;
	case IO_EOF:
		session->fin_seen = true;
		return 0;
	case IO_ERROR:
		session->sys_errno = errno;
		return -1;
	}
	for (i = 0; i < got_bytes &&
		    session->first_count < sizeof(session->first_bytes);
		i++)
		session->first_bytes[session->first_count++] = (uint8_t)buf[i];
	follow_records(session, (const uint8_t *)buf, got_bytes);
	return (int)got_bytes;
}

static int
on_bio_write(BIO *bio, const char *bytes, int len_bytes)
{
	struct tls_session *session = BIO_get_data(bio);
	size_t sent_bytes;

	BIO_clear_retry_flags(bio);
	if (len_bytes <= 0)
		return 0;
	switch (socket_write(
		session->fd, bytes, (size_t)len_bytes, &sent_bytes)) {
	case IO_DONE:
		return (int)sent_bytes;
	case IO_WANT_READ:
	case IO_WANT_WRITE:
	case IO_AGAIN:
		BIO_set_retry_write(bio);
		return -1;
	case IO_EOF:
	case IO_ERROR:
		session->sys_errno = errno;
		return -1;
	}
	return -1;
}

static long
on_bio_control(BIO *bio, int command, long number, void *pointer)
{
	struct tls_session *session = BIO_get_data(bio);

	(void)number;
	(void)pointer;
	switch (command) {
	case BIO_CTRL_EOF:
		return session != NULL && session->fin_seen;
	case BIO_CTRL_FLUSH:
		return 1; /* nothing is kept back */
	default:
		return 0;
	}
}

BIO_METHOD *
tls_bio_method_new(void)
{
	int index = BIO_get_new_index();
	BIO_METHOD *method = NULL;

	if (index >= 0)
		method = BIO_meth_new(index | BIO_TYPE_SOURCE_SINK, "stamped");
	if (method != NULL && BIO_meth_set_read(method, on_bio_read) &&
		BIO_meth_set_write(method, on_bio_write) &&
		BIO_meth_set_ctrl(method, on_bio_control))
		return method;
	BIO_meth_free(method);
	return NULL;
}
