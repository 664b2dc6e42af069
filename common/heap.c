/* SPDX-License-Identifier: Apache-2.0 */
/* The heap; see heap.h. */
#include "common/heap.h"

#include <malloc.h>

/*
 * mallopt(3): left alone, glibc raises this threshold to the size of each large
 * piece that is freed, 32 MiB at last, and takes the next one from the heap,
 * whose end then stays.  Other libraries do without.
 */
#define LARGE_BYTES (64 * 1024)

void
heap_give_back_large(void)
{
#ifdef M_MMAP_THRESHOLD
	mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
#endif
}

void
heap_trim(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
