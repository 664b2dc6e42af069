/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines; see log.h.  No allocation: a line is bounded and cut. */
#include "common/log.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 4096

struct line {
	char text[LINE_BYTES];
	size_t len_bytes;
};

static struct {
	enum log_level level;
	enum log_format format;
	bool journal;
	const char *process;
} settings = { .level = LOG_LEVEL_INFO };

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
log_set_process(const char *name)
{
	settings.process = name;
}

/* Cut at the end, but for the newline and the closing that follow. */
static void
add_char(struct line *line, char c)
{
	if (line->len_bytes < LINE_BYTES - 8)
		line->text[line->len_bytes++] = c;
}

static void
add_text(struct line *line, const char *text)
{
	while (*text != '\0')
		add_char(line, *text++);
}

/* Escapes both formats understand. */
static void
add_quoted(struct line *line, const char *text)
{
	static const char hex[] = "0123456789abcdef";

	add_char(line, '"');
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\') {
			add_char(line, '\\');
			add_char(line, (char)c);
		} else if (c == '\n') {
			add_text(line, "\\n");
		} else if (c < 0x20 || c == 0x7f) {
			add_text(line, "\\u00");
			add_char(line, hex[c >> 4]);
			add_char(line, hex[c & 15]);
		} else {
			add_char(line, (char)c);
		}
	}
	add_char(line, '"');
}

static bool
needs_quotes(const char *text)
{
	if (*text == '\0')
		return true;
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text == '"' || *text == '=' ||
			*text == '\\' || *text == 0x7f)
			return true;
	return false;
}

static void
add_field(struct line *line, const struct log_field *field)
{
	bool json = settings.format == LOG_FORMAT_JSON;
	char number[24];

	if (line->len_bytes > 4) /* more than a brace and a prefix */
		add_char(line, json ? ',' : ' ');
	if (json) {
		add_quoted(line, field->key);
		add_char(line, ':');
	} else {
		add_text(line, field->key);
		add_char(line, '=');
	}
	if (field->text == NULL) {
		snprintf(number, sizeof(number), "%lld",
			(long long)field->number);
		add_text(line, number);
	} else if (json || needs_quotes(field->text)) {
		add_quoted(line, field->text);
	} else {
		add_text(line, field->text);
	}
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

void
log_write(enum log_level level, const char *message,
	const struct log_field *fields)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	/* sd-daemon(3): the syslog priorities debug, info, warning, err */
	static const char *const prefixes[] = { "<7>", "<6>", "<4>", "<3>" };
	struct line line = { .len_bytes = 0 };

	if (level < settings.level)
		return;
	if (settings.journal)
		add_text(&line, prefixes[level]);
	if (settings.format == LOG_FORMAT_JSON)
		add_char(&line, '{');
	if (!settings.journal)
		add_time(&line);
	add_field(&line, &LOG_STR("level", names[level]));
	if (settings.process != NULL)
		add_field(&line, &LOG_STR("process", settings.process));
	add_field(&line, &LOG_STR("msg", message));
	for (; fields->key != NULL; fields++)
		add_field(&line, fields);
	/* a cut JSON line is closed as well as it can be */
	if (line.len_bytes >= LINE_BYTES - 8 &&
		settings.format == LOG_FORMAT_JSON)
		line.text[line.len_bytes++] = '"';
	if (settings.format == LOG_FORMAT_JSON)
		line.text[line.len_bytes++] = '}';
	line.text[line.len_bytes++] = '\n';
	/* nothing can be done about a log that takes no line */
	if (write(STDERR_FILENO, line.text, line.len_bytes) < 0)
		return;
}

struct log_field
log_field_errno(int sys_errno)
{
	return LOG_STR("error", strerror(sys_errno));
}
