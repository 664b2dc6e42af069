/* SPDX-License-Identifier: Apache-2.0 */
/* TCP connections over loopback; see loopback.h. */
#include "tests/unit/loopback.h"

#include "workers/socket.h"

#include <check.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Not a speed that is tested: a hang must end at some time. */
#define PATIENCE_MS 10000

int
loopback_listen(struct sockaddr_in *ret_address)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*ret_address = address;
	return fd;
}

void
loopback_wait(int fd, int events)
{
	struct pollfd waited = { .fd = fd, .events = (short)events };

	ck_assert_int_eq(poll(&waited, 1, PATIENCE_MS), 1);
}

void
loopback_wait_either(int fd, int other_fd)
{
	struct pollfd waited[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = other_fd, .events = POLLIN },
	};

	ck_assert_int_ge(poll(waited, 2, PATIENCE_MS), 1);
}

void
loopback_pair(int *ret_client_fd, int *ret_server_fd)
{
	struct sockaddr_in address;
	int listener = loopback_listen(&address);
	struct tcp_observation observation;

	ck_assert_int_eq(socket_open(AF_INET, ret_client_fd), 0);
	ck_assert_int_eq(socket_connect(*ret_client_fd,
				 (struct sockaddr *)&address, sizeof(address)),
		0);
	loopback_wait(*ret_client_fd, POLLOUT);
	ck_assert_int_eq(
		socket_connect_result(*ret_client_fd, &observation), 0);
	*ret_server_fd =
		accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(*ret_server_fd, 0);
	close(listener);
}

void
loopback_send(int fd, const void *bytes, size_t len_bytes)
{
	ck_assert_int_eq(
		send(fd, bytes, len_bytes, MSG_NOSIGNAL), (ssize_t)len_bytes);
}
