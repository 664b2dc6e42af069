/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets: from "[::]:8080" to a descriptor that listens, or to a
 * sentence that says why not.
 */
#ifndef SUPERVISOR_HTTP_LISTEN_H
#define SUPERVISOR_HTTP_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Opens, binds and listens; close-on-exec and non-blocking.  The address is
 * numeric: "192.0.2.1:80", "[2001:db8::1]:80"; "[::]:80" and ":80" are every
 * address, IPv4 too, and IPv4 alone on a host without IPv6.  The descriptor,
 * or a negative errno and "listen ADDRESS: reason" in error.  shared: the port
 * may be that of a socket that is shared, too.
 */
int http_listen_open(
	const char *address, bool shared, char *error, size_t error_cap);
/*
 * Whether another socket of this user that is opened as shared may have the
 * same port: while one takes the place of the other.
 */
void http_listen_share(int fd, bool shared);
/* The port a listening socket is bound to; 0: unknown. */
uint16_t http_listen_port(int fd);
/*
 * "127.0.0.1:1234" or "[::1]:1234" of a socket address; an IPv4 client of an
 * IPv6 socket shows as IPv4.  "" for another family.
 */
#define HTTP_ADDRESS_CAP_BYTES 80
struct sockaddr;
void http_listen_format(
	const struct sockaddr *address, char text[HTTP_ADDRESS_CAP_BYTES]);

/* What counts as one client where addresses are counted; to be compared as
 * bytes. */
struct http_peer {
	unsigned char bytes[16];
};

/*
 * An IPv4 address, or the /64 of an IPv6 one, which one host can have all of.
 * Those of other families, and NULL, are one.
 */
struct http_peer http_listen_peer(const struct sockaddr *address);

#endif
