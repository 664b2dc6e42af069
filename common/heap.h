/* SPDX-License-Identifier: Apache-2.0 */
/* What the program asks of the C library's heap. */
#ifndef COMMON_HEAP_H
#define COMMON_HEAP_H

/*
 * What is large and short-lived (a list of neighbours while it is sorted) goes
 * back to the kernel when it is freed.  Call it first of all.
 */
void heap_give_back_large(void);
/* What was freed goes back to the kernel: some microseconds, or for tens of
 * megabytes in small pieces some milliseconds. */
void heap_trim(void);

#endif
