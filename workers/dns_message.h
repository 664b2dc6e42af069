/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the resolver needs to know of a DNS message (RFC 1035 section 4) before
 * it believes it: the header and the first question.  Pure and bounded; the
 * bytes come from whoever can reach the socket.
 */
#ifndef WORKERS_DNS_MESSAGE_H
#define WORKERS_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_HEADER_BYTES   12  /* RFC 1035 section 4.1.1 */
#define DNS_NAME_BYTES_MAX 255 /* RFC 1035 section 2.3.4, on the wire */
#define DNS_CLASS_IN       1
#define DNS_TYPE_A         1
#define DNS_TYPE_AAAA      28 /* RFC 3596 */

/* RFC 1035 section 4.1.1; what is not here counts as a server failure. */
enum dns_rcode {
	DNS_RCODE_NOERROR = 0,
	DNS_RCODE_FORMERR = 1,
	DNS_RCODE_NXDOMAIN = 3,
	DNS_RCODE_NOTIMP = 4,
	DNS_RCODE_REFUSED = 5,
};

struct dns_message {
	uint16_t id;
	uint16_t question_type, question_class;
	uint8_t opcode, rcode;
	bool is_answer, is_truncated;
	bool has_question;
	/* the question's name as on the wire, uncompressed, lower case; this
	 * and type and class are 0 without a question */
	uint8_t name[DNS_NAME_BYTES_MAX];
	size_t name_bytes;
};

/*
 * 0; -EBADMSG: shorter than a header, more than one question, or a name that is
 * too long, leaves the message or does not end.
 */
int dns_message_parse(const uint8_t *bytes, size_t len_bytes,
	struct dns_message *ret_message);
/*
 * Whether this is an answer to that: id, opcode and question are the same.  A
 * server that refuses may leave the question out (unbound does, for clients
 * outside of its access list): the rcode of its header counts all the same.
 */
bool dns_message_is_answer_to(
	const struct dns_message *answer, const struct dns_message *query);

#endif
