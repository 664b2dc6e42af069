/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of watch events as a hostile API server may write them. */
#include "tests/fuzz/table_feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	table_feed(TABLE_WATCH, data, size);
	return 0;
}
