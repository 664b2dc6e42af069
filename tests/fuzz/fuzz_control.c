/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between supervisor, nursery and workers: whatever is decoded
 * encodes to the same bytes again, and its texts end within the message.
 */
#include "common/control.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void
must_equal(int rc, const unsigned char *again, const uint8_t *bytes, size_t len)
{
	if (rc < 0 || (size_t)rc != len || memcmp(again, bytes, len) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static unsigned char again[CONTROL_MAX_BYTES];
	struct control_message message;
	struct control_nursery nursery;

	if (len > sizeof(again))
		return 0;
	if (control_decode(&message, bytes, len) == 0)
		must_equal(control_encode(&message, again, sizeof(again)),
			again, bytes, len);
	if (control_decode_nursery(&nursery, bytes, len) == 0)
		must_equal(
			control_encode_nursery(&nursery, again, sizeof(again)),
			again, bytes, len);
	return 0;
}
