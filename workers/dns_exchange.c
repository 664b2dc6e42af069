/* SPDX-License-Identifier: Apache-2.0 */
/* One DNS question and its tries; see dns_exchange.h. */
#include "workers/dns_exchange.h"

#include "common/clock.h"
#include "workers/dns_message.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 * Without EDNS a server sends 512 bytes at most (RFC 1035 section 4.2.1).  What
 * does not even fit here is treated as truncated.
 */
#define UDP_ANSWER_BYTES_MAX 4096
/* A stream of garbage must not keep the loop from its other descriptors. */
#define DATAGRAMS_PER_TURN 16

static void next_try(struct dns_exchange *exchange);
static void on_ready(struct loop_watch *watch, unsigned ready);
static void on_due(struct loop_timer *timer);

void
dns_exchange_init(struct dns_exchange *exchange,
	const struct dns_exchange_ops *ops, struct loop *loop,
	const struct resolv_conf *conf)
{
	memset(exchange, 0, sizeof(*exchange));
	exchange->ops = ops;
	exchange->loop = loop;
	exchange->conf = conf;
	loop_watch_init(&exchange->watch, on_ready);
	loop_timer_init(&exchange->timer, on_due);
}

const struct nameserver *
dns_exchange_server(const struct dns_exchange *exchange)
{
	size_t i = exchange->first_server + exchange->try_count - 1;

	return &exchange->conf->servers[i % exchange->conf->server_count];
}

/* Idempotent: the one place where a try's resources go. */
static void
close_try(struct dns_exchange *exchange)
{
	int fd = exchange->watch.fd;

	if (fd >= 0) {
		/* closing takes it out of the epoll set: it was never shared */
		loop_watch_forget(exchange->loop, &exchange->watch);
		close(fd);
	}
	loop_timer_stop(exchange->loop, &exchange->timer);
	free(exchange->tcp_answer);
	exchange->tcp_answer = NULL;
	exchange->state = DNS_EXCHANGE_IDLE;
}

/* The query under way is over; says so. */
static void
end_query(
	struct dns_exchange *exchange, enum dns_result result, uint64_t end_ns)
{
	close_try(exchange);
	exchange->last_result = result;
	exchange->ops->on_query_end(exchange, dns_exchange_server(exchange),
		clock_since_ns(end_ns, exchange->sent_mono_ns), result);
}

/* error: what the network said, or 0. */
static void
fail_query(struct dns_exchange *exchange, enum dns_result result, int error)
{
	exchange->last_errno = error;
	end_query(exchange, result, clock_mono_ns());
	next_try(exchange);
}

static void
answer_query(
	struct dns_exchange *exchange, enum dns_result result, uint64_t end_ns)
{
	exchange->answered_mono_ns = end_ns;
	end_query(exchange, result, end_ns);
	if (result == DNS_OK || result == DNS_NXDOMAIN)
		exchange->ops->on_end(exchange, result);
	else
		next_try(exchange); /* another may know better */
}

static int
open_socket(struct dns_exchange *exchange, int type, unsigned wanted)
{
	const struct nameserver *server = dns_exchange_server(exchange);
	const int on = 1;
	int fd = socket(server->address.ss_family,
		type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc = 0;

	if (fd < 0)
		return -errno;
	/* when the answer came, not when this process next ran */
	if (type == SOCK_DGRAM)
		(void)setsockopt(
			fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	if (connect(fd, (const struct sockaddr *)&server->address,
		    server->address_bytes) < 0 &&
		errno != EINPROGRESS)
		rc = -errno;
	if (rc == 0)
		rc = loop_watch_open(
			exchange->loop, &exchange->watch, fd, wanted);
	if (rc < 0)
		close(fd);
	return rc;
}

static int
start_udp(struct dns_exchange *exchange)
{
	size_t len = exchange->query_bytes - DNS_TCP_LENGTH_BYTES;
	int rc = open_socket(exchange, SOCK_DGRAM, LOOP_READ);

	if (rc < 0)
		return rc;
	if (send(exchange->watch.fd, exchange->query + DNS_TCP_LENGTH_BYTES,
		    len, MSG_NOSIGNAL) < 0) {
		rc = -errno;
		close_try(exchange);
		return rc;
	}
	exchange->state = DNS_EXCHANGE_UDP;
	return 0;
}

static int
start_tcp(struct dns_exchange *exchange)
{
	int rc = open_socket(exchange, SOCK_STREAM, LOOP_WRITE);

	if (rc < 0)
		return rc;
	exchange->tcp_done_bytes = 0;
	exchange->state = DNS_EXCHANGE_TCP_WRITE;
	return 0;
}

/* Asks the current server, in the way use_tcp says. */
static int
send_query(struct dns_exchange *exchange)
{
	int rc;

	exchange->shortage_errno = exchange->last_errno = 0;
	exchange->saw_garbage = false;
	exchange->sent_mono_ns = clock_mono_ns();
	rc = exchange->use_tcp ? start_tcp(exchange) : start_udp(exchange);
	if (rc == 0)
		loop_timer_start(exchange->loop, &exchange->timer,
			exchange->sent_mono_ns + exchange->conf->timeout_ns);
	return rc;
}

/* What this process, or host, is short of: no nameserver is to blame. */
static bool
is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM ||
	       error == ENOBUFS || error == EAGAIN;
}

/* The query could not be sent. */
static void
end_unsent(struct dns_exchange *exchange, int error)
{
	if (is_shortage(error)) {
		exchange->shortage_errno = error;
		exchange->last_result = DNS_UNREACHABLE;
		return;
	}
	exchange->last_errno = error;
	end_query(exchange, DNS_UNREACHABLE, exchange->sent_mono_ns);
}

/*
 * When nobody is left to ask, the timer ends the exchange in the next turn: the
 * caller may be inside dns_exchange_start.
 */
static void
next_try(struct dns_exchange *exchange)
{
	const struct resolv_conf *conf = exchange->conf;

	while (exchange->try_count < conf->server_count * conf->attempt_count) {
		int rc;

		exchange->try_count++;
		exchange->use_tcp = conf->use_tcp;
		rc = send_query(exchange);
		if (rc == 0)
			return;
		end_unsent(exchange, -rc);
	}
	exchange->state = DNS_EXCHANGE_FAILED;
	loop_timer_start(
		exchange->loop, &exchange->timer, loop_now_ns(exchange->loop));
}

/* The same server again, by TCP. */
static void
retry_by_tcp(struct dns_exchange *exchange)
{
	int rc;

	exchange->use_tcp = true;
	rc = send_query(exchange);
	if (rc == 0)
		return;
	end_unsent(exchange, -rc);
	next_try(exchange);
}

void
dns_exchange_start(struct dns_exchange *exchange, size_t first_server,
	const uint8_t *message, size_t len_bytes)
{
	assert(exchange->state == DNS_EXCHANGE_IDLE);
	assert(len_bytes <= DNS_QUERY_BYTES_MAX);
	exchange->query[0] = (uint8_t)(len_bytes >> 8);
	exchange->query[1] = (uint8_t)len_bytes;
	memcpy(exchange->query + DNS_TCP_LENGTH_BYTES, message, len_bytes);
	exchange->query_bytes = DNS_TCP_LENGTH_BYTES + len_bytes;
	exchange->first_server = first_server;
	exchange->try_count = 0;
	exchange->last_result = DNS_UNREACHABLE;
	exchange->shortage_errno = exchange->last_errno = 0;
	exchange->answered_mono_ns = 0;
	next_try(exchange);
}

static bool
is_running(const struct dns_exchange *exchange)
{
	switch (exchange->state) {
	case DNS_EXCHANGE_UDP:
	case DNS_EXCHANGE_TCP_WRITE:
	case DNS_EXCHANGE_TCP_READ:
		return true;
	case DNS_EXCHANGE_IDLE:
	case DNS_EXCHANGE_FAILED:
		break;
	}
	return false;
}

bool
dns_exchange_has_other_server(const struct dns_exchange *exchange)
{
	return is_running(exchange) &&
	       exchange->try_count < exchange->conf->server_count;
}

void
dns_exchange_move(struct dns_exchange *to, struct dns_exchange *from)
{
	const struct dns_exchange_ops *ops = to->ops;
	int fd = from->watch.fd;
	unsigned wanted = from->watch.wanted;
	bool armed = from->timer.armed;
	uint64_t due_ns = from->timer.due_mono_ns;

	loop_watch_close(from->loop, &from->watch);
	loop_timer_stop(from->loop, &from->timer);
	*to = *from;
	to->ops = ops;
	loop_watch_init(&to->watch, on_ready);
	loop_timer_init(&to->timer, on_due);
	from->tcp_answer = NULL;
	from->state = DNS_EXCHANGE_IDLE;
	/* its place in the epoll set was given back a moment ago */
	if (fd >= 0 && loop_watch_open(to->loop, &to->watch, fd, wanted) < 0)
		close(fd);
	if (armed)
		loop_timer_start(to->loop, &to->timer, due_ns);
}

void
dns_exchange_stop(struct dns_exchange *exchange, bool count_open)
{
	if (count_open && is_running(exchange))
		end_query(exchange, DNS_TIMEOUT, clock_mono_ns());
	else
		close_try(exchange);
}

static enum dns_result
result_of_rcode(struct dns_exchange *exchange, uint8_t rcode,
	const uint8_t *bytes, size_t len_bytes)
{
	if (rcode == DNS_RCODE_NOERROR)
		return exchange->ops->decode(exchange, bytes, len_bytes);
	if (rcode == DNS_RCODE_NXDOMAIN)
		return DNS_NXDOMAIN;
	if (rcode == DNS_RCODE_REFUSED)
		return DNS_REFUSED;
	if (rcode == DNS_RCODE_FORMERR)
		return DNS_FORMERR;
	if (rcode == DNS_RCODE_NOTIMP)
		return DNS_NOTIMP;
	return DNS_SERVFAIL;
}

/*
 * True: this was the answer, and the exchange has moved on.  What does not
 * carry our id and question is no answer, whoever sent it: the true one may
 * still come.
 */
static bool
take_message(struct dns_exchange *exchange, const uint8_t *bytes,
	size_t len_bytes, bool cut, uint64_t received_ns)
{
	struct dns_message query, answer;

	if (dns_message_parse(exchange->query + DNS_TCP_LENGTH_BYTES,
		    exchange->query_bytes - DNS_TCP_LENGTH_BYTES, &query) < 0 ||
		dns_message_parse(bytes, len_bytes, &answer) < 0 ||
		!dns_message_is_answer_to(&answer, &query)) {
		exchange->saw_garbage = true;
		return false;
	}
	if ((answer.is_truncated || cut) && !exchange->use_tcp) {
		exchange->answered_mono_ns = received_ns;
		end_query(exchange, DNS_OK, received_ns);
		retry_by_tcp(exchange);
		return true;
	}
	answer_query(exchange,
		result_of_rcode(exchange, answer.rcode, bytes, len_bytes),
		received_ns);
	return true;
}

/* The kernel's stamp, where it lies between the question and now. */
static uint64_t
receive_time_ns(const struct dns_exchange *exchange, struct msghdr *header)
{
	/* the only control message that was asked for */
	const struct cmsghdr *control = CMSG_FIRSTHDR(header);
	uint64_t now_ns = clock_mono_ns(), stamp_ns = 0;
	struct timespec ts;

	if (control != NULL && control->cmsg_level == SOL_SOCKET &&
		control->cmsg_type == SCM_TIMESTAMPNS) {
		memcpy(&ts, CMSG_DATA(control), sizeof(ts));
		stamp_ns = clock_unix_to_mono_ns(
			(uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec);
	}
	return stamp_ns >= exchange->sent_mono_ns && stamp_ns <= now_ns
		       ? stamp_ns
		       : now_ns;
}

static void
read_udp(struct dns_exchange *exchange)
{
	for (int i = 0; i < DATAGRAMS_PER_TURN; i++) {
		uint8_t bytes[UDP_ANSWER_BYTES_MAX];
		char control[CMSG_SPACE(sizeof(struct timespec))]
			__attribute__((aligned(__alignof__(struct cmsghdr))));
		struct iovec vec = { bytes, sizeof(bytes) };
		struct msghdr header = { .msg_iov = &vec,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(exchange->watch.fd, &header, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			fail_query(exchange, DNS_UNREACHABLE, errno);
			return;
		}
		if (take_message(exchange, bytes, (size_t)n,
			    (header.msg_flags & MSG_TRUNC) != 0,
			    receive_time_ns(exchange, &header)))
			return;
	}
}

static void
write_tcp(struct dns_exchange *exchange)
{
	ssize_t n = send(exchange->watch.fd,
		exchange->query + exchange->tcp_done_bytes,
		exchange->query_bytes - exchange->tcp_done_bytes, MSG_NOSIGNAL);
	int rc;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		fail_query(exchange, DNS_UNREACHABLE, errno);
		return;
	}
	exchange->tcp_done_bytes += (size_t)n;
	if (exchange->tcp_done_bytes < exchange->query_bytes)
		return;
	exchange->tcp_done_bytes = 0;
	exchange->state = DNS_EXCHANGE_TCP_READ;
	rc = loop_watch_change(exchange->loop, &exchange->watch, LOOP_READ);
	if (rc < 0)
		fail_query(exchange, DNS_UNREACHABLE, -rc);
}

static size_t
tcp_answer_bytes(const struct dns_exchange *exchange)
{
	return (size_t)exchange->tcp_length[0] << 8 | exchange->tcp_length[1];
}

/* False: the query has failed and the exchange has moved on. */
static bool
read_tcp_bytes(struct dns_exchange *exchange, uint8_t *bytes, size_t len_bytes)
{
	ssize_t n = recv(exchange->watch.fd, bytes, len_bytes, 0);

	if (n > 0) {
		exchange->tcp_done_bytes += (size_t)n;
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	fail_query(exchange, n == 0 ? DNS_MALFORMED : DNS_UNREACHABLE,
		n == 0 ? 0 : errno);
	return false;
}

static void
read_tcp(struct dns_exchange *exchange)
{
	size_t done = exchange->tcp_done_bytes, len;
	uint64_t now_ns;

	if (done < DNS_TCP_LENGTH_BYTES) {
		if (!read_tcp_bytes(exchange, exchange->tcp_length + done,
			    DNS_TCP_LENGTH_BYTES - done) ||
			exchange->tcp_done_bytes < DNS_TCP_LENGTH_BYTES)
			return;
		/* rare, and of any length up to 64 KiB: not worth memory that
		 * every query would hold */
		exchange->tcp_answer = malloc(tcp_answer_bytes(exchange) + 1);
		if (exchange->tcp_answer == NULL)
			fail_query(exchange, DNS_MALFORMED, ENOMEM);
		return;
	}
	done -= DNS_TCP_LENGTH_BYTES;
	len = tcp_answer_bytes(exchange);
	if (done < len && !read_tcp_bytes(exchange, exchange->tcp_answer + done,
				  len - done))
		return;
	if (exchange->tcp_done_bytes - DNS_TCP_LENGTH_BYTES < len)
		return;
	now_ns = clock_mono_ns();
	if (!take_message(exchange, exchange->tcp_answer, len, false, now_ns))
		fail_query(exchange, DNS_MALFORMED, 0);
}

static void
on_ready(struct loop_watch *watch, unsigned ready)
{
	struct dns_exchange *exchange =
		LOOP_OWNER(watch, struct dns_exchange, watch);

	(void)ready; /* the call itself tells what an error was */
	switch (exchange->state) {
	case DNS_EXCHANGE_UDP:
		read_udp(exchange);
		break;
	case DNS_EXCHANGE_TCP_WRITE:
		write_tcp(exchange);
		break;
	case DNS_EXCHANGE_TCP_READ:
		read_tcp(exchange);
		break;
	case DNS_EXCHANGE_IDLE:
	case DNS_EXCHANGE_FAILED:
		break;
	}
}

static void
on_due(struct loop_timer *timer)
{
	struct dns_exchange *exchange =
		LOOP_OWNER(timer, struct dns_exchange, timer);

	if (exchange->state == DNS_EXCHANGE_FAILED) {
		exchange->state = DNS_EXCHANGE_IDLE;
		exchange->ops->on_end(exchange, exchange->last_result);
		return;
	}
	fail_query(exchange,
		exchange->saw_garbage ? DNS_MALFORMED : DNS_TIMEOUT, 0);
}
