/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Some of what the kernel does valgrind does itself, and otherwise: it plays
 * the limit of descriptors, and makes system calls of its own behind the
 * program's back.
 */
#ifndef TESTS_UNIT_UNDER_VALGRIND_H
#define TESTS_UNIT_UNDER_VALGRIND_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool
is_under_valgrind(void)
{
	const char *preloaded = getenv("LD_PRELOAD");

	return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

#endif
