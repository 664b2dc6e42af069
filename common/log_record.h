/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log line on its way from a worker to the supervisor, which checks it, puts
 * the worker's name to it and writes it.  It is a line of text, so that a
 * reader finds the next one whatever comes between, and begins with a byte with
 * which no text that a library prints begins.
 */
#ifndef COMMON_LOG_RECORD_H
#define COMMON_LOG_RECORD_H

#include "common/log.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* With the newline.  One write(2) into the pipe is whole or is not (pipe(7)).
 */
#define LOG_RECORD_MAX_BYTES PIPE_BUF
#define LOG_RECORD_FIELDS    16 /* ours have less than ten */
/*
 * A line without a byte is none of the log.  A worker rings with it: what it
 * has written into its sample pipe is to be read now.
 */
#define LOG_RECORD_BELL "\n"

struct log_record {
	enum log_level level;
	const char *message; /* this, and all texts, point into text */
	struct log_field fields[LOG_RECORD_FIELDS + 1];
	char text[LOG_RECORD_MAX_BYTES];
};

/* The number of bytes, a newline the last; what has no room is cut. */
size_t log_record_encode(char buf[LOG_RECORD_MAX_BYTES], enum log_level level,
	const char *message, const struct log_field *fields);
/*
 * A line without its newline.  False: it is none of ours; *ret_record is then
 * undefined.  Keys are names, and none is one that the log gives itself.
 */
bool log_record_decode(struct log_record *ret_record, const char *line);

#endif
