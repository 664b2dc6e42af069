/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scripted nameserver on loopback, UDP and TCP on one port, driven by the
 * test's own loop.  It answers what its script says for a name and type, and
 * writes down what it was asked.
 */
#ifndef TESTS_UNIT_FAKE_DNS_H
#define TESTS_UNIT_FAKE_DNS_H

#include "common/loop.h"

#include <stddef.h>
#include <stdint.h>

enum fake_kind {
	FAKE_ADDRESSES, /* count addresses: 192.0.2.1..., 2001:db8::1... */
	FAKE_NO_DATA,
	FAKE_NXDOMAIN,
	FAKE_SERVFAIL,
	FAKE_REFUSED,
	FAKE_BARE_REFUSED, /* a header alone, as unbound sends it */
	FAKE_FORMERR,
	FAKE_NOTIMP,
	FAKE_SILENT,
	FAKE_TRUNCATED,           /* by UDP; by TCP the addresses */
	FAKE_TRUNCATED_TCP_CLOSE, /* by TCP: closed without an answer */
	FAKE_TRUNCATED_TCP_SHORT, /* by TCP: half an answer, then closed */
	FAKE_WRONG_ID,
	FAKE_WRONG_ID_THEN_RIGHT, /* and garbage between */
	FAKE_WRONG_QUESTION,
	FAKE_GARBAGE,
	FAKE_POINTER_LOOP, /* in the answer section */
	FAKE_CNAME         /* to an address in the same answer */
};

struct fake_rule {
	const char *name; /* NULL: every name */
	int type;         /* 0: every type */
	enum fake_kind kind;
	unsigned count;
};

#define FAKE_LOG_COUNT 64

struct fake_dns {
	struct loop *loop;
	const struct fake_rule *rules; /* ends with a NULL name and type 0 */
	uint16_t port;
	struct loop_watch udp, listener, tcp;
	uint8_t tcp_bytes[600];
	size_t tcp_len;
	struct {
		char name[256];
		int type;
		int by_tcp;
	} log[FAKE_LOG_COUNT];
	unsigned log_count;
};

/* host: 127.0.0.1 or ::1.  Aborts the test when it cannot listen. */
void fake_dns_open(struct fake_dns *dns, struct loop *loop, const char *host,
	const struct fake_rule *rules);
void fake_dns_close(struct fake_dns *dns);
/* How often it was asked for the name, any type. */
unsigned fake_dns_count(const struct fake_dns *dns, const char *name);

#endif
