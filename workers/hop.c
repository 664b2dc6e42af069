/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its answer; see hop.h.  Each state is a row of the table:
 * its step, what comes next, which phase its time belongs to and which outcome
 * its failure is.  Nothing here allocates.
 */
#include "workers/hop.h"

#include "common/clock.h"
#include "workers/hop_dial.h"
#include "workers/hop_record.h"
#include "workers/hop_reuse.h"
#include "workers/hop_talk.h"
#include "workers/hop_unix.h"
#include "workers/kind.h"
#include "workers/target.h"
#include "workers/worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct state_def {
	enum io_result (*step)(struct hop *hop);
	enum hop_state next;
	enum phase phase;
	enum outcome failure;
	const char *name; /* in the reason's text */
};

static const struct state_def states[] = {
	[HOP_IDLE] = { NULL, HOP_IDLE, PHASE_LOCAL, OUTCOME_CANCELLED, "idle" },
	[HOP_RESOLVE] = { NULL, HOP_CONNECT, PHASE_DNS, OUTCOME_DNS_FAILED,
		"dns" },
	[HOP_CONNECT] = { NULL, HOP_TLS, PHASE_CONNECT, OUTCOME_CONNECT_FAILED,
		"connect" },
	[HOP_TUNNEL_WRITE] = { hop_talk_write_connect, HOP_TUNNEL_READ,
		PHASE_CONNECT, OUTCOME_ROUND_TRIP_FAILED, "CONNECT" },
	[HOP_TUNNEL_READ] = { hop_talk_read_connect, HOP_TLS, PHASE_CONNECT,
		OUTCOME_ROUND_TRIP_FAILED, "no answer to CONNECT" },
	[HOP_TLS] = { hop_talk_handshake, HOP_WRITE, PHASE_TLS,
		OUTCOME_TLS_FAILED, "tls" },
	[HOP_WRITE] = { hop_talk_write, HOP_WAIT, PHASE_WRITE,
		OUTCOME_WRITE_FAILED, "write" },
	[HOP_WAIT] = { hop_talk_read, HOP_AWAIT_FIN, PHASE_WAIT,
		OUTCOME_ROUND_TRIP_FAILED, "no answer" },
	[HOP_READ] = { hop_talk_read, HOP_AWAIT_FIN, PHASE_READ,
		OUTCOME_ROUND_TRIP_FAILED, "answer" },
	[HOP_AWAIT_FIN] = { hop_talk_await_fin, HOP_IDLE, PHASE_LOCAL,
		OUTCOME_OK, "close" },
};

/* After an answer the server's FIN is waited for; then a reset (DESIGN). */
#define FIN_WAIT_NS (100 * NS_PER_MS)

struct worker *
hop_worker(const struct hop *hop)
{
	return hop->request.target->worker;
}

bool
hop_shows_identity(const struct hop *hop)
{
	return hop->request.target->identity_files != NULL &&
	       hop->request.may_authorize && hop->request.url->https;
}

const char *
hop_server_name(const struct hop *hop)
{
	return hop->request.server_name != NULL ? hop->request.server_name
						: hop->request.url->host;
}

/*
 * Everything is known.  What lies between the mark and now is this process's
 * own delay: the mark is the last thing that the network did.
 */
static void
finish(struct hop *hop, enum outcome outcome, uint64_t now_ns)
{
	struct wire_sample *sample = hop_record_sample(hop);

	hop_record_phase(hop, PHASE_LOCAL, now_ns);
	sample->duration_ns = hop->mark_ns - sample->started_mono_ns;
	sample->outcome = (uint8_t)outcome;
	sample->retransmits_syn = hop->race.retransmits_syn;
	hop_talk_forget_request(hop);
	if (hop->watch != NULL) {
		hop_record_retransmits(hop);
		sample->cert_not_after_unix_s =
			transport_certificate_expiry_unix_s(&hop->transport);
		sample->chain_not_after_unix_s =
			transport_chain_expiry_unix_s(&hop->transport);
	}
}

void
hop_fail(struct hop *hop, enum outcome outcome, int sys_errno, const char *text)
{
	struct wire_sample *sample = hop_record_sample(hop);
	uint64_t now_ns = clock_mono_ns();

	hop_start_clock(hop, now_ns);
	resolver_cancel(&hop->query);
	race_stop(&hop->race);
	hop_record_phase(hop, states[hop->state].phase, now_ns);
	sample->stamped = 0; /* local is not what a stamp says */
	sample->sys_errno = sys_errno;
	wire_set_text(sample->detail, WIRE_DETAIL_BYTES, text);
	finish(hop, outcome, now_ns);
	hop_close(hop);
	hop->on_done(hop);
}

/* From its CONNECT on a tunnel is the server's. */
static bool
talks_to_proxy(const struct hop *hop)
{
	switch (hop->state) {
	case HOP_TUNNEL_WRITE:
	case HOP_TUNNEL_READ:
		return true;
	case HOP_WRITE:
	case HOP_WAIT:
	case HOP_READ:
	case HOP_AWAIT_FIN:
		return hop->proxy != NULL && !hop->request.url->https;
	case HOP_IDLE:
	case HOP_RESOLVE:
	case HOP_CONNECT:
	case HOP_TLS:
		break;
	}
	return false;
}

const char *
hop_peer_prefix(const struct hop *hop, char buf[HOP_PREFIX_BYTES])
{
	bool is_ipv6;

	buf[0] = '\0';
	if (!talks_to_proxy(hop))
		return buf;
	is_ipv6 = strchr(hop->proxy->host, ':') != NULL;
	snprintf(buf, HOP_PREFIX_BYTES, "proxy %s%s%s:%u: ", is_ipv6 ? "[" : "",
		hop->proxy->host, is_ipv6 ? "]" : "", hop->proxy->port);
	return buf;
}

void
hop_fail_because(
	struct hop *hop, int sys_errno, const char *what, const char *why)
{
	char prefix[HOP_PREFIX_BYTES];
	char text[3 * WIRE_DETAIL_BYTES]; /* is cut when it is set */

	snprintf(text, sizeof(text), "%s%s: %s", hop_peer_prefix(hop, prefix),
		what, why);
	hop_fail(hop, states[hop->state].failure, sys_errno, text);
}

static void
fail_step(struct hop *hop, enum io_result result)
{
	const struct state_def *state = &states[hop->state];
	int sys_errno = transport_errno(&hop->transport);
	char why[WIRE_DETAIL_BYTES];

	if (hop->error[0] != '\0') {
		hop_fail(hop, state->failure, hop->sys_errno, hop->error);
		return;
	}
	transport_describe_failure(&hop->transport, why, sizeof(why));
	if (hop->state == HOP_TLS && why[0] != '\0')
		hop_fail(hop, state->failure, sys_errno, why);
	else if (result == IO_EOF)
		hop_fail_because(
			hop, 0, state->name, "the connection was closed");
	else
		hop_fail_because(hop, sys_errno, state->name, why);
}

/* Behind a proxy only an address in the URL itself tells. */
static void
note_origin_address(struct hop *hop)
{
	hop->has_origin_address = hop->proxy != NULL
					  ? address_parse(&hop->origin_address,
						    hop->request.url->host)
					  : socket_peer_address(hop->watch->fd,
						    &hop->origin_address) == 0;
}

/*
 * nginx says 400 then, others 403.  The API server asks everybody, and means
 * the token by its 403.
 */
static bool
lacks_certificate(const struct hop *hop)
{
	return (hop->response.status == 400 || hop->response.status == 403) &&
	       !hop_worker(hop)->kind->reads_token &&
	       !hop_shows_identity(hop) &&
	       transport_was_asked_for_certificate(&hop->transport);
}

static void
complete(struct hop *hop)
{
	char text[WIRE_DETAIL_BYTES];

	if (hop->response.status / 100 == 3)
		note_origin_address(hop);
	/* of http through a proxy: no server says this */
	snprintf(text, sizeof(text), "%s%s%s",
		hop->response.status == 407 && talks_to_proxy(hop) ? "proxy: "
								   : "",
		hop->response.status_text,
		lacks_certificate(hop)
			? ": the server asked for a client certificate"
			: "");
	wire_set_text(hop_record_sample(hop)->detail, WIRE_DETAIL_BYTES, text);
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
	struct wire_sample *sample = hop_record_sample(hop);

	if (!hop->is_kept || hop->error[0] != '\0' ||
		(hop->state != HOP_WRITE && hop->state != HOP_WAIT))
		return false;
	hop_record_retransmits(hop);
	hop_close(hop);
	hop->is_kept = false;
	hop_talk_forget_request(hop);
	hop->retransmits_before = 0;
	sample->events = sample->phases = 0;
	memset(sample->event_ns, 0, sizeof(sample->event_ns));
	memset(sample->phase_ns, 0, sizeof(sample->phase_ns));
	hop->mark_ns = sample->started_mono_ns;
	hop_record_phase(hop, PHASE_CONNECT, clock_mono_ns());
	hop_talk_init_response(hop);
	hop_dial_init(hop);
	if (hop->on_redial != NULL)
		hop->on_redial(hop);
	hop_dial_start(hop);
	return true;
}

/*
 * A new connection's watch tells each readiness once: what the end of a turn
 * has left unread is read in the next one, untold.
 */
static int
await_bytes(struct hop *hop)
{
	struct loop *loop = hop_worker(hop)->loop;
	uint64_t now_ns = loop_now_ns(loop);

	if (hop->state == HOP_AWAIT_FIN && !hop->linger.armed)
		loop_timer_start(loop, &hop->linger, now_ns + FIN_WAIT_NS);
	hop->is_blocked = !transport_turn_is_over(&hop->transport);
	if (!hop->is_blocked)
		loop_timer_start(loop, &hop->again, now_ns);
	return loop_watch_change(loop, hop->watch, LOOP_READ);
}

void
hop_on_ready(struct hop *hop, unsigned ready)
{
	if ((ready & ~(unsigned)LOOP_WRITE) != 0)
		hop->is_blocked = false;
	if (hop->state == HOP_AWAIT_FIN && (ready & LOOP_RDHUP) != 0)
		transport_note_fin(&hop->transport);
	hop_advance(hop);
}

void
hop_advance(struct hop *hop)
{
	struct loop *loop = hop_worker(hop)->loop;
	enum io_result result = IO_DONE;
	int rc = 0;

	loop_timer_stop(loop, &hop->again);
	transport_begin_turn(&hop->transport, loop_now_ns(loop));
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
		rc = await_bytes(hop);
		break;
	case IO_WANT_WRITE:
		rc = loop_watch_change(loop, hop->watch, LOOP_WRITE);
		break;
	case IO_AGAIN:
		loop_timer_start(loop, &hop->again, loop_now_ns(loop));
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
		hop_fail_because(
			hop, -rc, states[hop->state].name, strerror(-rc));
}

static void
on_again(struct loop_timer *timer)
{
	struct hop *hop = LOOP_OWNER(timer, struct hop, again);

	if (hop->state == HOP_CONNECT)
		hop_unix_start(hop);
	else
		hop_advance(hop);
}

static void
on_linger(struct loop_timer *timer)
{
	hop_close(LOOP_OWNER(timer, struct hop, linger));
}

void
hop_init(struct hop *hop, void (*on_done)(struct hop *),
	void (*on_connected)(struct hop *))
{
	memset(hop, 0, sizeof(*hop));
	hop->on_done = on_done;
	hop->on_connected = on_connected;
	loop_timer_init(&hop->again, on_again);
	loop_timer_init(&hop->linger, on_linger);
}

void
hop_start_clock(struct hop *hop, uint64_t now_ns)
{
	if (hop->mark_ns == 0)
		hop_record_sample(hop)->started_mono_ns = hop->mark_ns = now_ns;
}

static void
begin(struct hop *hop, const struct hop_request *request, uint64_t start_ns)
{
	struct worker *worker = request->target->worker;
	struct wire_sample *sample = hop_record_sample(hop);

	hop->request = *request;
	hop->state = HOP_CONNECT;
	hop->proxy = NULL;
	hop->watch = NULL;
	hop->mark_ns = start_ns;
	hop->answered_ns = hop->write_ns = 0;
	hop->retransmits_before = 0;
	hop->request_len_bytes = hop->written_bytes = 0;
	hop->is_kept = hop->has_surplus = hop->has_origin_address = false;
	hop->refused_kind = ADDRESS_ORDINARY;
	hop->error[0] = '\0';
	hop->sys_errno = 0;
	hop_talk_init_response(hop);
	wire_init(&hop->record, WIRE_SAMPLE, worker->gen);
	sample->target_id = request->target->id;
	sample->target_gen = request->target->gen;
	sample->started_mono_ns = start_ns;
	hop_dial_init(hop);
}

/* Nothing was tried: no phase of the network has failed. */
static void
refuse(struct hop *hop, const char *text)
{
	hop->state = HOP_IDLE;
	hop_fail(hop, OUTCOME_ROUND_TRIP_FAILED, EINVAL, text);
}

static void
refuse_proxy(struct hop *hop)
{
	char text[256];

	snprintf(text, sizeof(text), "proxy: %s", hop->proxy->error);
	refuse(hop, text);
}

static void
on_kept_ready(struct loop_watch *watch, unsigned ready)
{
	hop_on_ready(LOOP_OWNER(watch, struct hop, kept_watch), ready);
}

/* Goes on with a connection of the pool, if there is one that is alive. */
static bool
use_kept(struct hop *hop)
{
	struct worker *worker = hop_worker(hop);

	if (!hop_reuse_take(hop))
		return false;
	loop_watch_init(&hop->kept_watch, on_kept_ready);
	/* there is room for a request, so the answer is what comes next */
	if (loop_watch_open(worker->loop, &hop->kept_watch, hop->transport.fd,
		    LOOP_READ) < 0) {
		transport_close(&hop->transport, TRANSPORT_CLOSE_ABORT);
		return false;
	}
	hop->watch = &hop->kept_watch;
	hop->is_kept = true;
	race_stop(&hop->race);
	hop->state = HOP_WRITE;
	hop->on_connected(hop);
	hop_start_clock(hop, clock_mono_ns());
	hop_advance(hop);
	return true;
}

void
hop_start(struct hop *hop, const struct hop_request *request, uint64_t start_ns)
{
	const struct url *url = request->url;

	begin(hop, request, start_ns);
	if (url->family != AF_UNIX)
		hop->proxy = proxy_choose(&hop_worker(hop)->proxy, url->https,
			url->host, url->port);
	if (hop->proxy != NULL && hop->proxy->kind == PROXY_BAD)
		refuse_proxy(hop);
	else if (hop->proxy != NULL && !hop_dial_may_ask_proxy(hop))
		hop_dial_refuse(hop);
	else if (!use_kept(hop))
		hop_dial_start(hop);
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
	case HOP_AWAIT_FIN:
		break;
	case HOP_RESOLVE:
	case HOP_CONNECT:
		hop_dial_expire(hop);
		break;
	case HOP_TUNNEL_WRITE:
	case HOP_TUNNEL_READ:
	case HOP_TLS:
	case HOP_WRITE:
	case HOP_WAIT:
		hop_fail_because(
			hop, ETIMEDOUT, states[hop->state].name, "timeout");
		break;
	case HOP_READ:
		hop_fail_because(hop, ETIMEDOUT, states[hop->state].name,
			hop->response.head_seen
				? "timeout in the body; method = HEAD asks "
				  "for none"
				: "timeout in the headers");
		break;
	}
}

void
hop_cancel(struct hop *hop)
{
	uint64_t now_ns = clock_mono_ns();

	hop_start_clock(hop, now_ns);
	resolver_cancel(&hop->query);
	race_stop(&hop->race);
	hop_record_phase(hop, states[hop->state].phase, now_ns);
	finish(hop, OUTCOME_CANCELLED, now_ns);
	hop_close(hop);
}

void
hop_close(struct hop *hop)
{
	hop->state = HOP_IDLE;
	if (hop->again.armed)
		loop_timer_stop(hop_worker(hop)->loop, &hop->again);
	if (hop->watch == NULL)
		return;
	loop_timer_stop(hop_worker(hop)->loop, &hop->linger);
	loop_watch_forget(hop_worker(hop)->loop, hop->watch);
	hop->watch = NULL;
	/* with the peer's FIN in, closing leaves no TIME_WAIT on this side */
	transport_close(&hop->transport, hop->transport.fin_seen
						 ? TRANSPORT_CLOSE_NORMAL
						 : TRANSPORT_CLOSE_ABORT);
}
