/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines; see log.h.  No allocation: a line is bounded and cut. */
#include "common/log.h"

#include "common/log_record.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES   LOG_RECORD_MAX_BYTES
#define NUMBER_BYTES 24 /* of 64 bits, with sign and NUL */

struct line {
	char text[LINE_BYTES];
	size_t len_bytes;
	bool full; /* a value was cut: nothing follows it */
};

static struct {
	enum log_level level;
	enum log_format format;
	bool journal;
	bool to_supervisor;
} settings = { .level = LOG_LEVEL_INFO };

static uint64_t lost_count; /* lines since the last that was written */

static bool
stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	if (stream == NULL || sscanf(stream, "%llu:%llu", &dev, &ino) != 2)
		return false;
	return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev &&
	       st.st_ino == ino;
}

void
log_setup(enum log_level level, enum log_format format)
{
	settings.level = level;
	settings.format = format;
	settings.journal = stderr_is_journal();
}

void
log_to_supervisor(enum log_level level)
{
	settings.level = level;
	settings.to_supervisor = true;
}

/* Kept free for what closes a cut line: quote, brace, newline. */
#define CLOSING_BYTES 3

/* All of it or nothing: half an escape would spoil the line. */
static bool
add_bytes(struct line *line, const char *bytes, size_t len)
{
	if (line->len_bytes + len > LINE_BYTES - CLOSING_BYTES)
		return false;
	memcpy(line->text + line->len_bytes, bytes, len);
	line->len_bytes += len;
	return true;
}

static bool
add_text(struct line *line, const char *text)
{
	return add_bytes(line, text, strlen(text));
}

/* The bytes of the UTF-8 character at text (RFC 3629); 0: it is none. */
static size_t
utf8_len(const unsigned char *text)
{
	size_t len = text[0] < 0xc2   ? 0
		     : text[0] < 0xe0 ? 2
		     : text[0] < 0xf0 ? 3
		     : text[0] < 0xf5 ? 4
				      : 0;

	for (size_t i = 1; i < len; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0; /* a NUL ends here, too */
	/* overlong, surrogates, beyond U+10FFFF */
	if ((text[0] == 0xe0 && text[1] < 0xa0) ||
		(text[0] == 0xed && text[1] > 0x9f) ||
		(text[0] == 0xf0 && text[1] < 0x90) ||
		(text[0] == 0xf4 && text[1] > 0x8f))
		return 0;
	return len;
}

/*
 * What some terminals or readers of lines take for a control character: C1
 * (U+0080 to U+009F) and the separators of lines and paragraphs.
 */
static bool
is_wide_control(const unsigned char *text)
{
	if (text[0] == 0xc2)
		return text[1] < 0xa0;
	return text[0] == 0xe2 && text[1] == 0x80 &&
	       (text[2] == 0xa8 || text[2] == 0xa9);
}

/* Escapes both formats understand.  Returns how many bytes it took. */
static size_t
escape(const unsigned char *text, char ret_escaped[8])
{
	size_t len;

	if (*text == '"' || *text == '\\') {
		snprintf(ret_escaped, 8, "\\%c", *text);
	} else if (*text == '\n') {
		strcpy(ret_escaped, "\\n");
	} else if (*text < 0x20 || *text == 0x7f) {
		snprintf(ret_escaped, 8, "\\u%04x", *text);
	} else if (*text < 0x80) {
		snprintf(ret_escaped, 8, "%c", *text);
	} else if ((len = utf8_len(text)) > 0 && is_wide_control(text)) {
		snprintf(ret_escaped, 8, "\\u%04x",
			len == 2 ? text[1] : 0x2028 + text[2] - 0xa8);
		return len;
	} else if (len > 0) {
		memcpy(ret_escaped, text, len);
		ret_escaped[len] = '\0';
		return len;
	} else { /* no text at all: the replacement character */
		strcpy(ret_escaped, "\\ufffd");
	}
	return 1;
}

/* As much of it as there is room for, and the closing quote in any case. */
static void
add_quoted(struct line *line, const char *text)
{
	const unsigned char *next = (const unsigned char *)text;
	char escaped[8];

	if (!add_text(line, "\""))
		return;
	while (*next != '\0') {
		next += escape(next, escaped);
		if (!add_text(line, escaped))
			break;
	}
	line->text[line->len_bytes++] = '"'; /* of the closing bytes */
}

static bool
needs_quotes(const char *text)
{
	if (*text == '\0')
		return true;
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f)
			return true;
	}
	return false;
}

/* A key with what stands around it: `,"key":` or ` key=`. */
static bool
add_key(struct line *line, const char *key)
{
	bool json = settings.format == LOG_FORMAT_JSON;
	bool first = line->len_bytes <= 4; /* a prefix and a brace */
	char text[LOG_KEY_MAX_BYTES + 8];
	int len = snprintf(text, sizeof(text), json ? "%s\"%s\":" : "%s%s=",
		first  ? ""
		: json ? ","
		       : " ",
		key);

	if ((size_t)len >= sizeof(text))
		return false;
	/* no key without at least an empty value, "" or a number */
	if (line->len_bytes + (size_t)len + NUMBER_BYTES >
		LINE_BYTES - CLOSING_BYTES)
		return false;
	return add_bytes(line, text, (size_t)len);
}

static void
add_field(struct line *line, const struct log_field *field)
{
	char number[NUMBER_BYTES];

	/* one cut value is the last: `full` keeps shorter ones out, too */
	if (line->full || !add_key(line, field->key)) {
		line->full = true;
		return;
	}
	if (field->text == NULL) {
		snprintf(number, sizeof(number), "%lld",
			(long long)field->number);
		add_text(line, number);
	} else if (settings.format == LOG_FORMAT_JSON ||
		   needs_quotes(field->text) ||
		   strlen(field->text) + line->len_bytes >
			   LINE_BYTES - CLOSING_BYTES) {
		add_quoted(line, field->text);
	} else {
		add_text(line, field->text);
	}
	line->full = line->len_bytes >= LINE_BYTES - CLOSING_BYTES - 8;
}

static void
add_time(struct line *line)
{
	char text[40];
	struct timespec now;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%03ldZ", now.tv_nsec / 1000000);
	add_field(line, &LOG_STR("time", text));
}

bool
log_has_room(void)
{
	struct pollfd pollfd = { .fd = STDERR_FILENO, .events = POLLOUT };

	/* pipe(7): writable is room for PIPE_BUF bytes, and a line is no longer
	 * than that; a file is always writable */
	return poll(&pollfd, 1, 0) != 0;
}

/* False: it could not be written. */
static bool
write_line(const char *process, enum log_level level, const char *message,
	const struct log_field *fields)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	/* sd-daemon(3): the syslog priorities debug, info, warning, err */
	static const char *const prefixes[] = { "<7>", "<6>", "<4>", "<3>" };
	struct line line = { .len_bytes = 0 };

	if (settings.to_supervisor) {
		line.len_bytes =
			log_record_encode(line.text, level, message, fields);
		return write(STDERR_FILENO, line.text, line.len_bytes) >= 0;
	}
	if (settings.journal)
		add_text(&line, prefixes[level]);
	if (settings.format == LOG_FORMAT_JSON)
		add_text(&line, "{");
	if (!settings.journal)
		add_time(&line);
	add_field(&line, &LOG_STR("level", names[level]));
	if (process != NULL)
		add_field(&line, &LOG_STR("process", process));
	add_field(&line, &LOG_STR("msg", message));
	for (; fields->key != NULL; fields++)
		add_field(&line, fields);
	if (settings.format == LOG_FORMAT_JSON)
		line.text[line.len_bytes++] = '}';
	line.text[line.len_bytes++] = '\n';
	return write(STDERR_FILENO, line.text, line.len_bytes) >= 0;
}

static bool
tell_lost(void)
{
	const struct log_field fields[] = { LOG_INT("lines", lost_count),
		{ NULL, NULL, 0 } };

	return lost_count == 0 || settings.level > LOG_LEVEL_WARN ||
	       write_line(NULL, LOG_LEVEL_WARN,
		       "lines of the log were lost, for there was no room for "
		       "them",
		       fields);
}

void
log_write_of(const char *process, enum log_level level, const char *message,
	const struct log_field *fields)
{
	if (level < settings.level)
		return;
	/* nobody waits for who reads the log and stalls */
	if (!log_has_room() || !tell_lost()) {
		lost_count++;
		return;
	}
	lost_count = 0;
	if (!log_has_room() || !write_line(process, level, message, fields))
		lost_count++;
}

void
log_write(enum log_level level, const char *message,
	const struct log_field *fields)
{
	log_write_of(NULL, level, message, fields);
}

struct log_field
log_field_errno(int sys_errno)
{
	return LOG_STR("error", strerror(sys_errno));
}
