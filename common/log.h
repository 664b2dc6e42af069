/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line per event on stderr, one write(2) each, in logfmt or JSON.  Values
 * may be foreign bytes: they are quoted and escaped, never copied raw.  A line
 * for which there is no room is lost, and how many were is said later: nobody
 * waits for who reads the log.  Code that is used as a library does not log;
 * the caller at the edge does, once.
 *
 *	LOG_WARN("check failed", LOG_STR("type", type), LOG_INT("errno", err));
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARN,
	LOG_LEVEL_ERROR,
};

enum log_format {
	LOG_FORMAT_LOGFMT,
	LOG_FORMAT_JSON,
};

#define LOG_KEY_MAX_BYTES 63

struct log_field {
	const char *key;  /* NULL ends the list; LOG_KEY_MAX_BYTES at most */
	const char *text; /* NULL: the number counts */
	int64_t number;
};

#define LOG_STR(k, v) ((struct log_field){ (k), (v), 0 })
#define LOG_INT(k, v) ((struct log_field){ (k), NULL, (int64_t)(v) })
/* strerror of a positive errno */
#define LOG_ERRNO(v) log_field_errno(v)

#define LOG_AT(level, message, ...)                                            \
	log_write((level), (message),                                          \
		(const struct log_field[]){                                    \
			__VA_ARGS__ __VA_OPT__(, ){ NULL, NULL, 0 } })
#define LOG_DEBUG(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define LOG_INFO(...)  LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_WARN(...)  LOG_AT(LOG_LEVEL_WARN, __VA_ARGS__)
#define LOG_ERROR(...) LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)

/*
 * Looks once whether stderr is the journal (JOURNAL_STREAM, systemd.exec(5)):
 * then lines carry its priority prefix (sd-daemon(3)) and no time.
 */
void log_setup(enum log_level level, enum log_format format);
/*
 * Instead of log_setup(): lines go to the supervisor, which formats them and
 * puts the name of this process to them.  stderr is its pipe (log_record.h).
 */
void log_to_supervisor(enum log_level level);
void log_write(enum log_level level, const char *message,
	const struct log_field *fields);
/* A line of another process, with process=NAME. */
void log_write_of(const char *process, enum log_level level,
	const char *message, const struct log_field *fields);
struct log_field log_field_errno(int sys_errno);
/* Whether a line can be written without waiting.  Async-signal-safe. */
bool log_has_room(void);

#endif
