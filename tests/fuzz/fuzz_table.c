/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of pods and of nodes as a hostile API server may write them. */
#include "tests/fuzz/table_feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	table_feed(TABLE_LIST, data, size);
	return 0;
}
