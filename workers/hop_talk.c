/* SPDX-License-Identifier: Apache-2.0 */
/* What is said over a hop's connection; see hop_talk.h. */
#include "workers/hop_talk.h"

#include "common/clock.h"
#include "workers/hop.h"
#include "workers/hop_record.h"
#include "workers/hop_request.h"
#include "workers/http_greeting.h"
#include "workers/redirect.h"
#include "workers/kind.h"
#include "workers/stamp.h"
#include "workers/target.h"
#include "workers/trust.h"
#include "workers/worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Bodies are thrown away: one buffer serves all hops of the process. */
#define READ_BUFFER_BYTES (16 * 1024)

/* A reason that no library of ours knows. */
static enum io_result
error_with(struct hop *hop, int sys_errno, const char *text)
{
	hop->sys_errno = sys_errno;
	wire_set_text(hop->error, sizeof(hop->error), text);
	return IO_ERROR;
}

/*
 * What a server says that the configuration does not name is not shown: it may
 * be meant for others.
 */
static enum http_greeting_from
who_answers(const struct hop *hop, const char *prefix)
{
	if (hop->state != HOP_TUNNEL_READ &&
		!redirect_same_host(
			&hop->request.target->url, hop->request.url))
		return HTTP_GREETING_STRANGER;
	return prefix[0] != '\0' ? HTTP_GREETING_PROXY : HTTP_GREETING_SERVER;
}

/* An answer that is none, or is not whole.  The parser has used so many bytes
 * of those that came last. */
static enum io_result
bad_answer(struct hop *hop, const char *bytes, size_t n_bytes, size_t used)
{
	const struct http_response *response = &hop->response;
	size_t alien = http_response_alien_bytes(response);
	char prefix[HOP_PREFIX_BYTES], quote[HTTP_GREETING_BYTES] = "";
	char text[3 * WIRE_DETAIL_BYTES]; /* is cut when it is set */
	enum http_greeting_from from =
		who_answers(hop, hop_peer_prefix(hop, prefix));

	if (alien > 0) {
		alien = used > alien ? used - alien : 0; /* where it begins */
		http_greeting_describe(
			bytes + alien, n_bytes - alien, from, quote);
	} else if (http_response_has_bad_code(response) &&
		   from != HTTP_GREETING_STRANGER) {
		http_greeting_quote(response->status_text,
			strlen(response->status_text), quote);
	}
	snprintf(text, sizeof(text), "%s%s%s%s%s", prefix,
		hop->state == HOP_TUNNEL_READ ? "" : "http: ",
		http_response_error(response), quote[0] != '\0' ? ": " : "",
		quote);
	return error_with(hop, 0, text);
}

/* What is wrong with it is said in the handshake, which is not made then. */
static void
identify(struct hop *hop)
{
	const struct target *target = hop->request.target;
	const char *why;

	if (target->identity_error != NULL) {
		error_with(hop, 0, target->identity_error);
		return;
	}
	why = transport_identify(&hop->transport, target->identity);
	if (why != NULL)
		snprintf(hop->error, sizeof(hop->error), "cert: %s", why);
}

/*
 * Puts the transport on the connected socket: TLS for https, plain else, and
 * plain for the CONNECT to a proxy.
 */
static int
start_transport(struct hop *hop, bool tls, const char *name)
{
	const struct target *target = hop->request.target;
	const struct tls_terms terms = {
		.legacy_servers = !target->worker->kind->reads_token,
		.security_level = target->tls_security_level,
		.discreet = !redirect_same_host(&target->url, hop->request.url),
	};
	const struct tls_trust *trust = NULL;
	int rc;

	if (tls) {
		trust = trust_for(target);
		if (trust == NULL)
			return -ENOMEM;
		hop_record_event(hop, EVENT_TLS_HANDSHAKE_START, hop->mark_ns);
	}
	rc = transport_start(&hop->transport, hop->watch->fd, trust, name);
	if (rc == 0)
		transport_set_terms(&hop->transport, &terms);
	if (rc == 0 && tls && hop_shows_identity(hop))
		identify(hop);
	return rc;
}

int
hop_talk_begin(struct hop *hop)
{
	bool https = hop->request.url->https;

	if (hop->proxy == NULL) {
		hop->state = https ? HOP_TLS : HOP_WRITE;
		return start_transport(hop, https, hop_server_name(hop));
	}
	hop->state = https ? HOP_TUNNEL_WRITE : HOP_WRITE;
	return start_transport(hop, false, hop->proxy->host);
}

void
hop_talk_drop_socket(struct hop *hop)
{
	int fd = hop->watch->fd;

	loop_watch_forget(hop_worker(hop)->loop, hop->watch);
	hop->watch = NULL;
	socket_close_abortive(fd);
}

void
hop_talk_init_response(struct hop *hop)
{
	http_response_init(&hop->response,
		strcmp(hop->request.method, "HEAD") == 0, false);
}

void
hop_talk_forget_request(struct hop *hop)
{
	explicit_bzero(hop->request.target->request, hop->request_len_bytes);
	hop->request_len_bytes = hop->written_bytes = 0;
}

static enum io_result
write_request(struct hop *hop)
{
	return transport_write(&hop->transport, hop->request.target->request,
		hop->request_len_bytes, &hop->written_bytes);
}

enum io_result
hop_talk_write_connect(struct hop *hop)
{
	if (hop->request_len_bytes == 0) {
		int rc = hop_format_connect(hop);

		if (rc < 0)
			return error_with(hop, -rc, "proxy: bad request");
		hop->request_len_bytes = (size_t)rc;
		http_response_init(&hop->response, false, true);
	}
	return write_request(hop);
}

enum io_result
hop_talk_read_connect(struct hop *hop)
{
	char bytes[1024], text[WIRE_DETAIL_BYTES];
	size_t n_bytes, used;
	enum io_result result;
	enum http_progress progress;
	int rc;

	do {
		result = transport_read(
			&hop->transport, bytes, sizeof(bytes), &n_bytes);
		if (result != IO_DONE)
			return result;
		progress = http_response_feed(
			&hop->response, bytes, n_bytes, &used);
	} while (progress == HTTP_MORE);
	if (progress == HTTP_BAD || progress == HTTP_BAD_BODY)
		return bad_answer(hop, bytes, n_bytes, used);
	if (hop->response.status / 100 != 2) {
		snprintf(text, sizeof(text), "proxy: %s",
			hop->response.status_text);
		return error_with(hop, 0, text);
	}
	hop_record_phase(hop, PHASE_CONNECT, clock_mono_ns());
	if (transport_detach(&hop->transport) != hop->watch->fd)
		return error_with(hop, EIO, "proxy: lost the connection");
	hop_talk_forget_request(hop);
	hop_talk_init_response(hop);
	rc = start_transport(hop, true, hop_server_name(hop));
	if (rc < 0) {
		hop_talk_drop_socket(hop);
		return error_with(hop, -rc, "tls: cannot begin");
	}
	return IO_DONE;
}

enum io_result
hop_talk_handshake(struct hop *hop)
{
	const struct target *target = hop->request.target;
	enum io_result result;

	if (target->ca_error != NULL && !target->insecure)
		return error_with(hop, 0, target->ca_error);
	if (hop->error[0] != '\0')
		return IO_ERROR;
	result = transport_handshake(&hop->transport);
	if (result == IO_DONE) {
		uint64_t now_ns = clock_mono_ns();

		hop_record_event(hop, EVENT_TLS_HANDSHAKE_DONE, now_ns);
		hop_record_phase(hop, PHASE_TLS, now_ns);
	}
	return result;
}

enum io_result
hop_talk_write(struct hop *hop)
{
	enum io_result result;
	uint64_t now_ns;
	int rc;

	if (hop->request_len_bytes == 0) {
		hop_record_event(hop, EVENT_GOT_CONN, hop->mark_ns);
		rc = hop_format_request(hop, hop->error, sizeof(hop->error));
		if (rc < 0) {
			hop->sys_errno = -rc;
			return IO_ERROR;
		}
		hop->request_len_bytes = (size_t)rc;
		hop->write_ns = clock_mono_ns();
	}
	result = write_request(hop);
	if (result == IO_DONE) {
		now_ns = clock_mono_ns();
		hop_record_event(hop, EVENT_WROTE_REQUEST, now_ns);
		hop_record_phase(hop, PHASE_WRITE, now_ns);
	}
	return result;
}

/*
 * When the bytes just read arrived: the kernel's stamp if it can be true.  On
 * loopback an answer may arrive before write(2) has returned; it counts as
 * having come right then, so that the phases stay a partition.
 */
static uint64_t
arrival_ns(struct hop *hop, uint64_t now_ns)
{
	uint64_t stamp_ns =
		stamp_in_window(transport_stamp_mono_ns(&hop->transport),
			hop->write_ns, now_ns);

	hop_record_sample(hop)->stamped = stamp_ns != 0;
	if (stamp_ns == 0)
		return now_ns;
	return stamp_ns > hop->mark_ns ? stamp_ns : hop->mark_ns;
}

static enum io_result
judge(struct hop *hop, enum http_progress progress, const char *bytes,
	size_t n_bytes, size_t used)
{
	switch (progress) {
	case HTTP_MORE:
	case HTTP_HEADERS_DONE:
		return IO_WANT_READ;
	case HTTP_DONE:
		return IO_DONE;
	case HTTP_BAD:
	case HTTP_BAD_BODY:
		break;
	}
	return bad_answer(hop, bytes, n_bytes, used);
}

/* IO_DONE: the answer is complete; IO_WANT_READ: go on reading. */
static enum io_result
take_bytes(struct hop *hop, const char *bytes, size_t n_bytes)
{
	struct wire_sample *sample = hop_record_sample(hop);
	enum http_progress progress;
	size_t used;

	progress = http_response_feed(&hop->response, bytes, n_bytes, &used);
	if (progress == HTTP_HEADERS_DONE) {
		sample->has_status = 1;
		sample->http_status = hop->response.status;
		sample->response_ns = hop->mark_ns - sample->started_mono_ns;
		bytes += used;
		n_bytes -= used;
		progress = http_response_feed(
			&hop->response, bytes, n_bytes, &used);
	}
	hop->has_surplus = used < n_bytes;
	return judge(hop, progress, bytes, n_bytes, used);
}

/*
 * The stream has ended inside the answer.  That end has no stamp, and the time
 * until it was the server's.  RFC 9112 section 9.8 wants a closure alert before
 * it.  Many servers send none, so it must at least lie between two records.
 */
static enum io_result
take_end(struct hop *hop)
{
	hop_record_phase(hop, PHASE_READ, clock_mono_ns());
	hop_record_sample(hop)->stamped = 0;
	if (judge(hop, http_response_eof(&hop->response), NULL, 0, 0) !=
		IO_DONE)
		return IO_ERROR;
	if (!transport_ended_whole(&hop->transport))
		return error_with(hop, 0,
			"answer: the connection was closed inside a TLS "
			"record");
	return IO_DONE;
}

enum io_result
hop_talk_read(struct hop *hop)
{
	static char bytes[READ_BUFFER_BYTES];
	enum io_result result;
	uint64_t arrived_ns;
	size_t n_bytes;

	if (hop->state == HOP_WAIT && hop->is_blocked)
		return IO_WANT_READ;
	do {
		result = transport_read(
			&hop->transport, bytes, sizeof(bytes), &n_bytes);
		if (result == IO_EOF && hop->state == HOP_READ)
			return take_end(hop);
		if (result != IO_DONE)
			return result;
		hop->is_kept =
			false; /* it is alive: what fails now has failed */
		arrived_ns = arrival_ns(hop, clock_mono_ns());
		if (hop->state == HOP_WAIT) {
			hop_record_event(
				hop, EVENT_GOT_FIRST_RESP_BYTE, arrived_ns);
			hop_record_phase(hop, PHASE_WAIT, arrived_ns);
			hop->state = HOP_READ; /* the same step goes on */
		}
		hop_record_phase(hop, PHASE_READ, arrived_ns);
		result = take_bytes(hop, bytes, n_bytes);
	} while (result == IO_WANT_READ);
	return result;
}

enum io_result
hop_talk_await_fin(struct hop *hop)
{
	return hop->is_blocked ? IO_WANT_READ
			       : transport_await_fin(&hop->transport);
}
