/* SPDX-License-Identifier: Apache-2.0 */
/* TCP sockets of the probers; see socket.h. */
#include "workers/socket.h"

#include "common/address.h"
#include "workers/stamp.h"

#include <assert.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* 64 KiB: more than a goodbye and what a server may have said too much. */
#define DISCARD_READ_COUNT 16

/*
 * tcpi_state, as the kernel numbers it (include/net/tcp_states.h).  libc's
 * header has these, but not all of struct tcp_info, and the two exclude each
 * other.
 */
enum tcp_state {
	STATE_ESTABLISHED = 1,
	STATE_SYN_SENT = 2,
	STATE_SYN_RECV = 3,
	STATE_CLOSE_WAIT = 8,
};

int
socket_open(int family, int *ret_fd)
{
	const int on = 1;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		IPPROTO_TCP);

	if (fd < 0)
		return -errno;
	/* A probe without stamps, or one that Nagle slows, is still one. */
	(void)stamp_enable(fd);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	*ret_fd = fd;
	return 0;
}

int
socket_connect(int fd, const struct sockaddr *address, socklen_t address_len)
{
	if (connect(fd, address, address_len) < 0 && errno != EINPROGRESS &&
		errno != EINTR)
		return -errno;
	return 0;
}

/*
 * A connection that begins and ends at this very socket: what the kernel makes
 * when it gives an attempt to reach a closed port of this host that same port
 * (RFC 9293 section 3.5, figure 7: simultaneous).
 */
static bool
is_connected_to_itself(int fd)
{
	struct sockaddr_storage own = { 0 }, peer = { 0 };
	socklen_t own_len = sizeof(own), peer_len = sizeof(peer);

	return getsockname(fd, (struct sockaddr *)&own, &own_len) == 0 &&
	       getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0 &&
	       own_len == peer_len && memcmp(&own, &peer, own_len) == 0;
}

/* 0 or a negative errno; older kernels fill less of it. */
static int
read_info(int fd, struct tcp_info *ret_info)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return -errno;
	*ret_info = info;
	return 0;
}

static void
observe(const struct tcp_info *info, struct tcp_observation *ret_observation)
{
	ret_observation->retransmit_count = info->tcpi_total_retrans;
	ret_observation->rtt_us = info->tcpi_rtt;
	ret_observation->received_bytes = info->tcpi_bytes_received;
	ret_observation->is_established = info->tcpi_state == STATE_ESTABLISHED;
	ret_observation->peer_has_ended = info->tcpi_state == STATE_CLOSE_WAIT;
}

static int
take_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	return -error;
}

/*
 * A connection to itself has received its own SYN and its own SYN-ACK.  One
 * that has received a single segment is none, and need not be asked who it is.
 */
int
socket_connect_result(int fd, struct tcp_observation *ret_observation)
{
	struct tcp_info info = { 0 }; /* 0 is no state */
	int rc = 0;

	(void)read_info(fd, &info);
	if (info.tcpi_state == STATE_SYN_SENT ||
		info.tcpi_state == STATE_SYN_RECV)
		return -EINPROGRESS;
	if (info.tcpi_state != STATE_ESTABLISHED &&
		info.tcpi_state != STATE_CLOSE_WAIT)
		rc = take_error(fd);
	if (rc == 0 && info.tcpi_segs_in != 1 && is_connected_to_itself(fd))
		rc = -ECONNREFUSED;
	if (rc == 0)
		observe(&info, ret_observation);
	return rc;
}

/* The answer to a transfer call that did not succeed. */
static enum io_result
refusal(enum io_result when_blocked)
{
	return errno == EAGAIN || errno == EWOULDBLOCK ? when_blocked
						       : IO_ERROR;
}

enum io_result
socket_read_stamped(int fd, void *buf, size_t cap_bytes, size_t *ret_bytes,
	uint64_t *ret_stamp_mono_ns)
{
	_Alignas(struct cmsghdr) char control[STAMP_CONTROL_BYTES];
	struct iovec piece = { .iov_base = buf, .iov_len = cap_bytes };
	struct msghdr message = {
		.msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got_bytes;

	assert(cap_bytes > 0); /* or no bytes would look like the end */
	do
		got_bytes = recvmsg(fd, &message, 0);
	while (got_bytes < 0 && errno == EINTR);
	if (got_bytes < 0)
		return refusal(IO_WANT_READ);
	if (got_bytes == 0)
		return IO_EOF;
	*ret_bytes = (size_t)got_bytes;
	*ret_stamp_mono_ns = stamp_of_message(&message);
	return IO_DONE;
}

enum io_result
socket_discard(int fd)
{
	char junk[4096];
	ssize_t got_bytes;
	int i;

	for (i = 0; i < DISCARD_READ_COUNT; i++) {
		got_bytes = recv(fd, junk, sizeof(junk), 0);
		if (got_bytes == 0)
			return IO_EOF;
		if (got_bytes < 0 && errno != EINTR)
			return refusal(IO_WANT_READ);
	}
	errno = EMSGSIZE;
	return IO_ERROR;
}

enum io_result
socket_write(int fd, const void *bytes, size_t len_bytes, size_t *ret_bytes)
{
	ssize_t sent_bytes;

	do
		sent_bytes = send(fd, bytes, len_bytes, MSG_NOSIGNAL);
	while (sent_bytes < 0 && errno == EINTR);
	if (sent_bytes < 0)
		return refusal(IO_WANT_WRITE);
	*ret_bytes = (size_t)sent_bytes;
	return IO_DONE;
}

int
socket_peer_address(int fd, struct in6_addr *ret_address)
{
	struct sockaddr_in6 peer; /* room for IPv4, too */
	socklen_t len = sizeof(peer);

	if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0)
		return -errno;
	return address_from_socket(ret_address, (const struct sockaddr *)&peer)
		       ? 0
		       : -EAFNOSUPPORT;
}

int
socket_observe_tcp(int fd, struct tcp_observation *ret_observation)
{
	struct tcp_info info;
	int rc = read_info(fd, &info);

	if (rc == 0)
		observe(&info, ret_observation);
	return rc;
}

void
socket_close_abortive(int fd)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}
