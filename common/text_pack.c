/* SPDX-License-Identifier: Apache-2.0 */
/* Texts in a row; see text_pack.h. */
#include "common/text_pack.h"

#include <assert.h>
#include <string.h>

size_t
text_pack(const char *const *texts, size_t count, uint16_t *ret_at, char *bytes)
{
	size_t used_bytes = 0;

	for (size_t i = 0; i < count; i++) {
		size_t len_bytes = strlen(texts[i]) + 1, same = 0;

		while (same < i && strcmp(texts[same], texts[i]) != 0)
			same++;
		if (same < i) {
			ret_at[i] = ret_at[same];
			continue;
		}
		assert(used_bytes + len_bytes <= UINT16_MAX);
		ret_at[i] = (uint16_t)used_bytes;
		if (bytes != NULL)
			memcpy(bytes + used_bytes, texts[i], len_bytes);
		used_bytes += len_bytes;
	}
	return used_bytes;
}
