/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's memory.  A step of it that lacks memory may say anything: that a
 * signature is wrong, a key too weak, an authority unknown (3.0, measured).  So
 * its allocator is ours, and remembers.
 */
#ifndef WORKERS_TLS_MEMORY_H
#define WORKERS_TLS_MEMORY_H

#include <stdbool.h>

/* Before the library has allocated anything; else it remembers nothing. */
void tls_memory_init(void);
/* Forgets what was before. */
void tls_memory_begin(void);
/* An allocation has failed since then. */
bool tls_memory_was_lacking(void);

#endif
