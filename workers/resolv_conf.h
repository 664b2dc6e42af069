/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What resolv.conf(5) says, with the bounds and defaults of that manual page:
 * what this program asks, and how long it waits, is what the applications
 * beside it ask and wait.
 */
#ifndef WORKERS_RESOLV_CONF_H
#define WORKERS_RESOLV_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define RESOLV_CONF_SERVERS_MAX 3 /* MAXNS of resolv.conf(5) */
/* Kubernetes allows 32 domains of 2048 characters in all. */
#define RESOLV_CONF_DOMAINS_MAX      32
#define RESOLV_CONF_DOMAIN_BYTES_MAX 2080
#define NAMESERVER_NAME_BYTES_MAX    80

struct nameserver {
	struct sockaddr_storage address;
	socklen_t address_bytes;
	char name[NAMESERVER_NAME_BYTES_MAX]; /* address:port, [v6]:port */
};

struct resolv_conf {
	struct nameserver servers[RESOLV_CONF_SERVERS_MAX];
	size_t server_count; /* at least 1 */
	const char *domains[RESOLV_CONF_DOMAINS_MAX];
	size_t domain_count;
	char domain_text[RESOLV_CONF_DOMAIN_BYTES_MAX];
	unsigned dot_count_min; /* ndots */
	unsigned attempt_count;
	uint64_t timeout_ns;
	bool rotate;
	bool use_tcp; /* use-vc */
};

/*
 * Defaults, then the file.  One that is missing, unreadable or without
 * nameservers leaves the default, 127.0.0.1.  Bad lines are passed over, as
 * libc does.
 */
void resolv_conf_read(const char *path, struct resolv_conf *ret_conf);
/*
 * Replaces the nameservers by a list "address[:port],[v6]:port".  0, or
 * -EINVAL: something in it is no address, or they are none or too many.
 */
int resolv_conf_set_servers(struct resolv_conf *conf, const char *list);

#endif
