/* SPDX-License-Identifier: Apache-2.0 */
/* A scripted nameserver; see fake_dns.h. */
#include "fake_dns.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define TYPE_A     1
#define TYPE_CNAME 5
#define TYPE_AAAA  28

#define ANSWER_BYTES_MAX 4096

struct answer {
	uint8_t bytes[ANSWER_BYTES_MAX];
	size_t len;
};

static void
put(struct answer *answer, const void *bytes, size_t len)
{
	ck_assert_uint_le(answer->len + len, sizeof(answer->bytes));
	memcpy(answer->bytes + answer->len, bytes, len);
	answer->len += len;
}

static void
put_u16(struct answer *answer, unsigned value)
{
	uint8_t bytes[2] = { (uint8_t)(value >> 8), (uint8_t)value };

	put(answer, bytes, 2);
}

/* Owner is a pointer to the question, or what stands at that offset. */
static void
put_record(struct answer *answer, unsigned owner, int type, const void *data,
	size_t len)
{
	put_u16(answer, 0xc000 | owner);
	put_u16(answer, (unsigned)type);
	put_u16(answer, 1);
	put(answer, "\0\0\0\x3c", 4);
	put_u16(answer, (unsigned)len);
	put(answer, data, len);
	answer->bytes[7]++; /* ANCOUNT */
}

static void
put_address(struct answer *answer, unsigned owner, int type, unsigned number)
{
	uint8_t ipv4[4] = { 192, 0, 2, (uint8_t)number };
	uint8_t ipv6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t)number };

	if (type == TYPE_AAAA)
		put_record(answer, owner, type, ipv6, sizeof(ipv6));
	else
		put_record(answer, owner, type, ipv4, sizeof(ipv4));
}

/* The query's header and question, as an answer without records. */
static struct answer
answer_to(const uint8_t *query, size_t len, unsigned rcode)
{
	struct answer answer = { .len = 0 };

	put(&answer, query, len);
	answer.bytes[2] |= 0x80;
	answer.bytes[3] = (uint8_t)(0x80 | rcode);
	return answer;
}

static void
read_question(const uint8_t *query, size_t len, char name[256], int *ret_type)
{
	size_t at = 12, to = 0;

	while (at < len && query[at] != 0) {
		size_t label = query[at];

		ck_assert_uint_le(at + 1 + label + 5, len);
		memcpy(name + to, query + at + 1, label);
		to += label;
		name[to++] = '.';
		at += 1 + label;
	}
	name[to > 0 ? to - 1 : 0] = '\0';
	ck_assert_uint_eq(at + 5, len);
	*ret_type = query[at + 1] << 8 | query[at + 2];
}

static const struct fake_rule *
find_rule(const struct fake_dns *dns, const char *name, int type)
{
	const struct fake_rule *rule = dns->rules;

	for (; rule->name != NULL || rule->type != 0; rule++)
		if ((rule->name == NULL || strcasecmp(rule->name, name) == 0) &&
			(rule->type == 0 || rule->type == type))
			break;
	return rule; /* the last one is for everything else */
}

static void
send_udp(const struct fake_dns *dns, const struct sockaddr_storage *to,
	socklen_t to_len, const struct answer *answer)
{
	ck_assert_int_eq(sendto(dns->udp.fd, answer->bytes, answer->len, 0,
				 (const struct sockaddr *)to, to_len),
		(ssize_t)answer->len);
}

static struct answer
answer_by_rule(const struct fake_rule *rule, int type, const uint8_t *query,
	size_t len)
{
	struct answer answer = answer_to(query, len, 0);
	size_t at;

	switch (rule->kind) {
	case FAKE_NXDOMAIN:
		return answer_to(query, len, 3);
	case FAKE_SERVFAIL:
		return answer_to(query, len, 2);
	case FAKE_REFUSED:
		return answer_to(query, len, 5);
	case FAKE_BARE_REFUSED:
		answer = answer_to(query, 12, 5);
		answer.bytes[5] = 0; /* QDCOUNT */
		return answer;
	case FAKE_FORMERR:
		return answer_to(query, len, 1);
	case FAKE_NOTIMP:
		return answer_to(query, len, 4);
	case FAKE_GARBAGE:
		memset(answer.bytes + 2, 0xff, answer.len - 2);
		break;
	case FAKE_POINTER_LOOP:
		at = answer.len;
		put_record(&answer, (unsigned)at, type, "\1\2\3\4", 4);
		break;
	case FAKE_CNAME:
		at = answer.len + 12;
		put_record(&answer, 12, TYPE_CNAME, "\5canon", 7);
		put_address(&answer, (unsigned)at, type, 7);
		break;
	case FAKE_WRONG_QUESTION:
		answer.bytes[13] ^= 0x01;
		put_address(&answer, 12, type, 1);
		break;
	case FAKE_ADDRESSES:
	case FAKE_TRUNCATED:
	case FAKE_WRONG_ID:
	case FAKE_WRONG_ID_THEN_RIGHT:
		for (unsigned i = 1; i <= rule->count; i++)
			put_address(&answer, 12, type, i);
		break;
	case FAKE_NO_DATA:
	case FAKE_SILENT:
	case FAKE_TRUNCATED_TCP_CLOSE:
	case FAKE_TRUNCATED_TCP_SHORT:
		break;
	}
	return answer;
}

static const struct fake_rule *
note_query(struct fake_dns *dns, const uint8_t *query, size_t len, int by_tcp,
	int *ret_type)
{
	unsigned i = dns->log_count++;

	ck_assert_uint_lt(i, FAKE_LOG_COUNT);
	read_question(query, len, dns->log[i].name, &dns->log[i].type);
	dns->log[i].by_tcp = by_tcp;
	*ret_type = dns->log[i].type;
	return find_rule(dns, dns->log[i].name, dns->log[i].type);
}

static void
on_udp(struct loop_watch *watch, unsigned ready)
{
	struct fake_dns *dns = LOOP_OWNER(watch, struct fake_dns, udp);
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	uint8_t query[512];
	const struct fake_rule *rule;
	struct answer answer;
	int type;
	ssize_t n = recvfrom(watch->fd, query, sizeof(query), MSG_DONTWAIT,
		(struct sockaddr *)&from, &from_len);

	(void)ready;
	if (n < 0)
		return;
	rule = note_query(dns, query, (size_t)n, 0, &type);
	if (rule->kind == FAKE_SILENT)
		return;
	answer = answer_by_rule(rule, type, query, (size_t)n);
	if (rule->kind == FAKE_TRUNCATED ||
		rule->kind == FAKE_TRUNCATED_TCP_CLOSE ||
		rule->kind == FAKE_TRUNCATED_TCP_SHORT)
		answer.bytes[2] |= 0x02;
	if (rule->kind == FAKE_WRONG_ID ||
		rule->kind == FAKE_WRONG_ID_THEN_RIGHT) {
		struct answer wrong = answer;

		wrong.bytes[0] ^= 0x01;
		send_udp(dns, &from, from_len, &wrong);
		if (rule->kind == FAKE_WRONG_ID)
			return;
		wrong.len = 5;
		send_udp(dns, &from, from_len, &wrong);
		wrong.len = 0;
		send_udp(dns, &from, from_len, &wrong);
	}
	send_udp(dns, &from, from_len, &answer);
}

static void
close_tcp(struct fake_dns *dns)
{
	int fd = dns->tcp.fd;

	if (fd < 0)
		return;
	loop_watch_close(dns->loop, &dns->tcp);
	close(fd);
	dns->tcp_len = 0;
}

static void
on_tcp(struct loop_watch *watch, unsigned ready)
{
	struct fake_dns *dns = LOOP_OWNER(watch, struct fake_dns, tcp);
	const struct fake_rule *rule;
	struct answer answer;
	uint8_t length[2];
	size_t len;
	int type;
	ssize_t n = recv(watch->fd, dns->tcp_bytes + dns->tcp_len,
		sizeof(dns->tcp_bytes) - dns->tcp_len, MSG_DONTWAIT);

	(void)ready;
	if (n <= 0) {
		close_tcp(dns);
		return;
	}
	dns->tcp_len += (size_t)n;
	if (dns->tcp_len < 2)
		return;
	len = (size_t)dns->tcp_bytes[0] << 8 | dns->tcp_bytes[1];
	if (dns->tcp_len < 2 + len)
		return;
	rule = note_query(dns, dns->tcp_bytes + 2, len, 1, &type);
	answer = answer_by_rule(rule, type, dns->tcp_bytes + 2, len);
	length[0] = (uint8_t)(answer.len >> 8);
	length[1] = (uint8_t)answer.len;
	if (rule->kind == FAKE_TRUNCATED_TCP_SHORT)
		answer.len /= 2;
	if (rule->kind != FAKE_TRUNCATED_TCP_CLOSE) {
		/* in three segments, the length itself divided; whoever
		 * asked may have gone */
		send(watch->fd, length, 1, MSG_NOSIGNAL);
		send(watch->fd, length + 1, 1, MSG_NOSIGNAL);
		send(watch->fd, answer.bytes, answer.len, MSG_NOSIGNAL);
	}
	close_tcp(dns);
}

static void
on_listener(struct loop_watch *watch, unsigned ready)
{
	struct fake_dns *dns = LOOP_OWNER(watch, struct fake_dns, listener);
	int fd;

	(void)ready;
	if (dns->tcp.fd >= 0)
		return; /* one after the other */
	fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		ck_assert_int_eq(
			loop_watch_open(dns->loop, &dns->tcp, fd, LOOP_READ),
			0);
}

static int
bind_port(const char *host, int type, uint16_t *port)
{
	struct sockaddr_storage address = { 0 };
	struct sockaddr_in *sin = (struct sockaddr_in *)&address;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&address;
	socklen_t len = sizeof(*sin);
	int fd;

	if (inet_pton(AF_INET, host, &sin->sin_addr) == 1) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons(*port);
	} else {
		ck_assert_int_eq(
			inet_pton(AF_INET6, host, &sin6->sin6_addr), 1);
		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons(*port);
		len = sizeof(*sin6);
	}
	fd = socket(address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	if (bind(fd, (struct sockaddr *)&address, len) < 0) {
		close(fd);
		return -1;
	}
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*port = ntohs(sin->sin_port); /* at the same place in both */
	return fd;
}

void
fake_dns_open(struct fake_dns *dns, struct loop *loop, const char *host,
	const struct fake_rule *rules)
{
	int udp = -1, tcp = -1;

	memset(dns, 0, sizeof(*dns));
	dns->loop = loop;
	dns->rules = rules;
	/* a port that is free for UDP may be taken for TCP */
	for (int i = 0; i < 20 && tcp < 0; i++) {
		if (udp >= 0)
			close(udp);
		dns->port = 0;
		udp = bind_port(host, SOCK_DGRAM, &dns->port);
		ck_assert_int_ge(udp, 0);
		tcp = bind_port(host, SOCK_STREAM, &dns->port);
	}
	ck_assert_int_ge(tcp, 0);
	ck_assert_int_eq(listen(tcp, 8), 0);
	loop_watch_init(&dns->udp, on_udp);
	loop_watch_init(&dns->listener, on_listener);
	loop_watch_init(&dns->tcp, on_tcp);
	ck_assert_int_eq(loop_watch_open(loop, &dns->udp, udp, LOOP_READ), 0);
	ck_assert_int_eq(
		loop_watch_open(loop, &dns->listener, tcp, LOOP_READ), 0);
}

void
fake_dns_close(struct fake_dns *dns)
{
	int udp = dns->udp.fd, tcp = dns->listener.fd;

	close_tcp(dns);
	loop_watch_close(dns->loop, &dns->udp);
	loop_watch_close(dns->loop, &dns->listener);
	close(udp);
	close(tcp);
}

unsigned
fake_dns_count(const struct fake_dns *dns, const char *name)
{
	unsigned count = 0;

	for (unsigned i = 0; i < dns->log_count; i++)
		count += strcasecmp(dns->log[i].name, name) == 0;
	return count;
}
