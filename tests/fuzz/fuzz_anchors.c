/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a CA certificate: added or refused, and what is added is found
 * under a name that lies within it.
 */
#include "workers/anchors.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len_bytes);

/* Whether some element of a short form in the bytes is the subject. */
static int
is_found(const struct anchors *anchors, const uint8_t *bytes, size_t len_bytes)
{
	size_t at, name_bytes, found_bytes;

	for (at = 0; at + 2 <= len_bytes; at++) {
		struct anchors_cursor cursor = { 0 };

		name_bytes = (size_t)bytes[at + 1] + 2;
		if (name_bytes <= len_bytes - at &&
			anchors_find(anchors, &cursor, bytes + at, name_bytes,
				&found_bytes) != NULL)
			return 1;
	}
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len_bytes)
{
	struct anchors *base = anchors_new(NULL);
	struct anchors *derived = anchors_new(base);
	size_t half_bytes = len_bytes / 2;

	if (anchors_add(base, bytes, len_bytes) == 0) {
		if (anchors_count(base) != 1)
			abort();
		/* a longer one may have a subject of the long form */
		if (len_bytes < 128 && !is_found(derived, bytes, len_bytes) &&
			memchr(bytes, 0x81, len_bytes) == NULL &&
			memchr(bytes, 0x82, len_bytes) == NULL &&
			memchr(bytes, 0x83, len_bytes) == NULL)
			abort();
	}
	(void)anchors_add(derived, bytes, half_bytes);
	(void)anchors_add(derived, bytes + half_bytes, len_bytes - half_bytes);
	anchors_free(base);
	anchors_free(derived);
	return 0;
}
