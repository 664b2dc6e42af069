/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every bench program does the same way: read a number from its command
 * line, and end with a message.  These are tools, not daemons: they may exit.
 */
#ifndef BENCH_ARGS_H
#define BENCH_ARGS_H

#include <stdint.h>

/* Prints "PROGRAM: message" and, with errno set, what it says.  Exits 1. */
_Noreturn void die(const char *format, ...)
	__attribute__((format(printf, 1, 2)));
/* The decimal text as a number within the bounds; exits 2 when it is none. */
uint64_t args_number(
	const char *option, const char *text, uint64_t min, uint64_t max);

#endif
