/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines between processes; see log_record.h.  A line is START, the level's
 * digit, the message, and for each field FIELD, its key, `=` for a text or `#`
 * for a number, and its value.  Of control characters in texts the line has
 * ESCAPE and the character that is 64 higher.
 */
#include "common/log_record.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START  '\x01'
#define FIELD  '\x02'
#define ESCAPE '\x10' /* DLE */

struct writer {
	char *buf;
	size_t len_bytes;
	bool full; /* something was cut: nothing follows it */
};

static void
put(struct writer *writer, const char *bytes, size_t len)
{
	if (writer->full ||
		writer->len_bytes + len > LOG_RECORD_MAX_BYTES - 1) {
		writer->full = true;
		return;
	}
	memcpy(writer->buf + writer->len_bytes, bytes, len);
	writer->len_bytes += len;
}

static void
put_text(struct writer *writer, const char *text)
{
	for (; *text != '\0'; text++) {
		const char escaped[2] = { ESCAPE, (char)(*text + 64) };

		if ((unsigned char)*text < 0x20)
			put(writer, escaped, 2);
		else
			put(writer, text, 1);
	}
}

/* A key that is cut, or a number, would be another one: all or nothing. */
static void
put_field(struct writer *writer, const struct log_field *field)
{
	char head[128];
	int len;

	if (field->text != NULL)
		len = snprintf(head, sizeof(head), "%c%s=", FIELD, field->key);
	else
		len = snprintf(head, sizeof(head), "%c%s#%lld", FIELD,
			field->key, (long long)field->number);
	if ((size_t)len >= sizeof(head))
		writer->full = true;
	else
		put(writer, head, (size_t)len);
	if (field->text != NULL)
		put_text(writer, field->text);
}

size_t
log_record_encode(char buf[LOG_RECORD_MAX_BYTES], enum log_level level,
	const char *message, const struct log_field *fields)
{
	const char head[2] = { START, (char)('0' + (int)level) };
	struct writer writer = { .buf = buf };

	put(&writer, head, 2);
	put_text(&writer, message);
	for (; fields->key != NULL; fields++)
		put_field(&writer, fields);
	buf[writer.len_bytes] = '\n';
	return writer.len_bytes + 1;
}

/* In place.  False: it has an escape that we do not write. */
static bool
unescape(char *text)
{
	char *to = text;

	for (; *text != '\0'; text++) {
		if (*text == ESCAPE) {
			text++;
			if (*text <= 64 || *text >= 64 + 0x20)
				return false;
			*to++ = (char)(*text - 64);
		} else if ((unsigned char)*text < 0x20) {
			return false;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
	return true;
}

/* It must not look like what the log itself says of the line. */
static bool
is_free_key(const char *key)
{
	static const char *const taken[] = { "time", "level", "process",
		"msg" };

	if (*key == '\0' ||
		key[strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_")] !=
			'\0' ||
		strlen(key) > LOG_KEY_MAX_BYTES)
		return false;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (strcmp(key, taken[i]) == 0)
			return false;
	return true;
}

static bool
decode_field(struct log_field *ret_field, char *text)
{
	size_t key_len = strcspn(text, "=#");
	bool is_number = text[key_len] == '#';
	char *value = text + key_len + 1, *end;

	if (text[key_len] == '\0')
		return false;
	text[key_len] = '\0';
	if (!is_free_key(text))
		return false;
	*ret_field = (struct log_field){ text, NULL, 0 };
	if (!is_number) {
		ret_field->text = value;
		return unescape(value);
	}
	if (*value != '-' && (*value < '0' || *value > '9'))
		return false;
	errno = 0;
	ret_field->number = strtoll(value, &end, 10);
	return errno == 0 && end != value && *end == '\0';
}

bool
log_record_decode(struct log_record *ret_record, const char *line)
{
	size_t len = strlen(line), n_fields = 0;
	char *text = ret_record->text, *next;

	if (len < 3 || len >= sizeof(ret_record->text) || line[0] != START ||
		line[1] < '0' || line[1] > '0' + (int)LOG_LEVEL_ERROR)
		return false;
	memcpy(text, line, len + 1);
	ret_record->level = (enum log_level)(line[1] - '0');
	ret_record->message = text + 2;
	for (text = strchr(text, FIELD); text != NULL; text = next) {
		*text++ = '\0';
		next = strchr(text, FIELD);
		if (next != NULL)
			*next = '\0';
		if (n_fields == LOG_RECORD_FIELDS ||
			!decode_field(&ret_record->fields[n_fields++], text))
			return false;
	}
	ret_record->fields[n_fields] = (struct log_field){ NULL, NULL, 0 };
	return unescape(ret_record->text + 2);
}
