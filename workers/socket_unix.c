/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of this host; see socket_unix.h. */
#include "workers/socket_unix.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int
socket_unix_open(int *ret_fd)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

int
socket_unix_connect(int fd, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(path);

	if (len >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, len);
	return connect(fd, (const struct sockaddr *)&address, sizeof(address)) <
			       0
		       ? -errno
		       : 0;
}

/* Not recvmsg(2): without room for them descriptors are not installed. */
enum io_result
socket_unix_read(int fd, void *buf, size_t cap_bytes, size_t *ret_bytes)
{
	ssize_t got_bytes;

	assert(cap_bytes > 0); /* or no bytes would look like the end */
	do
		got_bytes = recv(fd, buf, cap_bytes, 0);
	while (got_bytes < 0 && errno == EINTR);
	if (got_bytes < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? IO_WANT_READ
							       : IO_ERROR;
	if (got_bytes == 0)
		return IO_EOF;
	*ret_bytes = (size_t)got_bytes;
	return IO_DONE;
}
