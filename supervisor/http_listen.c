/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets; see http_listen.h. */
#include "supervisor/http_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct address {
	struct sockaddr_storage storage;
	socklen_t len;
};

/* Parts of "host:port" and "[host]:port"; the host may be empty. */
static bool
split(const char *text, char host[64], const char **ret_port)
{
	const char *start = text, *end = strrchr(text, ':');
	size_t len;

	if (end == NULL)
		return false;
	*ret_port = end + 1;
	if (*start == '[') {
		start++;
		if (end < start + 1 || end[-1] != ']')
			return false;
		end--;
	} else if (memchr(start, ':', (size_t)(end - start)) != NULL) {
		return false; /* IPv6 goes in brackets */
	}
	len = (size_t)(end - start);
	if (len >= 64)
		return false;
	memcpy(host, start, len);
	host[len] = '\0';
	return true;
}

static int
parse(const char *text, struct address *ret_address)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV |
					      AI_PASSIVE,
		.ai_socktype = SOCK_STREAM };
	struct addrinfo *info;
	const char *port;
	char host[64];

	/* glibc takes an empty port and one above 65535 */
	if (!split(text, host, &port) || strlen(port) > 5 ||
		strspn(port, "0123456789") != strlen(port) || *port == '\0' ||
		(strlen(port) == 5 && strcmp(port, "65535") > 0))
		return -EINVAL;
	if (getaddrinfo(host[0] != '\0' ? host : "::", port, &hints, &info) !=
		0)
		return -EINVAL;
	memcpy(&ret_address->storage, info->ai_addr, info->ai_addrlen);
	ret_address->len = info->ai_addrlen;
	freeaddrinfo(info);
	return 0;
}

/* 0.0.0.0 with the same port when the address is [::]. */
static bool
to_any_ipv4(struct address *address)
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4 = { .sin_family = AF_INET };

	if (address->storage.ss_family != AF_INET6)
		return false;
	memcpy(&v6, &address->storage, sizeof(v6));
	if (!IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr))
		return false;
	v4.sin_port = v6.sin6_port;
	memcpy(&address->storage, &v4, sizeof(v4));
	address->len = sizeof(v4);
	return true;
}

void
http_listen_share(int fd, bool shared)
{
	int on = shared ? 1 : 0;

	/* when it fails the port stays taken, which is said then */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
}

static int
open_socket(const struct address *address, bool shared)
{
	int family = address->storage.ss_family;
	int on = 1, off = 0;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (shared)
		http_listen_share(fd, true);
	/* a restart must not wait for the old connections' TIME_WAIT */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		(family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
					       &off, sizeof(off)) < 0) ||
		bind(fd, (const struct sockaddr *)&address->storage,
			address->len) < 0 ||
		listen(fd, SOMAXCONN) < 0)
		rc = -errno;
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

int
http_listen_open(const char *text, bool shared, char *error, size_t error_cap)
{
	struct address address;
	int fd = parse(text, &address);

	if (fd < 0) {
		snprintf(error, error_cap,
			"listen %s: not ADDRESS:PORT with a numeric address, "
			"IPv6 in brackets",
			text);
		return fd;
	}
	fd = open_socket(&address, shared);
	/* no IPv6 in the kernel, or switched off by sysctl */
	if ((fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) &&
		to_any_ipv4(&address))
		fd = open_socket(&address, shared);
	if (fd < 0)
		snprintf(
			error, error_cap, "listen %s: %s", text, strerror(-fd));
	return fd;
}

static uint16_t
port_of(const struct sockaddr *address)
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	if (address->sa_family == AF_INET6) {
		memcpy(&v6, address, sizeof(v6));
		return ntohs(v6.sin6_port);
	}
	if (address->sa_family == AF_INET) {
		memcpy(&v4, address, sizeof(v4));
		return ntohs(v4.sin_port);
	}
	return 0;
}

uint16_t
http_listen_port(int fd)
{
	struct sockaddr_storage storage;
	socklen_t len = sizeof(storage);

	if (getsockname(fd, (struct sockaddr *)&storage, &len) < 0)
		return 0;
	return port_of((struct sockaddr *)&storage);
}

void
http_listen_format(
	const struct sockaddr *address, char text[HTTP_ADDRESS_CAP_BYTES])
{
	char host[INET6_ADDRSTRLEN];
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;
	unsigned port = port_of(address);

	text[0] = '\0';
	if (address->sa_family == AF_INET) {
		memcpy(&v4, address, sizeof(v4));
		inet_ntop(AF_INET, &v4.sin_addr, host, sizeof(host));
		snprintf(text, HTTP_ADDRESS_CAP_BYTES, "%s:%u", host, port);
		return;
	}
	if (address->sa_family != AF_INET6)
		return;
	memcpy(&v6, address, sizeof(v6));
	if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
		inet_ntop(
			AF_INET, &v6.sin6_addr.s6_addr[12], host, sizeof(host));
		snprintf(text, HTTP_ADDRESS_CAP_BYTES, "%s:%u", host, port);
		return;
	}
	inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof(host));
	if (v6.sin6_scope_id != 0)
		snprintf(text, HTTP_ADDRESS_CAP_BYTES, "[%s%%%u]:%u", host,
			v6.sin6_scope_id, port);
	else
		snprintf(text, HTTP_ADDRESS_CAP_BYTES, "[%s]:%u", host, port);
}

struct http_peer
http_listen_peer(const struct sockaddr *address)
{
	struct http_peer peer = { { 0 } };
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	if (address != NULL && address->sa_family == AF_INET) {
		memcpy(&v4, address, sizeof(v4));
		memset(peer.bytes + 10, 0xff, 2); /* as ::ffff:192.0.2.1 */
		memcpy(peer.bytes + 12, &v4.sin_addr, 4);
	} else if (address != NULL && address->sa_family == AF_INET6) {
		memcpy(&v6, address, sizeof(v6));
		memcpy(peer.bytes, &v6.sin6_addr,
			IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) ? 16 : 8);
	}
	return peer;
}
