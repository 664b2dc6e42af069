/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of a command line, and the end with a message; see args.h. */
#include "bench/args.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
die(const char *format, ...)
{
	int error = errno;
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	if (error != 0)
		fprintf(stderr, ": %s", strerror(error));
	fputc('\n', stderr);
	exit(1);
}

uint64_t
args_number(const char *option, const char *text, uint64_t min, uint64_t max)
{
	char *end = NULL;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 ||
		value < min || value > max) {
		fprintf(stderr,
			"%s: %s %s: a number from %" PRIu64 " to %" PRIu64
			" is wanted\n",
			program_invocation_short_name, option, text, min, max);
		exit(2);
	}
	return value;
}
