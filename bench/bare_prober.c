/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bare loop itself; see bare_prober.h.  The only file of bare_loop that
 * knows epoll and OpenSSL.
 */
#include "bench/bare_prober.h"

#include "bench/args.h"
#include "common/clock.h"
#include "workers/schedule.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <linux/time_types.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BATCH_COUNT      64
#define MAX_ANSWER_BYTES 4096

enum state {
	STATE_IDLE,
	STATE_CONNECT,
	STATE_HANDSHAKE,
	STATE_ANSWER,
};

struct check {
	enum state state;
	uint64_t phase_ns; /* when in the interval */
	int fd;
	SSL *ssl;
	uint64_t started_ns, wrote_ns;
	uint64_t stamp_unix_ns; /* of the last segment read */
	size_t len_bytes;
	struct bare_record record;
	char answer[MAX_ANSWER_BYTES];
};

struct prober {
	const struct bare_options *options;
	int epoll_fd;
	bool ended;
	struct sockaddr_in address;
	SSL_CTX *tls;
	BIO_METHOD *bio;
	char request[256];
	size_t request_bytes;
	struct check *checks;
};

static uint64_t
stamp_of(struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL;
		c = CMSG_NXTHDR(message, c)) {
		struct scm_timestamping stamps;

		if (c->cmsg_level != SOL_SOCKET ||
			c->cmsg_type != SCM_TIMESTAMPING)
			continue;
		memcpy(&stamps, CMSG_DATA(c), sizeof(stamps));
		return (uint64_t)stamps.ts[0].tv_sec * NS_PER_S +
		       (uint64_t)stamps.ts[0].tv_nsec;
	}
	return 0;
}

static ssize_t
receive(struct check *check, void *to, size_t room_bytes)
{
	char control[CMSG_SPACE(sizeof(struct scm_timestamping)) + 64];
	struct iovec part = { to, room_bytes };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(check->fd, &message, 0);

	if (n > 0)
		check->stamp_unix_ns = stamp_of(&message);
	return n;
}

static int
bio_read(BIO *bio, char *to, int room_bytes)
{
	struct check *check = BIO_get_data(bio);
	ssize_t n = receive(check, to, (size_t)room_bytes);

	BIO_clear_retry_flags(bio);
	if (n < 0 && errno == EAGAIN)
		BIO_set_retry_read(bio);
	return (int)n;
}

static int
bio_write(BIO *bio, const char *from, int len_bytes)
{
	struct check *check = BIO_get_data(bio);
	ssize_t n = send(check->fd, from, (size_t)len_bytes, MSG_NOSIGNAL);

	BIO_clear_retry_flags(bio);
	if (n < 0 && errno == EAGAIN)
		BIO_set_retry_write(bio);
	return (int)n;
}

static long
bio_control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static void
load_tls(struct prober *prober)
{
	const char *ca = prober->options->ca;

	if (ca == NULL)
		return;
	prober->tls = SSL_CTX_new(TLS_client_method());
	prober->bio = BIO_meth_new(BIO_get_new_index(), "stamped socket");
	if (prober->tls == NULL || prober->bio == NULL)
		die("out of memory");
	BIO_meth_set_read(prober->bio, bio_read);
	BIO_meth_set_write(prober->bio, bio_write);
	BIO_meth_set_ctrl(prober->bio, bio_control);
	if (SSL_CTX_load_verify_file(prober->tls, ca) != 1)
		die("%s: %s", ca,
			ERR_reason_error_string(ERR_peek_last_error()));
	SSL_CTX_set_verify(prober->tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(prober->tls, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(prober->tls, SSL_OP_NO_TICKET);
}

static void
start_tls(const struct prober *prober, struct check *check)
{
	static const unsigned char alpn[] = "\x08http/1.1";
	BIO *bio = BIO_new(prober->bio);

	check->ssl = SSL_new(prober->tls);
	if (check->ssl == NULL || bio == NULL)
		die("out of memory");
	BIO_set_data(bio, check);
	BIO_set_init(bio, 1);
	SSL_set_bio(check->ssl, bio, bio);
	SSL_set_connect_state(check->ssl);
	SSL_set_alpn_protos(check->ssl, alpn, sizeof(alpn) - 1);
	X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(check->ssl), "127.0.0.1");
}

static void
control(struct prober *prober, struct check *check, int operation,
	uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = check };

	if (epoll_ctl(prober->epoll_fd, operation, check->fd, &event) < 0)
		die("epoll_ctl");
}

static int
open_stamped(int type)
{
	int flags = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
	int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags,
			      sizeof(flags)) < 0)
		die("socket");
	return fd;
}

static void
start_check(struct prober *prober, struct check *check)
{
	memset(&check->record, 0, sizeof(check->record));
	check->len_bytes = 0;
	check->stamp_unix_ns = 0;
	check->started_ns = clock_mono_ns();
	check->fd = open_stamped(SOCK_STREAM);
	if (connect(check->fd, (struct sockaddr *)&prober->address,
		    sizeof(prober->address)) < 0 &&
		errno != EINPROGRESS)
		die("connect");
	check->state = STATE_CONNECT;
	control(prober, check, EPOLL_CTL_ADD, EPOLLOUT);
}

static void
end_check(struct prober *prober, struct check *check, bool ok)
{
	struct tcp_info info;
	socklen_t info_bytes = sizeof(info);

	getsockopt(check->fd, IPPROTO_TCP, TCP_INFO, &info, &info_bytes);
	SSL_free(check->ssl);
	check->ssl = NULL;
	close(check->fd);
	check->state = STATE_IDLE;
	check->record.ok = ok && check->record.request_own_ns != 0;
	check->record.ended_mono_ns = clock_mono_ns();
	if (!prober->ended)
		prober->ended = !prober->options->on_record(
			prober->options->arg, &check->record);
}

static bool
send_request(struct prober *prober, struct check *check)
{
	ssize_t n;

	if (check->ssl != NULL)
		n = SSL_write(check->ssl, prober->request,
			(int)prober->request_bytes);
	else
		n = send(check->fd, prober->request, prober->request_bytes,
			MSG_NOSIGNAL);
	check->wrote_ns = clock_mono_ns();
	check->state = STATE_ANSWER;
	return n == (ssize_t)prober->request_bytes;
}

/* False: it failed. */
static bool
connect_done(struct check *check)
{
	struct tcp_info info;
	int error = 0;
	socklen_t error_bytes = sizeof(error), info_bytes = sizeof(info);

	if (getsockopt(check->fd, SOL_SOCKET, SO_ERROR, &error, &error_bytes) <
			0 ||
		error != 0 ||
		getsockopt(check->fd, IPPROTO_TCP, TCP_INFO, &info,
			&info_bytes) < 0)
		return false;
	check->record.rtt_us = info.tcpi_rtt;
	return true;
}

static void
headers_done(struct check *check)
{
	uint64_t now_ns = clock_mono_ns();
	uint64_t stamp_ns = clock_unix_to_mono_ns(check->stamp_unix_ns);

	if (stamp_ns < check->wrote_ns || stamp_ns > now_ns)
		stamp_ns = now_ns;
	check->record.request_own_ns = now_ns - check->started_ns;
	check->record.request_stamped_ns = stamp_ns - check->started_ns;
	check->record.wait_own_ns = now_ns - check->wrote_ns;
	check->record.wait_stamped_ns = stamp_ns - check->wrote_ns;
}

static ssize_t
read_answer(struct check *check)
{
	char *to = check->answer + check->len_bytes;
	size_t room_bytes = sizeof(check->answer) - check->len_bytes;
	ssize_t n;

	if (check->ssl == NULL)
		return receive(check, to, room_bytes);
	ERR_clear_error();
	n = SSL_read(check->ssl, to, (int)room_bytes);
	if (n > 0)
		return n;
	errno = EAGAIN;
	return SSL_get_error(check->ssl, (int)n) == SSL_ERROR_WANT_READ ? -1
									: 0;
}

static void
step_answer(struct prober *prober, struct check *check)
{
	ssize_t n;

	while (check->len_bytes < sizeof(check->answer)) {
		n = read_answer(check);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			end_check(prober, check, n == 0);
			return;
		}
		check->len_bytes += (size_t)n;
		if (check->record.request_own_ns == 0 &&
			memmem(check->answer, check->len_bytes, "\r\n\r\n",
				4) != NULL)
			headers_done(check);
	}
	end_check(prober, check, false);
}

static void
step_handshake(struct prober *prober, struct check *check)
{
	int result;

	ERR_clear_error();
	result = SSL_do_handshake(check->ssl);
	if (result == 1 && send_request(prober, check))
		return;
	if (result != 1 &&
		SSL_get_error(check->ssl, result) == SSL_ERROR_WANT_READ)
		return;
	end_check(prober, check, false);
}

static void
step(struct prober *prober, struct check *check)
{
	switch (check->state) {
	case STATE_IDLE:
		return;
	case STATE_CONNECT:
		if (!connect_done(check)) {
			end_check(prober, check, false);
			return;
		}
		control(prober, check, EPOLL_CTL_MOD, EPOLLIN);
		if (prober->tls != NULL) {
			start_tls(prober, check);
			check->state = STATE_HANDSHAKE;
			step_handshake(prober, check);
		} else if (!send_request(prober, check)) {
			end_check(prober, check, false);
		}
		return;
	case STATE_HANDSHAKE:
		step_handshake(prober, check);
		return;
	case STATE_ANSWER:
		step_answer(prober, check);
		return;
	}
}

static void
turn(struct prober *prober, uint64_t until_ns)
{
	struct epoll_event events[BATCH_COUNT];
	uint64_t timeout_ns = clock_since_ns(until_ns, clock_mono_ns());
	struct __kernel_timespec timeout = {
		.tv_sec = (long long)(timeout_ns / NS_PER_S),
		.tv_nsec = (long long)(timeout_ns % NS_PER_S),
	};
	/* To the nanosecond; musl has no wrapper for it. */
	long n = syscall(SYS_epoll_pwait2, prober->epoll_fd, events,
		BATCH_COUNT, &timeout, NULL, 0);

	if (n < 0 && errno != EINTR)
		die("epoll_pwait2");
	for (long i = 0; i < n; i++)
		step(prober, events[i].data.ptr);
}

static int
compare_phases(const void *a, const void *b)
{
	const struct check *left = a, *right = b;

	return left->phase_ns < right->phase_ns
		       ? -1
		       : left->phase_ns > right->phase_ns;
}

/* In the order of their time, each in its place. */
static void
spread(struct prober *prober, uint64_t interval_ns)
{
	const struct bare_options *options = prober->options;
	char label[24], url[80];

	snprintf(url, sizeof(url), "http%s://127.0.0.1:%u/alwayshappy",
		options->ca != NULL ? "s" : "", options->port);
	for (uint64_t i = 0; i < options->targets; i++) {
		snprintf(label, sizeof(label), "c%ju", (uintmax_t)i + 1);
		prober->checks[i].phase_ns =
			schedule_phase_ns(label, url, interval_ns);
	}
	qsort(prober->checks, options->targets, sizeof(struct check),
		compare_phases);
}

void
bare_prober_run(const struct bare_options *options)
{
	struct prober prober = {
		.options = options,
		.epoll_fd = epoll_create1(EPOLL_CLOEXEC),
		.address = { .sin_family = AF_INET,
			.sin_port = htons(options->port),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) },
		.checks = calloc(options->targets, sizeof(struct check)),
	};
	uint64_t interval_ns = options->targets * NS_PER_S / options->rate;
	uint64_t round_ns, next_ns;

	if (prober.epoll_fd < 0 || prober.checks == NULL)
		die("out of memory or descriptors");
	prober.request_bytes =
		(size_t)snprintf(prober.request, sizeof(prober.request),
			"GET /alwayshappy HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
			"User-Agent: bare_loop\r\nConnection: close\r\n\r\n",
			options->port);
	/* The kernel stamps while somebody asks: this one always does. */
	open_stamped(SOCK_DGRAM);
	load_tls(&prober);
	spread(&prober, interval_ns);
	round_ns = (clock_mono_ns() / interval_ns + 1) * interval_ns;
	for (uint64_t i = 0; !prober.ended; i++) {
		struct check *check = &prober.checks[i % options->targets];

		next_ns = round_ns + i / options->targets * interval_ns +
			  check->phase_ns;
		while (!prober.ended && clock_mono_ns() < next_ns)
			turn(&prober, next_ns);
		if (check->state == STATE_IDLE)
			start_check(&prober, check);
	}
}
