/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP sockets of the probers: non-blocking, close-on-exec, with receive stamps.
 * Stateless: the descriptor is the caller's, and a call that answers IO_ERROR
 * leaves the reason in errno.
 */
#ifndef WORKERS_SOCKET_H
#define WORKERS_SOCKET_H

#include "common/io.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* What the kernel knows of a connection (TCP_INFO). */
struct tcp_observation {
	uint32_t retransmit_count; /* of all segments, SYN and data */
	/*
	 * Smoothed round trip.  Right after connect it is that of the
	 * handshake, and true only if retransmit_count is 0.
	 */
	uint32_t rtt_us;
	uint64_t received_bytes; /* 0 on kernels before 4.1 */
	bool is_established;     /* neither side has ended */
	bool peer_has_ended;     /* its FIN is here, and all before it */
};

/* A socket of this family, ready for socket_connect.  0 or a negative errno. */
int socket_open(int family, int *ret_fd);
/*
 * Begins to connect.  0: wait until the socket is writable, then ask
 * socket_connect_result.  The descriptor stays the caller's in any case.
 */
int socket_connect(
	int fd, const struct sockaddr *address, socklen_t address_len);
/*
 * 0 or a negative errno; -EINPROGRESS: not yet.  To be called at any readiness,
 * HUP and ERR too: it takes the error out of the socket, so a second call says
 * 0.  A connection to itself, where nobody listens, is -ECONNREFUSED.  What
 * TCP knows then is all 0 where the kernel does not tell.
 */
int socket_connect_result(int fd, struct tcp_observation *ret_observation);

/*
 * IO_DONE with at least one byte, IO_WANT_READ, IO_EOF or IO_ERROR.  The stamp
 * is that of the last segment read; 0: the kernel gave none.
 */
enum io_result socket_read_stamped(int fd, void *buf, size_t cap_bytes,
	size_t *ret_bytes, uint64_t *ret_stamp_mono_ns);
/*
 * Throws away what is there, to learn whether the peer has ended.
 * IO_WANT_READ: not yet; IO_EOF: its FIN is here; IO_ERROR: reset, or so much
 * (EMSGSIZE) that it does not look like an end.
 */
enum io_result socket_discard(int fd);
/* IO_DONE (perhaps not all), IO_WANT_WRITE or IO_ERROR; never SIGPIPE. */
enum io_result socket_write(
	int fd, const void *bytes, size_t len_bytes, size_t *ret_bytes);

/* Of a connection.  0 or a negative errno. */
int socket_peer_address(int fd, struct in6_addr *ret_address);
/*
 * 0 or a negative errno.  Works while connecting and on failed sockets too;
 * what the kernel does not know is 0.
 */
int socket_observe_tcp(int fd, struct tcp_observation *ret_observation);

/* Closes with a reset: no TIME_WAIT stays, what was not sent is lost. */
void socket_close_abortive(int fd);

#endif
