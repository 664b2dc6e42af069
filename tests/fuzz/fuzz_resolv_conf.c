/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolv.conf and the hosts file: whatever stands in them, the result keeps to
 * its bounds.  The same bytes are read as each of them, and as a list of
 * nameservers.
 */
#include "workers/local_names.h"
#include "workers/resolv_conf.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool truth)
{
	if (!truth)
		abort();
}

/* A file without a name on a disk, for the caller to close. */
static int
file_of(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	require(fd >= 0);
	require(pwrite(fd, data, size, 0) == (ssize_t)size);
	return fd;
}

static void
check(const struct resolv_conf *conf)
{
	require(conf->server_count >= 1 &&
		conf->server_count <= RESOLV_CONF_SERVERS_MAX);
	for (size_t i = 0; i < conf->server_count; i++) {
		const struct nameserver *server = &conf->servers[i];

		require(server->address.ss_family == AF_INET ||
			server->address.ss_family == AF_INET6);
		require(server->address_bytes <= sizeof(server->address));
		require(memchr(server->name, '\0', sizeof(server->name)) !=
			NULL);
	}
	require(conf->domain_count <= RESOLV_CONF_DOMAINS_MAX);
	for (size_t i = 0; i < conf->domain_count; i++)
		require(strlen(conf->domains[i]) <
			RESOLV_CONF_DOMAIN_BYTES_MAX);
	require(conf->attempt_count >= 1 && conf->timeout_ns > 0);
}

static void
on_address(void *arg, sa_family_t family, const void *address)
{
	unsigned char copy[sizeof(struct in6_addr)];

	require(family == AF_INET || family == AF_INET6);
	memcpy(copy, address,
		family == AF_INET ? sizeof(struct in_addr) : sizeof(copy));
	++*(size_t *)arg;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = file_of(data, size);
	char path[64];
	struct resolv_conf conf;
	char *text = malloc(size + 1);
	size_t address_count = 0;

	require(text != NULL);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	resolv_conf_read(path, &conf);
	check(&conf);
	if (resolv_conf_set_servers(&conf, text) == 0)
		check(&conf);
	local_names_find(path, "name.test", on_address, &address_count);
	require(address_count <= size);
	/* the first line as a name */
	text[strcspn(text, "\n")] = '\0';
	local_names_find(path, text, on_address, &address_count);
	free(text);
	close(fd);
	return 0;
}
