/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes down to the nursery and the workers: messages over SOCK_SEQPACKET
 * sockets, each one send(2), with descriptors beside them (SCM_RIGHTS).
 * Strings in a decoded message point into the message's buffer.
 */
#ifndef COMMON_CONTROL_H
#define COMMON_CONTROL_H

#include "common/status_range.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTROL_MAX_BYTES  (64 * 1024)
#define CONTROL_MAX_FDS    4
#define CONTROL_MAX_EXPECT 32

/* Of control_target.tls_security_level: OpenSSL has the levels 0 to 5. */
#define CONTROL_TLS_LEVEL_FIRST 1
#define CONTROL_TLS_LEVEL_LAST  6

enum control_kind {
	CONTROL_BOOT = 1,    /* first message to a worker */
	CONTROL_TARGET,      /* a target is new, or has changed (same id) */
	CONTROL_TARGET_GONE, /* a check under way ends as OUTCOME_CANCELLED */
	CONTROL_DRAIN,       /* end the checks under way, then exit 0 */
	CONTROL_CANCEL,      /* end at once: checks count nowhere */
	/* to the nursery */
	CONTROL_BIRTH, /* descriptors: control socket, sample pipe, log */
	CONTROL_RENEW, /* execute yourself anew */
	/* from the nursery */
	CONTROL_READY, /* initialised, waiting */
	CONTROL_BORN,  /* answer to CONTROL_BIRTH */
	CONTROL_ENDED, /* a worker that the nursery had to reap */
	/* to discovery */
	CONTROL_DISCOVERY, /* what to find neighbours by; first, and once */
	CONTROL_NEIGHBOUR, /* a static one */
	CONTROL_NEIGHBOURS_END, /* there are no more static ones */
	/* from a newborn, over the nursery's socket, before anything else */
	CONTROL_MEMORY, /* descriptor: its statm (proc(5)), where there is one
			 */
	CONTROL_KIND_END
};

/*
 * What never changes while the program runs.  The nursery reads it from a
 * sealed memory file, again after it has renewed itself: nothing of it comes
 * over a socket.  A supervisor that was taken over can therefore neither move
 * the API server or the token, nor choose the proxy, URL or trust of a request
 * that carries the token.
 */
struct control_nursery {
	uint32_t log_level;
	int32_t supervisor_pid;
	uint32_t sandbox; /* enum sandbox_mode */
	bool api_insecure;
	const char *api_host; /* without brackets; "" when not in a cluster */
	uint16_t api_port;
	const char *api_dns;
	const char *api_direct_url; /* what the API workers ask for, or "" */
	const char *api_dns_url;
	const char *http_proxy; /* as the configuration has them, or "" */
	const char *https_proxy;
	const char *no_proxy;
	const char *token_path;
	const char *service_ca_path;
	const char *extra_ca_path;
};

struct control_birth {
	uint32_t worker_type;
	uint32_t worker_gen;
	bool needs_tls;  /* load the CAs first, if they are not yet */
	bool needs_unix; /* it may open sockets of this host */
};

struct control_born {
	uint32_t worker_gen;
	int32_t pid; /* or a negative errno */
	/* The kernel ignores CLONE_PARENT: it is the nursery's child, and
	 * CONTROL_ENDED will tell its end. */
	bool is_nurserys;
};

struct control_ended {
	int32_t pid;
	int32_t wait_status; /* as wait4(2) has it */
	uint64_t cpu_ns;     /* user and system, since birth */
};

struct control_memory {
	uint32_t worker_gen;
};

struct control_boot {
	uint32_t worker_type;
	uint32_t worker_gen;
	uint32_t log_level; /* a reload may have changed the nursery's */
};

/* The files of a target, in the order of their descriptors. */
enum control_file_kind {
	CONTROL_FILE_CA,
	CONTROL_FILE_HEADERS,
	CONTROL_FILE_CERT,
	CONTROL_FILE_KEY, /* of the certificate; not open: it is in that file */
	CONTROL_FILE_COUNT
};

struct control_file {
	const char *path; /* or "" */
	bool is_open;     /* its descriptor is beside the message */
	uint32_t error;   /* the errno by which it is not; 0: none is needed */
};

struct control_target {
	uint32_t id;
	uint32_t gen;
	const char *label; /* of the metrics: `type` */
	const char *url;
	const char *method;
	const char *origin;      /* Kubenurse-Neighbour-Origin, or "" */
	const char *headers;     /* "Name: value\n" each */
	const char *server_name; /* in the place of the URL's host, or "" */
	struct status_range expect[CONTROL_MAX_EXPECT]; /* success */
	uint32_t expect_count;
	uint64_t interval_ns;
	uint64_t timeout_ns;      /* of the whole check */
	uint64_t dial_timeout_ns; /* DNS and connect together */
	uint64_t first_delay_ns;  /* of the first check */
	uint64_t started_mono_ns; /* of the last one by another worker; 0: none
				   */
	uint32_t tls_security_level; /* from CONTROL_TLS_LEVEL_FIRST on; 0: not
					set */
	bool insecure;
	bool follow_redirects;
	bool reuse_connections;
	struct control_file files[CONTROL_FILE_COUNT];
};

struct control_target_gone {
	uint32_t id;
	uint32_t gen;
};

enum control_source {
	CONTROL_SOURCE_PODS,
	CONTROL_SOURCE_DNS,
	CONTROL_SOURCE_STATIC,
	CONTROL_SOURCE_END
};

struct control_discovery {
	uint32_t source;
	const char *namespace_name; /* "": all */
	const char *selector;       /* for the server, as it was written */
	const char *service;        /* the name that source dns resolves */
	const char *pod_name;       /* the own ones, as far as they are known */
	const char *node_name;
	bool watch_pods;      /* neighbours are checked */
	bool watch_nodes;     /* cordons count */
	uint64_t interval_ns; /* source dns: between two queries */
};

struct control_neighbour {
	const char *name;
	const char *address;
};

struct control_message {
	enum control_kind kind;
	union {
		struct control_nursery nursery;
		struct control_birth birth;
		struct control_born born;
		struct control_ended ended;
		struct control_memory memory;
		struct control_boot boot;
		struct control_target target;
		struct control_target_gone gone;
		struct control_discovery discovery;
		struct control_neighbour neighbour;
	} body;
	int fds[CONTROL_MAX_FDS]; /* received ones are the receiver's */
	unsigned fd_count;
	/* Received: there was no room below our limit (RLIMIT_NOFILE) for those
	 * that came with it, and fd_count is 0. */
	bool fds_are_lost;
};

/*
 * Encodes the message (without its descriptors).  The bytes' number, or
 * -EMSGSIZE.
 */
int control_encode(const struct control_message *message, unsigned char *buf,
	size_t cap_bytes);
/* 0, or -EPROTO.  Strings point into buf, which must outlive them. */
int control_decode(struct control_message *ret_message,
	const unsigned char *buf, size_t len_bytes);
/* The nursery's sealed file holds one of these, encoded. */
int control_encode_nursery(const struct control_nursery *nursery,
	unsigned char *buf, size_t cap_bytes);
int control_decode_nursery(struct control_nursery *ret_nursery,
	const unsigned char *buf, size_t len_bytes);

/* One send(2) with the message's descriptors, which stay the caller's.  0 or a
 * negative errno; -EAGAIN: the socket is full, nothing was sent. */
int control_send(int fd, const struct control_message *message);
/*
 * One message.  1; 0: nothing there; -EPIPE: the other side is gone; -EPROTO:
 * not a message (its descriptors are closed).  buf holds the strings.
 */
int control_receive(int fd, struct control_message *ret_message,
	unsigned char *buf, size_t cap_bytes);
/* Closes the descriptors that came with it. */
void control_close_fds(struct control_message *message);

#endif
