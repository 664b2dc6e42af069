/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL's memory; see tls_memory.h. */
#include "workers/tls_memory.h"

#include <openssl/crypto.h>
#include <stdlib.h>

static bool was_lacking;

/* As CRYPTO_malloc(3): nothing for nothing. */
static void *
on_malloc(size_t size, const char *file, int line)
{
	void *memory = size > 0 ? malloc(size) : NULL;

	(void)file, (void)line;
	if (memory == NULL && size > 0)
		was_lacking = true;
	return memory;
}

/* The library asks for a size of 0 by on_free. */
static void *
on_realloc(void *old, size_t size, const char *file, int line)
{
	void *memory = realloc(old, size);

	(void)file, (void)line;
	if (memory == NULL)
		was_lacking = true;
	return memory;
}

static void
on_free(void *memory, const char *file, int line)
{
	(void)file, (void)line;
	free(memory);
}

void
tls_memory_init(void)
{
	(void)CRYPTO_set_mem_functions(on_malloc, on_realloc, on_free);
}

void
tls_memory_begin(void)
{
	was_lacking = false;
}

bool
tls_memory_was_lacking(void)
{
	return was_lacking;
}
