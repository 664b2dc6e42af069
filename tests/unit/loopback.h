/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: two ends of a TCP connection over loopback, and waiting. */
#ifndef TESTS_UNIT_LOOPBACK_H
#define TESTS_UNIT_LOOPBACK_H

#include <netinet/in.h>

/* A listener on 127.0.0.1 and a port of the kernel's choice. */
int loopback_listen(struct sockaddr_in *ret_address);
/* The client's end comes from socket_connect; both do not block. */
void loopback_pair(int *ret_client_fd, int *ret_server_fd);
/* Until the descriptor is ready (poll's events); fails the test after 10 s. */
void loopback_wait(int fd, int events);
/* Until one of the two is readable. */
void loopback_wait_either(int fd, int other_fd);
void loopback_send(int fd, const void *bytes, size_t len_bytes);

#endif
