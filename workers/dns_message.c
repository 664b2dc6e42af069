/* SPDX-License-Identifier: Apache-2.0 */
/* Header and question of a DNS message; see dns_message.h. */
#include "workers/dns_message.h"

#include <errno.h>
#include <string.h>

#define LABEL_KIND_MASK 0xc0 /* RFC 1035 section 4.1.4 */
#define LABEL_POINTER   0xc0
#define LABEL_PLAIN     0x00

static uint16_t
read_u16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* RFC 4343: only ASCII letters have two cases. */
static uint8_t
to_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* Length byte and label; a length of 0 is the root, which ends the name. */
static int
append_label(struct dns_message *message, const uint8_t *label)
{
	size_t label_bytes = 1 + (size_t)label[0];

	if (message->name_bytes + label_bytes > DNS_NAME_BYTES_MAX)
		return -EBADMSG;
	message->name[message->name_bytes] = label[0];
	for (size_t i = 1; i < label_bytes; i++)
		message->name[message->name_bytes + i] = to_lower(label[i]);
	message->name_bytes += label_bytes;
	return 0;
}

/*
 * Reads the name at offset into message->name.  A pointer must lead to before
 * the part of the name it ends, and never into the header, so that each one
 * leaves fewer bytes to come from: no loop is possible.
 */
static int
read_name(const uint8_t *bytes, size_t len_bytes, size_t offset,
	struct dns_message *message, size_t *ret_end)
{
	size_t at = offset, part = offset, end = 0;

	message->name_bytes = 0;
	while (at < len_bytes) {
		uint8_t length = bytes[at];
		size_t target;

		if ((length & LABEL_KIND_MASK) == LABEL_PLAIN) {
			if (len_bytes - at <= length ||
				append_label(message, bytes + at) < 0)
				return -EBADMSG;
			at += 1 + (size_t)length;
			if (length != 0)
				continue;
			*ret_end = end != 0 ? end : at;
			return 0;
		}
		if ((length & LABEL_KIND_MASK) != LABEL_POINTER ||
			len_bytes - at < 2)
			return -EBADMSG;
		target = (size_t)(length & ~LABEL_KIND_MASK) << 8 |
			 bytes[at + 1];
		if (target >= part || target < DNS_HEADER_BYTES)
			return -EBADMSG;
		if (end == 0)
			end = at + 2;
		at = part = target;
	}
	return -EBADMSG;
}

int
dns_message_parse(
	const uint8_t *bytes, size_t len_bytes, struct dns_message *ret_message)
{
	struct dns_message message;
	size_t end;
	int rc;

	memset(&message, 0, sizeof(message));
	if (len_bytes < DNS_HEADER_BYTES || read_u16(bytes + 4) > 1)
		return -EBADMSG;
	message.id = read_u16(bytes);
	message.is_answer = (bytes[2] & 0x80) != 0;
	message.opcode = (bytes[2] >> 3) & 0x0f;
	message.is_truncated = (bytes[2] & 0x02) != 0;
	message.rcode = bytes[3] & 0x0f;
	message.has_question = read_u16(bytes + 4) == 1;
	if (!message.has_question) {
		*ret_message = message;
		return 0;
	}
	rc = read_name(bytes, len_bytes, DNS_HEADER_BYTES, &message, &end);
	if (rc < 0)
		return rc;
	if (len_bytes - end < 4)
		return -EBADMSG;
	message.question_type = read_u16(bytes + end);
	message.question_class = read_u16(bytes + end + 2);
	*ret_message = message;
	return 0;
}

bool
dns_message_is_answer_to(
	const struct dns_message *answer, const struct dns_message *query)
{
	if (!answer->is_answer || query->is_answer || answer->id != query->id ||
		answer->opcode != query->opcode)
		return false;
	if (!answer->has_question)
		return answer->rcode != DNS_RCODE_NOERROR &&
		       answer->rcode != DNS_RCODE_NXDOMAIN;
	return answer->question_type == query->question_type &&
	       answer->question_class == query->question_class &&
	       answer->name_bytes == query->name_bytes &&
	       memcmp(answer->name, query->name, query->name_bytes) == 0;
}
