/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its answer; see hop.h.  Each state is a row of the table:
 * its step, what comes next, which phase its time belongs to and which outcome
 * its failure is.  Nothing here allocates.
 */
#include "workers/hop.h"

#include "common/clock.h"
#include "workers/hop_request.h"
#include "workers/hop_reuse.h"
#include "workers/stamp.h"
#include "workers/target.h"
#include "workers/trust.h"
#include "workers/worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Bodies are thrown away: one buffer serves all hops of the process. */
#define READ_BUFFER_BYTES (16 * 1024)
/* One that comes as fast as it is read must not keep the loop from others. */
#define READS_PER_STEP 4

struct state_def {
	enum io_result (*step)(struct hop *hop);
	enum hop_state next;
	enum phase phase;
	enum outcome failure;
	const char *name; /* in the reason's text */
};

static const struct race_callbacks race_callbacks;

static void dial(struct hop *hop);
static void init_response(struct hop *hop);
static enum io_result step_tunnel_write(struct hop *hop);
static enum io_result step_tunnel_read(struct hop *hop);
static enum io_result step_tls(struct hop *hop);
static enum io_result step_write(struct hop *hop);
static enum io_result step_read(struct hop *hop);
static enum io_result step_await_fin(struct hop *hop);

static const struct state_def states[] = {
	[HOP_IDLE] = { NULL, HOP_IDLE, PHASE_LOCAL, OUTCOME_CANCELLED, "idle" },
	[HOP_RESOLVE] = { NULL, HOP_CONNECT, PHASE_DNS, OUTCOME_DNS_FAILED,
		"dns" },
	[HOP_CONNECT] = { NULL, HOP_TLS, PHASE_CONNECT, OUTCOME_CONNECT_FAILED,
		"connect" },
	[HOP_TUNNEL_WRITE] = { step_tunnel_write, HOP_TUNNEL_READ,
		PHASE_CONNECT, OUTCOME_ROUND_TRIP_FAILED, "proxy" },
	[HOP_TUNNEL_READ] = { step_tunnel_read, HOP_TLS, PHASE_CONNECT,
		OUTCOME_ROUND_TRIP_FAILED, "proxy" },
	[HOP_TLS] = { step_tls, HOP_WRITE, PHASE_TLS, OUTCOME_TLS_FAILED,
		"tls" },
	[HOP_WRITE] = { step_write, HOP_WAIT, PHASE_WRITE, OUTCOME_WRITE_FAILED,
		"write" },
	[HOP_WAIT] = { step_read, HOP_AWAIT_FIN, PHASE_WAIT,
		OUTCOME_ROUND_TRIP_FAILED, "no answer" },
	[HOP_READ] = { step_read, HOP_AWAIT_FIN, PHASE_READ,
		OUTCOME_ROUND_TRIP_FAILED, "answer" },
	[HOP_AWAIT_FIN] = { step_await_fin, HOP_IDLE, PHASE_LOCAL, OUTCOME_OK,
		"close" },
};

static struct wire_sample *
sample_of(struct hop *hop)
{
	return &hop->record.body.sample;
}

static struct worker *
worker_of(const struct hop *hop)
{
	return hop->request.target->worker;
}

static void
mark_event(struct hop *hop, enum event event, uint64_t now_ns)
{
	struct wire_sample *sample = sample_of(hop);

	sample->events = (uint16_t)(sample->events | 1u << event);
	sample->event_ns[event] =
		clock_since_ns(now_ns, sample->started_mono_ns);
}

/* The time since the mark belongs to this phase. */
static void
close_phase(struct hop *hop, enum phase phase, uint64_t now_ns)
{
	struct wire_sample *sample = sample_of(hop);

	sample->phases = (uint16_t)(sample->phases | 1u << phase);
	if (now_ns <= hop->mark_ns)
		return;
	sample->phase_ns[phase] += now_ns - hop->mark_ns;
	hop->mark_ns = now_ns;
}

/* Before the connection goes: after that there is nothing to ask. */
static void
count_retransmits(struct hop *hop)
{
	struct tcp_observation observation;

	if (socket_observe_tcp(hop->watch->fd, &observation) == 0)
		sample_of(hop)->retransmits_data +=
			observation.retransmit_count - hop->retransmits_before;
}

/* It may hold the token or a password. */
static void
forget_request(struct hop *hop)
{
	explicit_bzero(hop->request.target->request, hop->request_len_bytes);
	hop->request_len_bytes = hop->written_bytes = 0;
}

/*
 * Everything is known.  What lies between the mark and now is this process's
 * own delay: the mark is the last thing that the network did.
 */
static void
finish(struct hop *hop, enum outcome outcome, uint64_t now_ns)
{
	struct wire_sample *sample = sample_of(hop);

	close_phase(hop, PHASE_LOCAL, now_ns);
	sample->duration_ns = hop->mark_ns - sample->started_mono_ns;
	sample->outcome = (uint8_t)outcome;
	sample->retransmits_syn = hop->race.retransmits_syn;
	forget_request(hop);
	if (hop->watch != NULL) {
		count_retransmits(hop);
		sample->cert_not_after_unix_s =
			transport_certificate_expiry_unix_s(&hop->transport);
	}
}

/* The present phase is the one that failed, with its time until now. */
static void
fail(struct hop *hop, enum outcome outcome, int sys_errno, const char *text)
{
	uint64_t now_ns = clock_mono_ns();

	resolver_cancel(&hop->query);
	race_stop(&hop->race);
	close_phase(hop, states[hop->state].phase, now_ns);
	sample_of(hop)->stamped = 0; /* local is not what a stamp says */
	sample_of(hop)->sys_errno = sys_errno;
	wire_set_text(sample_of(hop)->detail, WIRE_DETAIL_BYTES, text);
	finish(hop, outcome, now_ns);
	hop_close(hop);
	hop->on_done(hop);
}

static void
fail_because(struct hop *hop, int sys_errno, const char *what, const char *why)
{
	char text[2 * WIRE_DETAIL_BYTES]; /* is cut when it is set */

	snprintf(text, sizeof(text), "%s: %s", what, why);
	fail(hop, states[hop->state].failure, sys_errno, text);
}

static void advance(struct hop *hop);

static void
on_ready(struct loop_watch *watch, unsigned ready)
{
	struct attempt *attempt = LOOP_OWNER(watch, struct attempt, watch);

	(void)ready; /* HUP and ERR too: the step finds out what it was */
	advance(LOOP_OWNER(attempt->race, struct hop, race));
}

static void
fail_step(struct hop *hop, enum io_result result)
{
	const struct state_def *state = &states[hop->state];
	const char *http_error = http_response_error(&hop->response);
	int sys_errno = transport_errno(&hop->transport);
	char why[WIRE_DETAIL_BYTES];

	if (hop->error[0] != '\0') {
		fail(hop, state->failure, hop->sys_errno, hop->error);
		return;
	}
	if (http_error != NULL) {
		fail_because(hop, 0,
			hop->state == HOP_TUNNEL_READ ? state->name : "http",
			http_error);
		return;
	}
	transport_describe_failure(&hop->transport, why, sizeof(why));
	if (hop->state == HOP_TLS && why[0] != '\0')
		fail(hop, state->failure, sys_errno, why);
	else if (result == IO_EOF)
		fail_because(hop, 0, state->name, "the connection was closed");
	else
		fail_because(hop, sys_errno, state->name, why);
}

static void
complete(struct hop *hop)
{
	wire_set_text(sample_of(hop)->detail, WIRE_DETAIL_BYTES,
		hop->response.status_text);
	finish(hop, OUTCOME_OK, clock_mono_ns());
	if (hop_reuse_keep(hop))
		hop->state = HOP_IDLE;
	else if (hop->response.body_truncated_by_us)
		hop_close(hop); /* nobody knows whether it ever ends */
	hop->on_done(hop);
}

/*
 * A server may close a connection at the moment in which it is taken from the
 * pool (RFC 9112 section 9.3.1): then the request is made once more, on a new
 * one.  What it has cost until now was spent on getting a connection.
 */
static bool
redial(struct hop *hop)
{
	struct wire_sample *sample = sample_of(hop);

	if (!hop->is_kept || hop->error[0] != '\0' ||
		(hop->state != HOP_WRITE && hop->state != HOP_WAIT))
		return false;
	count_retransmits(hop);
	hop_close(hop);
	hop->is_kept = false;
	forget_request(hop);
	hop->retransmits_before = 0;
	sample->events = sample->phases = 0;
	memset(sample->event_ns, 0, sizeof(sample->event_ns));
	memset(sample->phase_ns, 0, sizeof(sample->phase_ns));
	hop->mark_ns = sample->started_mono_ns;
	close_phase(hop, PHASE_CONNECT, clock_mono_ns());
	init_response(hop);
	race_start(&hop->race, worker_of(hop)->loop, &race_callbacks);
	if (hop->on_redial != NULL)
		hop->on_redial(hop);
	dial(hop);
	return true;
}

static void
advance(struct hop *hop)
{
	enum io_result result = IO_DONE;
	int rc = 0;

	while (result == IO_DONE && states[hop->state].step != NULL) {
		result = states[hop->state].step(hop);
		if (result != IO_DONE)
			break;
		hop->state = states[hop->state].next;
		if (hop->state == HOP_AWAIT_FIN)
			complete(hop); /* which may start the next hop */
	}
	switch (result) {
	case IO_WANT_READ:
		rc = loop_watch_change(
			worker_of(hop)->loop, hop->watch, LOOP_READ);
		break;
	case IO_WANT_WRITE:
		rc = loop_watch_change(
			worker_of(hop)->loop, hop->watch, LOOP_WRITE);
		break;
	case IO_DONE:
		break;
	case IO_EOF:
	case IO_ERROR:
		if (hop->state == HOP_AWAIT_FIN)
			hop_close(hop);
		else if (!redial(hop))
			fail_step(hop, result);
		break;
	}
	if (rc < 0)
		fail_because(hop, -rc, states[hop->state].name, strerror(-rc));
}

/* A reason that no library of ours knows. */
static enum io_result
error_with(struct hop *hop, int sys_errno, const char *text)
{
	hop->sys_errno = sys_errno;
	snprintf(hop->error, sizeof(hop->error), "%s", text);
	return IO_ERROR;
}

/*
 * Puts the transport on the connected socket: TLS for https, plain else, and
 * plain for the CONNECT to a proxy.
 */
static int
start_transport(struct hop *hop, bool tls, const char *name)
{
	const struct tls_trust *trust = NULL;

	if (tls) {
		trust = trust_for(hop->request.target);
		if (trust == NULL)
			return -ENOMEM;
		mark_event(hop, EVENT_TLS_HANDSHAKE_START, hop->mark_ns);
	}
	return transport_start(&hop->transport, hop->watch->fd, trust, name);
}

/* What comes after the connection: a tunnel, TLS, or the request. */
static int
begin_talking(struct hop *hop)
{
	bool https = hop->request.url->https;
	bool tls_to_proxy;

	if (hop->proxy == NULL) {
		hop->state = https ? HOP_TLS : HOP_WRITE;
		return start_transport(hop, https, hop->request.url->host);
	}
	if (https) {
		hop->state = HOP_TUNNEL_WRITE;
		return start_transport(hop, false, hop->proxy->host);
	}
	tls_to_proxy = hop->proxy->kind == PROXY_HTTPS;
	hop->state = tls_to_proxy ? HOP_TLS : HOP_WRITE;
	return start_transport(hop, tls_to_proxy, hop->proxy->host);
}

/* The connection, while no transport has it. */
static void
drop_socket(struct hop *hop)
{
	int fd = hop->watch->fd;

	loop_watch_forget(worker_of(hop)->loop, hop->watch);
	hop->watch = NULL;
	socket_close_abortive(fd);
}

static void
on_won(struct race *race, struct attempt *winner, uint64_t now_ns,
	const struct tcp_observation *observation)
{
	struct hop *hop = LOOP_OWNER(race, struct hop, race);
	struct wire_sample *sample = sample_of(hop);
	int rc;

	resolver_cancel(&hop->query);
	hop->watch = &winner->watch;
	hop->watch->on_ready = on_ready;
	mark_event(hop, EVENT_CONNECT_START, winner->started_ns);
	mark_event(hop, EVENT_CONNECT_DONE, now_ns);
	close_phase(hop, PHASE_CONNECT, now_ns);
	hop->retransmits_before = observation->retransmit_count;
	if (observation->retransmit_count == 0)
		sample->rtt_us = observation->rtt_us;
	rc = begin_talking(hop);
	if (rc < 0) {
		drop_socket(hop);
		fail_because(hop, -rc, "connect", strerror(-rc));
		return;
	}
	hop->on_connected(hop);
	advance(hop);
}

static void
on_first_attempt(struct race *race, uint64_t now_ns)
{
	struct hop *hop = LOOP_OWNER(race, struct hop, race);

	if (hop->state == HOP_RESOLVE) {
		/* the answer's stamp, where an answer set this off: what has
		 * passed since then is our own delay, not the nameserver's */
		uint64_t known_ns =
			stamp_in_window(hop->answered_ns, hop->mark_ns, now_ns);

		if (known_ns == 0)
			known_ns = now_ns;
		mark_event(hop, EVENT_DNS_DONE, known_ns);
		close_phase(hop, PHASE_DNS, known_ns);
		close_phase(hop, PHASE_LOCAL, now_ns);
	}
	hop->state = HOP_CONNECT;
	/* the winner's start takes its place, if there will be one */
	mark_event(hop, EVENT_CONNECT_START, now_ns);
}

static void
fail_resolve(struct hop *hop, int sys_errno)
{
	char text[RESOLVER_ERROR_BYTES];

	resolver_format_error(&hop->query, text);
	fail(hop, OUTCOME_DNS_FAILED, sys_errno, text);
}

static void
fail_connect(struct hop *hop, int sys_errno, const struct race_address *address)
{
	char peer[64] = "", what[80];

	if (address != NULL)
		race_format_address(address, peer, sizeof(peer));
	snprintf(what, sizeof(what), "connect%s%s", peer[0] != '\0' ? " " : "",
		peer);
	fail_because(hop, sys_errno, what,
		sys_errno == ETIMEDOUT ? "timeout" : strerror(sys_errno));
}

/* With no attempt under way it was the other family's answer that it lacked. */
static void
expire_connect(struct hop *hop)
{
	const struct race_address *pending = race_pending(&hop->race);

	if (pending == NULL && hop->race.first_failed != NULL)
		fail_connect(
			hop, hop->race.first_errno, hop->race.first_failed);
	else
		fail_connect(hop, ETIMEDOUT, pending);
}

static void
on_lost(struct race *race, int sys_errno, const struct race_address *address)
{
	struct hop *hop = LOOP_OWNER(race, struct hop, race);

	if (hop->state == HOP_RESOLVE)
		fail_resolve(hop, 0); /* there was no address to try */
	else
		fail_connect(hop, sys_errno, address);
}

static const struct race_callbacks race_callbacks = {
	.on_first = on_first_attempt,
	.on_won = on_won,
	.on_lost = on_lost,
};

static enum io_result
write_request(struct hop *hop)
{
	return transport_write(&hop->transport, hop->request.target->request,
		hop->request_len_bytes, &hop->written_bytes);
}

static void
init_response(struct hop *hop)
{
	http_response_init(&hop->response,
		strcmp(hop->request.method, "HEAD") == 0, false);
}

static enum io_result
step_tunnel_write(struct hop *hop)
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

static enum io_result
step_tunnel_read(struct hop *hop)
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
		return IO_ERROR;
	if (hop->response.status / 100 != 2) {
		snprintf(text, sizeof(text), "proxy: %s",
			hop->response.status_text);
		return error_with(hop, 0, text);
	}
	close_phase(hop, PHASE_CONNECT, clock_mono_ns());
	if (transport_detach(&hop->transport) != hop->watch->fd)
		return error_with(hop, EIO, "proxy: lost the connection");
	forget_request(hop);
	init_response(hop);
	rc = start_transport(hop, true, hop->request.url->host);
	if (rc < 0) {
		drop_socket(hop);
		return error_with(hop, -rc, "tls: cannot begin");
	}
	return IO_DONE;
}

static enum io_result
step_tls(struct hop *hop)
{
	enum io_result result = transport_handshake(&hop->transport);

	if (result == IO_DONE) {
		uint64_t now_ns = clock_mono_ns();

		mark_event(hop, EVENT_TLS_HANDSHAKE_DONE, now_ns);
		close_phase(hop, PHASE_TLS, now_ns);
	}
	return result;
}

static enum io_result
step_write(struct hop *hop)
{
	enum io_result result;
	uint64_t now_ns;
	int rc;

	if (hop->request_len_bytes == 0) {
		mark_event(hop, EVENT_GOT_CONN, hop->mark_ns);
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
		mark_event(hop, EVENT_WROTE_REQUEST, now_ns);
		close_phase(hop, PHASE_WRITE, now_ns);
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

	sample_of(hop)->stamped = stamp_ns != 0;
	if (stamp_ns == 0)
		return now_ns;
	return stamp_ns > hop->mark_ns ? stamp_ns : hop->mark_ns;
}

static enum io_result
judge(enum http_progress progress)
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
	return IO_ERROR;
}

/* IO_DONE: the answer is complete; IO_WANT_READ: go on reading. */
static enum io_result
take_bytes(struct hop *hop, const char *bytes, size_t n_bytes)
{
	struct wire_sample *sample = sample_of(hop);
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
	return judge(progress);
}

/*
 * The stream has ended inside the answer.  That end has no stamp, and the time
 * until it was the server's.  RFC 9112 section 9.8: under TLS an answer that
 * only its end delimits is complete with a closure alert alone.
 */
static enum io_result
take_end(struct hop *hop)
{
	close_phase(hop, PHASE_READ, clock_mono_ns());
	sample_of(hop)->stamped = 0;
	if (judge(http_response_eof(&hop->response)) != IO_DONE)
		return IO_ERROR;
	if (!transport_ended_cleanly(&hop->transport))
		return error_with(hop, 0, "answer: cut off without goodbye");
	return IO_DONE;
}

static enum io_result
step_read(struct hop *hop)
{
	static char bytes[READ_BUFFER_BYTES];
	enum io_result result;
	uint64_t arrived_ns;
	size_t n_bytes;
	unsigned n_reads = 0;

	do {
		/* what TLS holds back already no socket would tell of */
		if (n_reads++ == READS_PER_STEP &&
			!transport_is_secure(&hop->transport))
			return IO_WANT_READ;
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
			mark_event(hop, EVENT_GOT_FIRST_RESP_BYTE, arrived_ns);
			close_phase(hop, PHASE_WAIT, arrived_ns);
			hop->state = HOP_READ; /* the same step goes on */
		}
		close_phase(hop, PHASE_READ, arrived_ns);
		result = take_bytes(hop, bytes, n_bytes);
	} while (result == IO_WANT_READ);
	return result;
}

static enum io_result
step_await_fin(struct hop *hop)
{
	return transport_await_fin(&hop->transport);
}

static void
on_answer(struct resolver_query *query, const struct resolver_answer *answer)
{
	struct hop *hop = LOOP_OWNER(query, struct hop, query);

	hop->answered_ns = answer->answered_mono_ns;
	race_add_answer(&hop->race, answer, hop->dial_port);
	hop->answered_ns = 0;
}

/* Both answers are in; the race knows already. */
static void
on_resolved(struct resolver_query *query)
{
	(void)query;
}

static void
dial_name(struct hop *hop, const char *host)
{
	struct resolver_query *query = &hop->query;

	hop->state = HOP_RESOLVE;
	mark_event(hop, EVENT_DNS_START, hop->mark_ns);
	query->context_id = hop->request.target->id;
	query->on_answer = on_answer;
	query->on_done = on_resolved;
	if (resolver_start(worker_of(hop)->resolver, query, host) < 0)
		fail_because(hop, EINVAL, "dns", "not a name");
}

void
hop_init(struct hop *hop, void (*on_done)(struct hop *),
	void (*on_connected)(struct hop *))
{
	memset(hop, 0, sizeof(*hop));
	hop->on_done = on_done;
	hop->on_connected = on_connected;
}

static void
begin(struct hop *hop, const struct hop_request *request, uint64_t start_ns)
{
	struct worker *worker = request->target->worker;
	struct wire_sample *sample = sample_of(hop);

	hop->request = *request;
	hop->state = HOP_CONNECT;
	hop->proxy = NULL;
	hop->watch = NULL;
	hop->mark_ns = start_ns;
	hop->answered_ns = hop->write_ns = 0;
	hop->retransmits_before = 0;
	hop->request_len_bytes = hop->written_bytes = 0;
	hop->is_kept = hop->has_surplus = false;
	hop->error[0] = '\0';
	hop->sys_errno = 0;
	init_response(hop);
	wire_init(&hop->record, WIRE_SAMPLE, worker->gen);
	sample->target_id = request->target->id;
	sample->target_gen = request->target->gen;
	sample->started_mono_ns = start_ns;
	race_start(&hop->race, worker->loop, &race_callbacks);
}

/* Nothing was tried: no phase of the network has failed. */
static void
refuse(struct hop *hop, const char *text)
{
	hop->state = HOP_IDLE;
	fail(hop, OUTCOME_ROUND_TRIP_FAILED, EINVAL, text);
}

/* Why the chosen proxy cannot be gone through; NULL: it can. */
static const char *
proxy_error(const struct hop *hop)
{
	if (hop->proxy->kind == PROXY_UNSUPPORTED)
		return "proxy: of a kind that is not supported, "
		       "use http:// or https://";
	if (hop->proxy->kind == PROXY_HTTPS && hop->request.url->https)
		return "proxy: TLS inside TLS is not supported, use an "
		       "http:// proxy for https";
	return NULL;
}

/* Cuts "fe80::1%eth0" (RFC 4007 section 11) in a copy. */
static void
split_zone(const char *text, char ret_host[PROXY_HOST_MAX + 1],
	const char **ret_zone)
{
	char *percent;

	memcpy(ret_host, text, strlen(text) + 1);
	*ret_zone = "";
	percent = strchr(ret_host, '%');
	if (percent == NULL)
		return;
	*percent = '\0';
	*ret_zone = percent + 1;
}

/* A new connection, to the host of the URL or to the proxy. */
static void
dial(struct hop *hop)
{
	const struct url *url = hop->request.url;
	const char *host = url->host, *zone = url->zone;
	char proxy_host[PROXY_HOST_MAX + 1];
	struct race_address address;

	hop->state = HOP_CONNECT;
	hop->dial_port = url->port;
	if (hop->proxy != NULL) {
		split_zone(hop->proxy->host, proxy_host, &zone);
		host = proxy_host;
		hop->dial_port = hop->proxy->port;
	}
	if (race_parse_literal(&address, host, zone, hop->dial_port))
		race_add_literal(&hop->race, &address);
	else
		dial_name(hop, host);
}

static void
on_kept_ready(struct loop_watch *watch, unsigned ready)
{
	(void)ready;
	advance(LOOP_OWNER(watch, struct hop, kept_watch));
}

/* Goes on with a connection of the pool, if there is one that is alive. */
static bool
use_kept(struct hop *hop)
{
	struct worker *worker = worker_of(hop);

	if (!hop_reuse_take(hop))
		return false;
	loop_watch_init(&hop->kept_watch, on_kept_ready);
	if (loop_watch_open(worker->loop, &hop->kept_watch, hop->transport.fd,
		    LOOP_WRITE) < 0) {
		transport_close(&hop->transport, TRANSPORT_CLOSE_ABORT);
		return false;
	}
	hop->watch = &hop->kept_watch;
	hop->is_kept = true;
	race_stop(&hop->race);
	hop->state = HOP_WRITE;
	hop->on_connected(hop);
	advance(hop);
	return true;
}

void
hop_start(struct hop *hop, const struct hop_request *request, uint64_t start_ns)
{
	const struct url *url = request->url;

	begin(hop, request, start_ns);
	hop->proxy = proxy_choose(
		&worker_of(hop)->proxy, url->https, url->host, url->port);
	if (hop->proxy != NULL && proxy_error(hop) != NULL)
		refuse(hop, proxy_error(hop));
	else if (!use_kept(hop))
		dial(hop);
}

void
hop_refuse(struct hop *hop, const struct hop_request *request,
	uint64_t start_ns, const char *text)
{
	begin(hop, request, start_ns);
	refuse(hop, text);
}

void
hop_expire(struct hop *hop)
{
	switch (hop->state) {
	case HOP_IDLE:
		break;
	case HOP_AWAIT_FIN:
		hop_close(hop);
		break;
	case HOP_RESOLVE:
		resolver_expire(&hop->query);
		fail_resolve(hop, ETIMEDOUT);
		break;
	case HOP_CONNECT:
		resolver_expire(&hop->query);
		expire_connect(hop);
		break;
	case HOP_TUNNEL_WRITE:
	case HOP_TUNNEL_READ:
	case HOP_TLS:
	case HOP_WRITE:
	case HOP_WAIT:
	case HOP_READ:
		fail_because(
			hop, ETIMEDOUT, states[hop->state].name, "timeout");
		break;
	}
}

void
hop_cancel(struct hop *hop)
{
	uint64_t now_ns = clock_mono_ns();

	resolver_cancel(&hop->query);
	race_stop(&hop->race);
	close_phase(hop, states[hop->state].phase, now_ns);
	finish(hop, OUTCOME_CANCELLED, now_ns);
	hop_close(hop);
}

void
hop_close(struct hop *hop)
{
	hop->state = HOP_IDLE;
	if (hop->watch == NULL)
		return;
	loop_watch_forget(worker_of(hop)->loop, hop->watch);
	hop->watch = NULL;
	/* with the peer's FIN in, closing leaves no TIME_WAIT on this side */
	transport_close(&hop->transport, hop->transport.fin_seen
						 ? TRANSPORT_CLOSE_NORMAL
						 : TRANSPORT_CLOSE_ABORT);
}
