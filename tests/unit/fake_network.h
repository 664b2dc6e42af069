/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scripted network with a clock of its own, in the place of clock, loop,
 * sockets, transport, resolver and the worker's way to its supervisor: the
 * program's calls of those modules are answered by the definitions below.
 * Included by the one source of a test program, for that reason.  Time passes
 * only where the script says so, so every figure is exact to the nanosecond.
 */
#ifndef TESTS_UNIT_FAKE_NETWORK_H
#define TESTS_UNIT_FAKE_NETWORK_H

#include "common/address.h"
#include "common/clock.h"
#include "common/loop.h"
#include "workers/resolver.h"
#include "workers/socket.h"
#include "workers/socket_unix.h"
#include "workers/target.h"
#include "workers/token.h"
#include "workers/transport.h"
#include "workers/trust.h"
#include "workers/worker.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAKE_MAX      64
#define FAKE_STEPS    8
#define FAKE_EPOCH_NS (1000 * NS_PER_S) /* when a test begins */
#define FAKE_NEVER    UINT64_MAX
#define FAKE_FD_FIRST 100

/* One thing a peer does, after the thing before it. */
struct fake_step {
	uint64_t after_ns; /* of the step before; the first: of the request */
	const char *bytes; /* NULL: end of the stream */
	int error;         /* the stream breaks with this errno instead */
	bool no_stamp;
	int64_t stamp_shift_ns; /* the wall clock stepped meanwhile */
};

/* What listens at an address. */
struct fake_peer {
	const char *address; /* "192.0.2.1:80", "[2001:db8::1]:443" */
	uint64_t connect_ns; /* FAKE_NEVER: silence */
	int connect_errno;   /* then, instead of a connection */
	int start_errno;     /* connect(2) itself fails */
	uint32_t syn_retransmits, data_retransmits, rtt_us;
	uint64_t tls_ns; /* of the handshake; FAKE_NEVER: silence */
	int tls_errno;   /* how it fails then; -1: untrusted certificate */
	int64_t not_after_unix_s, chain_not_after_unix_s;
	uint64_t write_ns; /* how long the socket is full; FAKE_NEVER */
	int write_errno;
	size_t read_max_bytes;     /* one read gives so many at most; 0: all */
	bool asks_for_certificate; /* in the handshake */
	bool cuts_record;          /* TLS ends inside a record */
	int transport_start_rc;
	struct fake_step steps[FAKE_STEPS];
	size_t step_count;
	/* answers after each CONNECT, before the others */
	struct fake_step tunnel;
	/* Another peer's steps answer this request; NULL: the own ones. */
	const struct fake_peer *(*answer)(const char *request);
};

struct fake_name {
	const char *name;
	uint64_t ipv6_ns, ipv4_ns; /* FAKE_NEVER: no answer */
	const char *ipv6[4], *ipv4[4];
	enum dns_result result; /* of a family without addresses */
	uint64_t late_ns;       /* how long this process did not look */
};

struct fake_socket {
	bool open, connected, secure, in_tunnel, request_done;
	const struct fake_peer *peer;
	uint64_t connect_due_ns, ready_ns; /* of what is waited for */
	uint64_t write_due_ns;
	size_t step; /* the next */
	uint64_t step_due_ns;
	size_t step_taken_bytes;
	char request[8192];
	size_t request_bytes;
};

static struct {
	uint64_t now_ns;
	struct loop_watch *watches[FAKE_MAX];
	struct loop_timer *timers[FAKE_MAX];
	struct fake_socket sockets[FAKE_MAX];
	const struct fake_peer *peers;
	size_t peer_count;
	const struct fake_name *names;
	size_t name_count;
	/* queries under way */
	struct resolver_query *queries[FAKE_MAX];
	const struct fake_name *query_names[FAKE_MAX];
	uint64_t query_started_ns[FAKE_MAX];
	bool query_told[FAKE_MAX][RESOLVER_FAMILY_COUNT];
	uint64_t held_ns; /* as loop_held_ns has it */
	uint64_t late_ns; /* this process runs so long after each event */
	uint64_t write_takes_ns; /* a call of write lasts */
	uint64_t open_takes_ns;  /* what makes a socket ready to connect */
	/* of the transport; 0: no bound.  What is left announces itself by no
	 * readiness, as what TLS has in its buffer */
	unsigned reads_per_turn, reads_in_turn, turns;
	uint64_t read_takes_ns;
	/* system calls that a check makes; in_vain: for nothing */
	struct {
		unsigned opens, connects, controls, infos, reads, writes;
		unsigned in_vain;
	} calls;
	/* what came out */
	struct tls_terms terms; /* of the last connection */
	struct wire_record records[FAKE_MAX];
	size_t record_count;
	size_t record_room; /* of the pipe; more are lost */
	unsigned expired_queries, left_behind;
	bool has_other_server; /* a nameserver that was not asked yet */
	unsigned checks_started, checks_ended;
	char log[8192]; /* of what was sent */
	int token_rc;
	char token[64];
	bool stopped;
} fake;

/* ------------------------------------------------------------------ clock */

uint64_t
clock_mono_ns(void)
{
	return fake.now_ns;
}

uint64_t
clock_unix_ns(void)
{
	return fake.now_ns + NS_PER_S * 1700000000;
}

uint64_t
clock_unix_to_mono_ns(uint64_t unix_ns)
{
	return unix_ns - NS_PER_S * 1700000000;
}

/* ------------------------------------------------------------------- loop */

void
loop_watch_init(struct loop_watch *watch,
	void (*on_ready)(struct loop_watch *, unsigned))
{
	watch->fd = -1;
	watch->wanted = 0;
	watch->on_ready = on_ready;
}

int
loop_watch_open(
	struct loop *loop, struct loop_watch *watch, int fd, unsigned wanted)
{
	(void)loop;
	for (int i = 0; i < FAKE_MAX; i++)
		if (fake.watches[i] == NULL) {
			fake.watches[i] = watch;
			watch->fd = fd;
			watch->wanted = wanted;
			fake.calls.controls++;
			return 0;
		}
	ck_abort_msg("too many watches");
	return -ENOMEM;
}

int
loop_watch_change(struct loop *loop, struct loop_watch *watch, unsigned wanted)
{
	(void)loop;
	ck_assert_int_ge(watch->fd, 0);
	/* an edge watch is told all; what is waited for matters here only */
	if ((watch->wanted & LOOP_EDGE) != 0)
		wanted |= LOOP_EDGE;
	else
		fake.calls.controls += watch->wanted != wanted;
	watch->wanted = wanted;
	return 0;
}

void
loop_watch_forget(struct loop *loop, struct loop_watch *watch)
{
	(void)loop;
	for (int i = 0; i < FAKE_MAX; i++)
		if (fake.watches[i] == watch)
			fake.watches[i] = NULL;
	watch->fd = -1;
	watch->wanted = 0;
}

void
loop_watch_close(struct loop *loop, struct loop_watch *watch)
{
	loop_watch_forget(loop, watch);
}

void
loop_timer_init(struct loop_timer *timer, void (*on_due)(struct loop_timer *))
{
	memset(timer, 0, sizeof(*timer));
	timer->on_due = on_due;
}

void
loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
	(void)loop;
	for (int i = 0; i < FAKE_MAX; i++)
		if (fake.timers[i] == timer)
			fake.timers[i] = NULL;
	timer->armed = false;
}

void
loop_timer_start(
	struct loop *loop, struct loop_timer *timer, uint64_t due_mono_ns)
{
	loop_timer_stop(loop, timer);
	timer->due_mono_ns =
		due_mono_ns > fake.now_ns ? due_mono_ns : fake.now_ns;
	timer->armed = true;
	for (int i = 0; i < FAKE_MAX; i++)
		if (fake.timers[i] == NULL) {
			fake.timers[i] = timer;
			return;
		}
	ck_abort_msg("too many timers");
}

void
loop_stop(struct loop *loop)
{
	(void)loop;
	fake.stopped = true;
}

uint64_t
loop_held_ns(const struct loop *loop)
{
	(void)loop;
	return fake.held_ns;
}

uint64_t
loop_now_ns(const struct loop *loop)
{
	(void)loop;
	return fake.now_ns;
}

/* ---------------------------------------------------------------- sockets */

static struct fake_socket *
fake_socket_of(int fd)
{
	struct fake_socket *fake_socket;

	ck_assert_int_ge(fd, FAKE_FD_FIRST);
	ck_assert_int_lt(fd, FAKE_FD_FIRST + FAKE_MAX);
	fake_socket = &fake.sockets[fd - FAKE_FD_FIRST];
	ck_assert_msg(fake_socket->open, "socket used after it was closed");
	return fake_socket;
}

static uint64_t
fake_after(uint64_t from_ns, uint64_t delay_ns)
{
	return delay_ns == FAKE_NEVER ? FAKE_NEVER : from_ns + delay_ns;
}

static const struct fake_peer *
fake_peer_at(const struct sockaddr *address)
{
	struct race_address copy;
	char text[80];

	memset(&copy, 0, sizeof(copy));
	memcpy(&copy.socket, address,
		address->sa_family == AF_INET6 ? sizeof(copy.socket.ipv6)
					       : sizeof(copy.socket.ipv4));
	race_format_address(&copy, text, sizeof(text));
	for (size_t i = 0; i < fake.peer_count; i++)
		if (strcmp(fake.peers[i].address, text) == 0)
			return &fake.peers[i];
	ck_abort_msg("nobody is at %s", text);
	return NULL;
}

int
socket_open(int family, int *ret_fd)
{
	(void)family;
	fake.now_ns += fake.open_takes_ns;
	fake.calls.opens++;
	for (int i = 0; i < FAKE_MAX; i++) {
		struct fake_socket *fake_socket = &fake.sockets[i];

		if (fake_socket->open)
			continue;
		memset(fake_socket, 0, sizeof(*fake_socket));
		fake_socket->open = true;
		fake_socket->connect_due_ns = FAKE_NEVER;
		fake_socket->step_due_ns = FAKE_NEVER;
		*ret_fd = FAKE_FD_FIRST + i;
		return 0;
	}
	ck_abort_msg("too many sockets");
	return -EMFILE;
}

int
socket_connect(int fd, const struct sockaddr *address, socklen_t address_len)
{
	struct fake_socket *fake_socket = fake_socket_of(fd);

	(void)address_len;
	fake.calls.connects++;
	fake_socket->peer = fake_peer_at(address);
	fake_socket->connect_due_ns =
		fake_after(fake.now_ns, fake_socket->peer->connect_ns);
	return -fake_socket->peer->start_errno;
}

int
socket_connect_result(int fd, struct tcp_observation *ret_observation)
{
	struct fake_socket *fake_socket = fake_socket_of(fd);

	ck_assert_uint_le(fake_socket->connect_due_ns, fake.now_ns);
	if (fake_socket->peer->connect_errno != 0)
		return -fake_socket->peer->connect_errno;
	fake_socket->connected = true;
	return socket_observe_tcp(fd, ret_observation);
}

/* A peer whose address is a path; its connect_errno may be EAGAIN. */
int
socket_unix_open(int *ret_fd)
{
	return socket_open(AF_UNIX, ret_fd);
}

int
socket_unix_connect(int fd, const char *path)
{
	struct fake_socket *fake_socket = fake_socket_of(fd);

	fake.calls.connects++;
	for (size_t i = 0; i < fake.peer_count; i++)
		if (strcmp(fake.peers[i].address, path) == 0)
			fake_socket->peer = &fake.peers[i];
	ck_assert_msg(fake_socket->peer != NULL, "nobody is at %s", path);
	if (fake_socket->peer->start_errno == EAGAIN &&
		fake.now_ns >= FAKE_EPOCH_NS + fake_socket->peer->connect_ns)
		fake_socket->connected = true;
	else if (fake_socket->peer->start_errno == 0)
		fake_socket->connected = true;
	return fake_socket->connected ? 0 : -fake_socket->peer->start_errno;
}

int
socket_peer_address(int fd, struct in6_addr *ret_address)
{
	const char *address = fake_socket_of(fd)->peer->address;
	char text[INET6_ADDRSTRLEN];
	bool brackets = address[0] == '[';

	if (address[0] == '/')
		return -EAFNOSUPPORT;
	address += brackets;
	snprintf(text, sizeof(text), "%.*s",
		(int)strcspn(address, brackets ? "]" : ":"), address);
	ck_assert(address_parse(ret_address, text));
	return 0;
}

static const struct fake_step *
fake_step_of(const struct fake_socket *fake_socket)
{
	if (fake_socket->in_tunnel)
		return fake_socket->step == 0 ? &fake_socket->peer->tunnel
					      : NULL;
	return fake_socket->step < fake_socket->peer->step_count
		       ? &fake_socket->peer->steps[fake_socket->step]
		       : NULL;
}

/* Whether its FIN is here. */
static bool
fake_has_ended(const struct fake_socket *fake_socket)
{
	const struct fake_step *step;

	if (fake_socket->peer == NULL || !fake_socket->request_done)
		return false;
	step = fake_step_of(fake_socket);
	return step != NULL && step->bytes == NULL && step->error == 0 &&
	       fake_socket->step_due_ns <= fake.now_ns;
}

int
socket_observe_tcp(int fd, struct tcp_observation *ret_observation)
{
	struct fake_socket *fake_socket = fake_socket_of(fd);
	const struct fake_peer *peer = fake_socket->peer;

	ck_assert_ptr_nonnull(peer); /* it is not even connecting */
	memset(ret_observation, 0, sizeof(*ret_observation));
	ret_observation->retransmit_count =
		peer->syn_retransmits +
		(fake_socket->request_bytes > 0 ? peer->data_retransmits : 0);
	ret_observation->rtt_us = peer->rtt_us;
	ret_observation->peer_has_ended = fake_has_ended(fake_socket);
	ret_observation->is_established = !fake_has_ended(fake_socket);
	fake.calls.infos++;
	return 0;
}

void
socket_close_abortive(int fd)
{
	fake_socket_of(fd)->open = false;
}

static inline unsigned
fake_open_sockets(void)
{
	unsigned count = 0;

	for (int i = 0; i < FAKE_MAX; i++)
		count += fake.sockets[i].open;
	return count;
}

/* -------------------------------------------------------------- transport */

/* Some ops that are not NULL: an open transport. */
#define FAKE_OPS ((const struct transport_ops *)(const void *)&fake)

void
transport_move(struct transport *to, struct transport *from)
{
	*to = *from;
	memset(from, 0, sizeof(*from));
}

int
transport_start(struct transport *transport, int fd,
	const struct tls_trust *trust, const char *server_name)
{
	struct fake_socket *fake_socket = fake_socket_of(fd);
	size_t used = strlen(fake.log);

	memset(transport, 0, sizeof(*transport));
	if (trust != NULL && fake_socket->peer->transport_start_rc != 0)
		return fake_socket->peer->transport_start_rc;
	transport->ops = FAKE_OPS;
	transport->fd = fd;
	fake_socket->secure = trust != NULL;
	fake_socket->ready_ns =
		trust != NULL
			? fake_after(fake.now_ns, fake_socket->peer->tls_ns)
			: fake.now_ns;
	if (trust != NULL)
		snprintf(fake.log + used, sizeof(fake.log) - used, "[TLS %s]",
			server_name);
	return 0;
}

void
transport_be_local(struct transport *transport)
{
	ck_assert_ptr_eq(transport->ops, FAKE_OPS);
	ck_assert_int_eq(fake_socket_of(transport->fd)->peer->address[0], '/');
}

const char *
transport_identify(
	struct transport *transport, const struct tls_identity *identity)
{
	size_t used = strlen(fake.log);

	ck_assert_ptr_nonnull(identity);
	ck_assert(fake_socket_of(transport->fd)->secure);
	snprintf(fake.log + used, sizeof(fake.log) - used, "[CERT]");
	return NULL;
}

enum io_result
transport_handshake(struct transport *transport)
{
	struct fake_socket *fake_socket = fake_socket_of(transport->fd);

	transport->tls.not_after_unix_s = fake_socket->peer->not_after_unix_s;
	transport->tls.chain_not_after_unix_s =
		fake_socket->peer->chain_not_after_unix_s;
	if (fake_socket->ready_ns > fake.now_ns)
		return IO_WANT_READ;
	if (fake_socket->peer->tls_errno == 0)
		return IO_DONE;
	if (fake_socket->peer->tls_errno > 0)
		transport->sys_errno = fake_socket->peer->tls_errno;
	return IO_ERROR;
}

static void
fake_request_written(struct fake_socket *fake_socket)
{
	bool connect = strncmp(fake_socket->request, "CONNECT", 7) == 0;

	if (fake_socket->peer->answer != NULL)
		fake_socket->peer =
			fake_socket->peer->answer(fake_socket->request);
	fake_socket->request_done = true;
	fake_socket->in_tunnel = connect;
	fake_socket->step = 0;
	fake_socket->step_due_ns =
		connect ? fake_after(fake.now_ns,
				  fake_socket->peer->tunnel.after_ns)
		: fake_socket->peer->step_count == 0
			? FAKE_NEVER
			: fake_after(fake.now_ns,
				  fake_socket->peer->steps[0].after_ns);
}

enum io_result
transport_write(struct transport *transport, const void *bytes,
	size_t len_bytes, size_t *progress_bytes)
{
	struct fake_socket *fake_socket = fake_socket_of(transport->fd);
	size_t used = strlen(fake.log);

	fake.calls.writes++;
	if (fake_socket->write_due_ns == 0)
		fake_socket->write_due_ns =
			fake_after(fake.now_ns, fake_socket->peer->write_ns);
	if (fake_socket->write_due_ns > fake.now_ns)
		return IO_WANT_WRITE;
	if (fake_socket->peer->write_errno != 0) {
		transport->sys_errno = fake_socket->peer->write_errno;
		return IO_ERROR;
	}
	ck_assert_uint_lt(len_bytes, sizeof(fake_socket->request));
	memcpy(fake_socket->request, bytes, len_bytes);
	fake_socket->request[len_bytes] = '\0';
	fake_socket->request_bytes = len_bytes;
	snprintf(fake.log + used, sizeof(fake.log) - used, "%s",
		fake_socket->request);
	*progress_bytes = len_bytes;
	fake_request_written(fake_socket); /* the peer has it now */
	fake.now_ns += fake.write_takes_ns;
	return IO_DONE;
}

static void
fake_next_step(struct fake_socket *fake_socket)
{
	const struct fake_step *step;

	fake_socket->step++;
	fake_socket->step_taken_bytes = 0;
	step = fake_step_of(fake_socket);
	fake_socket->step_due_ns =
		step == NULL
			? FAKE_NEVER
			: fake_after(fake_socket->step_due_ns, step->after_ns);
}

enum io_result
transport_read(struct transport *transport, void *buf, size_t cap_bytes,
	size_t *ret_bytes)
{
	struct fake_socket *fake_socket = fake_socket_of(transport->fd);
	const struct fake_step *step = fake_step_of(fake_socket);
	size_t read_max = fake_socket->peer->read_max_bytes, len;

	fake.calls.reads++;
	if (step == NULL || fake_socket->step_due_ns > fake.now_ns) {
		fake.calls.in_vain++;
		return IO_WANT_READ;
	}
	if (step->error != 0) {
		transport->sys_errno = step->error;
		return IO_ERROR;
	}
	if (step->bytes == NULL) {
		transport->fin_seen = true;
		return IO_EOF;
	}
	if (fake.reads_per_turn != 0 &&
		fake.reads_in_turn == fake.reads_per_turn)
		return IO_AGAIN;
	fake.reads_in_turn++;
	fake.now_ns += fake.read_takes_ns;
	len = strlen(step->bytes) - fake_socket->step_taken_bytes;
	if (len > cap_bytes)
		len = cap_bytes;
	if (read_max != 0 && len > read_max)
		len = read_max;
	memcpy(buf, step->bytes + fake_socket->step_taken_bytes, len);
	fake_socket->step_taken_bytes += len;
	*ret_bytes = len;
	transport->stamp_mono_ns =
		step->no_stamp ? 0
			       : fake_socket->step_due_ns +
					 (uint64_t)step->stamp_shift_ns;
	if (step->bytes[fake_socket->step_taken_bytes] == '\0')
		fake_next_step(fake_socket);
	return IO_DONE;
}

uint64_t
transport_stamp_mono_ns(const struct transport *transport)
{
	return transport->stamp_mono_ns;
}

bool
transport_ended_whole(const struct transport *transport)
{
	const struct fake_socket *fake_socket = fake_socket_of(transport->fd);

	return !fake_socket->secure || !fake_socket->peer->cuts_record;
}

void
transport_begin_turn(struct transport *transport, uint64_t now_ns)
{
	ck_assert_uint_eq(now_ns, fake.now_ns);
	fake.reads_in_turn = 0;
	fake.turns++;
	(void)transport;
}

bool
transport_turn_is_over(const struct transport *transport)
{
	(void)transport; /* its reads say IO_AGAIN then */
	return false;
}

void
transport_note_fin(struct transport *transport)
{
	if (!fake_socket_of(transport->fd)->secure)
		transport->fin_seen = true;
}

enum io_result
transport_await_fin(struct transport *transport)
{
	struct fake_socket *fake_socket = fake_socket_of(transport->fd);
	const struct fake_step *step = fake_step_of(fake_socket);

	if (transport->fin_seen)
		return IO_EOF;
	fake.calls.reads++;
	if (step == NULL || fake_socket->step_due_ns > fake.now_ns) {
		fake.calls.in_vain++;
		return IO_WANT_READ;
	}
	if (step->error != 0)
		return IO_ERROR;
	transport->fin_seen = true;
	return IO_EOF;
}

int
transport_errno(const struct transport *transport)
{
	return transport->sys_errno;
}

bool
transport_was_asked_for_certificate(const struct transport *transport)
{
	return fake_socket_of(transport->fd)->peer->asks_for_certificate;
}

enum tls_failure
transport_tls_failure(const struct transport *transport)
{
	(void)transport;
	return TLS_FAILURE_NONE;
}

void
transport_describe_failure(
	const struct transport *transport, char *ret_text, size_t cap_bytes)
{
	snprintf(ret_text, cap_bytes, "%s",
		transport->sys_errno != 0 ? strerror(transport->sys_errno)
					  : "tls: certificate has expired");
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
transport_set_terms(struct transport *transport, const struct tls_terms *terms)
{
	(void)transport;
	fake.terms = *terms;
}

int
transport_detach(struct transport *transport)
{
	ck_assert_ptr_nonnull(transport->ops);
	transport->ops = NULL;
	return transport->fd;
}

void
transport_close(struct transport *transport, enum transport_close how)
{
	(void)how;
	if (transport->ops == NULL)
		return;
	fake_socket_of(transport->fd)->open = false;
	transport->ops = NULL;
}

/* --------------------------------------------------------------- resolver */

int
resolver_start(struct resolver *resolver, struct resolver_query *query,
	const char *host)
{
	(void)resolver;
	ck_assert_ptr_null(query->resolver);
	if (host[0] == '\0' || host[0] == '.')
		return -EINVAL;
	for (size_t i = 0; i < fake.name_count; i++)
		for (int j = 0; j < FAKE_MAX; j++) {
			if (strcmp(fake.names[i].name, host) != 0 ||
				fake.queries[j] != NULL)
				continue;
			fake.queries[j] = query;
			fake.query_names[j] = &fake.names[i];
			fake.query_started_ns[j] = fake.now_ns;
			memset(fake.query_told[j], 0,
				sizeof(fake.query_told[j]));
			query->resolver = (struct resolver *)(void *)&fake;
			snprintf(query->host, sizeof(query->host), "%s", host);
			query->result = fake.names[i].result;
			return 0;
		}
	ck_abort_msg("nobody knows the name %s", host);
	return 0;
}

void
resolver_cancel(struct resolver_query *query)
{
	for (int i = 0; i < FAKE_MAX; i++)
		if (fake.queries[i] == query)
			fake.queries[i] = NULL;
	query->resolver = NULL;
}

bool
resolver_go_on(struct resolver_query *query)
{
	bool answered = query->resolver == NULL;

	fake.left_behind += !answered;
	resolver_cancel(query);
	return answered;
}

void
resolver_cancel_late(struct resolver *resolver, uint32_t context_id)
{
	(void)resolver;
	(void)context_id;
}

bool
resolver_has_other_server(const struct resolver_query *query)
{
	return query->resolver != NULL && fake.has_other_server;
}

void
resolver_expire(struct resolver_query *query)
{
	fake.expired_queries++;
	query->result = DNS_TIMEOUT;
	resolver_cancel(query);
}

enum dns_result
resolver_result(const struct resolver_query *query)
{
	return query->result;
}

void
resolver_format_error(
	const struct resolver_query *query, char ret_text[DNS_TEXT_BYTES])
{
	snprintf(ret_text, DNS_TEXT_BYTES, "dns: %s for %s",
		dns_result_name(query->result), query->host);
}

void
resolver_free(struct resolver *resolver)
{
	(void)resolver;
}

static uint64_t
fake_answer_due_ns(int i, int family)
{
	const struct fake_name *name = fake.query_names[i];

	if (fake.query_told[i][family])
		return FAKE_NEVER;
	return fake_after(fake.query_started_ns[i],
		family == RESOLVER_IPV6 ? name->ipv6_ns : name->ipv4_ns);
}

static void
fake_answer(int i, int family)
{
	const struct fake_name *name = fake.query_names[i];
	struct resolver_query *query = fake.queries[i];
	struct resolver_address addresses[4];
	struct resolver_answer answer = { .family =
						  (enum resolver_family)family,
		.result = name->result,
		.addresses = addresses,
		.answered_mono_ns = fake_answer_due_ns(i, family) };
	const char *const *texts =
		family == RESOLVER_IPV6 ? name->ipv6 : name->ipv4;

	while (answer.address_count < 4 &&
		texts[answer.address_count] != NULL) {
		struct resolver_address *address =
			&addresses[answer.address_count];

		address->family = family == RESOLVER_IPV6 ? AF_INET6 : AF_INET;
		ck_assert_int_eq(
			inet_pton(address->family, texts[answer.address_count],
				&address->ipv6),
			1);
		answer.address_count++;
	}
	fake.query_told[i][family] = true;
	query->on_answer(query, &answer);
	if (fake.queries[i] == query && fake.query_told[i][0] &&
		fake.query_told[i][1]) {
		resolver_cancel(query);
		query->on_done(query);
	}
}

/* ----------------------------------------------------- worker, token, trust */

void
worker_emit(struct worker *worker, struct wire_record *record)
{
	if (worker_try_emit(worker, record) == -EAGAIN)
		worker->records_dropped++;
}

int
worker_try_emit(struct worker *worker, struct wire_record *record)
{
	if (fake.record_count == fake.record_room)
		return -EAGAIN;
	ck_assert_uint_lt(fake.record_count, FAKE_MAX);
	record->checks_started = worker->checks_started;
	ck_assert_msg(wire_check(record, worker->gen) == 0,
		"the supervisor would call this nonsense");
	fake.records[fake.record_count++] = *record;
	return 0;
}

/* The kinds name it; nothing here is born. */
const struct worker_body prober_body = { .open = NULL };

void
prober_check_started(struct worker *worker)
{
	worker->checks_started++;
	worker->checks_running++;
	fake.checks_started++;
}

void
prober_check_ended(struct worker *worker)
{
	ck_assert_uint_gt(worker->checks_running, 0);
	worker->checks_running--;
	fake.checks_ended++;
}

int
token_read(const char *path, char *ret_token, size_t cap_bytes)
{
	(void)path;
	if (fake.token_rc != 0)
		return fake.token_rc;
	return snprintf(ret_token, cap_bytes, "%s", fake.token);
}

void
trust_load(const struct control_nursery *settings)
{
	(void)settings;
}

struct tls_trust *
trust_with_file(const struct control_nursery *settings, const char *path,
	int fd, char *ret_error, size_t cap_bytes)
{
	(void)settings;
	(void)fd;
	snprintf(ret_error, cap_bytes, "%s: no certificate in it", path);
	return NULL;
}

const struct tls_trust *
trust_for(const struct target *target)
{
	return (const struct tls_trust *)(const void *)target;
}

const struct tls_trust *
trust_for_api_server(const struct control_nursery *settings)
{
	return (const struct tls_trust *)(const void *)settings;
}

void
tls_trust_free(struct tls_trust *trust)
{
	(void)trust;
}

/* ------------------------------------------------------------ time passes */

/* When this watch has something to say; FAKE_NEVER: not as things are. */
static uint64_t
fake_ready_ns(const struct loop_watch *watch)
{
	const struct fake_socket *fake_socket = fake_socket_of(watch->fd);

	if (!fake_socket->connected)
		return fake_socket->connect_due_ns;
	if ((watch->wanted & LOOP_WRITE) != 0)
		return fake_socket->write_due_ns;
	if (fake_socket->secure && !fake_socket->request_done)
		return fake_socket->ready_ns;
	if (fake_socket->secure && fake_socket->in_tunnel)
		return fake_socket->ready_ns;
	if (fake.reads_per_turn != 0 && fake_socket->step_taken_bytes > 0)
		return FAKE_NEVER;
	return fake_socket->step_due_ns;
}

/* What it is told, as the kernel would. */
static unsigned
fake_readiness(const struct loop_watch *watch)
{
	const struct fake_socket *fake_socket = fake_socket_of(watch->fd);

	if (!fake_socket->connected)
		return LOOP_WRITE;
	return (watch->wanted & (LOOP_READ | LOOP_WRITE)) |
	       (fake_has_ended(fake_socket) ? (unsigned)LOOP_RDHUP : 0);
}

struct fake_event {
	uint64_t due_ns, late_ns;
	struct loop_watch *watch;
	struct loop_timer *timer;
	int query, family;
};

static void
fake_consider(struct fake_event *next, struct fake_event candidate)
{
	if (candidate.due_ns < next->due_ns)
		*next = candidate;
}

static struct fake_event
fake_next_event(void)
{
	struct fake_event next = { .due_ns = FAKE_NEVER };

	for (int i = 0; i < FAKE_MAX; i++) {
		if (fake.watches[i] != NULL)
			fake_consider(&next,
				(struct fake_event){ .due_ns = fake_ready_ns(
							     fake.watches[i]),
					.late_ns = fake.late_ns,
					.watch = fake.watches[i] });
		if (fake.queries[i] == NULL)
			continue;
		for (int family = 0; family < RESOLVER_FAMILY_COUNT; family++)
			fake_consider(&next,
				(struct fake_event){
					.due_ns = fake_answer_due_ns(i, family),
					.late_ns = fake.query_names[i]->late_ns,
					.query = i,
					.family = family });
	}
	for (int i = 0; i < FAKE_MAX; i++) /* as the loop: descriptors first */
		if (fake.timers[i] != NULL)
			fake_consider(&next,
				(struct fake_event){
					.due_ns = fake.timers[i]->due_mono_ns,
					.timer = fake.timers[i] });
	return next;
}

/* Runs what is due up to this moment, then it is that moment. */
static inline void
fake_run_until(uint64_t until_ns)
{
	for (;;) {
		struct fake_event event = fake_next_event();
		uint64_t runs_ns;

		if (event.due_ns == FAKE_NEVER)
			break;
		runs_ns = event.due_ns + event.late_ns;
		if (runs_ns < fake.now_ns)
			runs_ns = fake.now_ns;
		if (runs_ns > until_ns)
			break;
		fake.now_ns = runs_ns;
		if (event.watch != NULL) {
			event.watch->on_ready(
				event.watch, fake_readiness(event.watch));
		} else if (event.timer != NULL) {
			loop_timer_stop(NULL, event.timer);
			event.timer->on_due(event.timer);
		} else {
			fake_answer(event.query, event.family);
		}
	}
	fake.now_ns = until_ns;
}

static inline void
fake_run_for(uint64_t duration_ns)
{
	fake_run_until(fake.now_ns + duration_ns);
}

static inline void
fake_reset(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.now_ns = FAKE_EPOCH_NS;
	fake.record_room = FAKE_MAX;
	strcpy(fake.token, "sekrit");
}

#endif
