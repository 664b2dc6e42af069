/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stream sockets to servers on this host: non-blocking, close-on-exec.  What a
 * server sends beside its bytes, such as descriptors, is thrown away.
 * Stateless, as socket.h; what is not here is the same for both.
 */
#ifndef WORKERS_SOCKET_UNIX_H
#define WORKERS_SOCKET_UNIX_H

#include "common/io.h"

#include <stddef.h>

/* 0 or a negative errno: then there is no descriptor. */
int socket_unix_open(int *ret_fd);
/*
 * Connects at once: 0, or a negative errno.  -EAGAIN: there is no room in the
 * listener's queue, and no readiness tells when there is.
 */
int socket_unix_connect(int fd, const char *path);
/* As socket_read_stamped; the kernel has no stamps for these. */
enum io_result socket_unix_read(
	int fd, void *buf, size_t cap_bytes, size_t *ret_bytes);

#endif
