/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a DNS message: what is accepted is a name that ends, within its
 * bounds, and is the answer to its own question.
 */
#include "workers/dns_message.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len_bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len_bytes)
{
	struct dns_message answer, query;
	size_t at = 0;

	if (dns_message_parse(bytes, len_bytes, &answer) < 0)
		return 0;
	if (!answer.has_question) {
		if (answer.name_bytes != 0)
			abort();
		return 0;
	}
	if (answer.name_bytes == 0 || answer.name_bytes > DNS_NAME_BYTES_MAX)
		abort();
	while (answer.name[at] != 0)
		at += 1 + (size_t)answer.name[at];
	if (at + 1 != answer.name_bytes)
		abort();
	query = answer;
	query.is_answer = false;
	if (dns_message_is_answer_to(&answer, &query) != answer.is_answer)
		abort();
	return 0;
}
