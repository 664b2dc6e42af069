/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block of header fields, one function per state and one byte at a time.
 * Values that mean nothing to us are checked and dropped.  See http_fields.h.
 */
#include "workers/http_fields.h"
#include "workers/http_chars.h"

#include <string.h>
#include <strings.h>

enum state {
	STATE_LINE_START, /* 0: the first */
	STATE_NAME,
	STATE_FOLD, /* blanks at the start of a continued line */
	STATE_VALUE,
	STATE_VALUE_CR,
	STATE_BLOCK_CR,
	STATE_DONE, /* from here on nothing is taken */
	STATE_BAD,
};

enum field {
	FIELD_OTHER,
	FIELD_CONNECTION,
	FIELD_CONTENT_ENCODING,
	FIELD_CONTENT_LENGTH,
	FIELD_LOCATION,
	FIELD_RETRY_AFTER,
	FIELD_TRAILER,
	FIELD_TRANSFER_ENCODING,
};

static const struct {
	const char *name;
	enum field field;
} known_fields[] = {
	{ "connection", FIELD_CONNECTION },
	{ "content-encoding", FIELD_CONTENT_ENCODING },
	{ "content-length", FIELD_CONTENT_LENGTH },
	{ "location", FIELD_LOCATION },
	{ "retry-after", FIELD_RETRY_AFTER },
	{ "trailer", FIELD_TRAILER },
	{ "transfer-encoding", FIELD_TRANSFER_ENCODING },
};
#define N_KNOWN_FIELDS (sizeof(known_fields) / sizeof(known_fields[0]))

/* An hour: what is longer is no shorter than that. */
#define RETRY_AFTER_MAX_S 3600

static void
fail(struct http_fields *f, const char *reason)
{
	f->state = STATE_BAD;
	f->error = reason;
}

/* A whole value, or one element of a list, is in token; "" if it was longer
 * than any that means something.
 */
static void
end_token(struct http_fields *f)
{
	size_t len = f->kept_overflow ? 0 : f->kept_len;

	while (len > 0 && http_is_blank(f->token[len - 1]))
		len--;
	f->token[len] = '\0';
	f->kept_len = 0;
	f->kept_overflow = false;
	if (f->field == FIELD_CONNECTION) {
		f->has_close |= strcasecmp(f->token, "close") == 0;
		f->has_keep_alive |= strcasecmp(f->token, "keep-alive") == 0;
	} else if (f->field == FIELD_TRAILER) {
		f->bad_trailer |=
			strcasecmp(f->token, "trailer") == 0 ||
			strcasecmp(f->token, "content-length") == 0 ||
			strcasecmp(f->token, "transfer-encoding") == 0;
	} else if (f->field == FIELD_TRANSFER_ENCODING) {
		f->is_chunked = strcasecmp(f->token, "chunked") == 0;
		if (f->n_transfer_encodings < UINT8_MAX)
			f->n_transfer_encodings++;
	}
}

/* Digits alone, below 2^63; said twice it must be said the same way. */
static void
end_content_length(struct http_fields *f)
{
	uint64_t length = 0;
	size_t n_digits;

	end_token(f);
	n_digits = strlen(f->token);
	for (size_t i = 0; i < n_digits; i++) {
		uint64_t digit = (uint64_t)(f->token[i] - '0');

		if (!http_is_digit(f->token[i]) ||
			length > ((uint64_t)INT64_MAX - digit) / 10) {
			fail(f, "malformed Content-Length");
			return;
		}
		length = length * 10 + digit;
	}
	if (n_digits == 0)
		fail(f, "malformed Content-Length");
	else if (f->has_length && (f->content_length_bytes != length ||
					  f->length_digits != n_digits))
		fail(f, "different values of Content-Length");
	f->has_length = true;
	f->content_length_bytes = length;
	f->length_digits = (uint8_t)n_digits;
}

/* Seconds or a date (RFC 9110 section 10.2.3). */
static void
end_retry_after(struct http_fields *f)
{
	uint32_t seconds = 0;

	end_token(f);
	for (const char *c = f->token; *c != '\0'; c++) {
		if (!http_is_digit(*c)) {
			http_date_parse(f->token, &f->retry_after_unix_s);
			return;
		}
		if (seconds < RETRY_AFTER_MAX_S)
			seconds = seconds * 10 + (uint32_t)(*c - '0');
	}
	f->retry_after_s = seconds;
}

static void
end_location(struct http_fields *f)
{
	size_t len = f->kept_overflow ? 0 : f->kept_len;

	while (len > 0 && http_is_blank(f->location[len - 1]))
		len--;
	f->location[len] = '\0';
	f->location_too_long = f->kept_overflow;
	f->has_location = true;
}

/* A value is over when the next line does not begin with a blank. */
static void
end_field(struct http_fields *f)
{
	switch ((enum field)f->field) {
	case FIELD_OTHER:
		break;
	case FIELD_CONTENT_LENGTH:
		end_content_length(f);
		break;
	case FIELD_LOCATION:
		end_location(f);
		break;
	case FIELD_RETRY_AFTER:
		end_retry_after(f);
		break;
	case FIELD_CONTENT_ENCODING:
		end_token(f);
		f->is_gzip = strcasecmp(f->token, "gzip") == 0;
		break;
	case FIELD_CONNECTION:
	case FIELD_TRAILER:
	case FIELD_TRANSFER_ENCODING:
		end_token(f);
		break;
	}
	f->field = FIELD_OTHER;
}

/* Which values are kept; of trailers none, of several Locations the first. */
static enum field
find_field(const struct http_fields *f)
{
	for (size_t i = 0; i < N_KNOWN_FIELDS && !f->are_trailers; i++) {
		if (strlen(known_fields[i].name) != f->name_len ||
			memcmp(known_fields[i].name, f->name, f->name_len) != 0)
			continue;
		if (known_fields[i].field == FIELD_LOCATION && f->has_location)
			break;
		return known_fields[i].field;
	}
	return FIELD_OTHER;
}

/*
 * Blanks after a name are forgiven and belong to nothing (RFC 9112 section
 * 5.1), but such a connection is not used again.  A name with blanks inside is
 * none we know; nor is one that fills the buffer.
 */
static void
on_name(struct http_fields *f, char c)
{
	if (c == ':' && f->name_len > 0) {
		f->loose_name |= f->name_blank;
		f->field = (uint8_t)find_field(f);
		f->kept_len = 0;
		f->kept_overflow = false;
		f->state = STATE_VALUE;
	} else if (c == ' ') {
		f->name_blank = true;
	} else if (!http_is_token_char(c)) {
		fail(f, "malformed header name");
	} else if (f->name_blank) {
		f->name_len = sizeof(f->name);
	} else if (f->name_len < sizeof(f->name)) {
		f->name[f->name_len++] = http_to_lower(c);
	}
}

static void
keep_value_char(struct http_fields *f, char c)
{
	bool is_location = f->field == FIELD_LOCATION;
	bool is_list =
		f->field == FIELD_CONNECTION || f->field == FIELD_TRAILER;
	size_t max_len =
		is_location ? sizeof(f->location) - 1 : sizeof(f->token) - 1;

	if (f->field == FIELD_OTHER || (f->kept_len == 0 && http_is_blank(c)))
		return;
	if (is_list && c == ',')
		end_token(f);
	else if (f->kept_len < max_len)
		(is_location ? f->location : f->token)[f->kept_len++] = c;
	else if (!http_is_blank(c))
		f->kept_overflow = true;
}

static void
on_value(struct http_fields *f, char c)
{
	if (c == '\r')
		f->state = STATE_VALUE_CR;
	else if (c == '\n')
		f->state = STATE_LINE_START;
	else if (http_is_control(c) && c != '\t')
		fail(f, "control character in a header");
	else
		keep_value_char(f, c);
}

static void
on_value_cr(struct http_fields *f, char c)
{
	if (c == '\n')
		f->state = STATE_LINE_START;
	else
		fail(f, "control character in a header");
}

static void
on_fold(struct http_fields *f, char c)
{
	if (http_is_blank(c))
		return;
	f->state = STATE_VALUE;
	on_value(f, c);
}

/* The break and the blanks around it stand for one blank (RFC 9112, 5.2). */
static void
start_fold(struct http_fields *f)
{
	const char *kept = f->field == FIELD_LOCATION ? f->location : f->token;

	while (f->kept_len > 0 && http_is_blank(kept[f->kept_len - 1]))
		f->kept_len--;
	keep_value_char(f, ' ');
	f->state = STATE_FOLD;
}

static void
on_block_cr(struct http_fields *f, char c)
{
	if (c == '\n')
		f->state = STATE_DONE;
	else
		fail(f, "malformed header name");
}

static void
on_line_start(struct http_fields *f, char c)
{
	if (http_is_blank(c)) {
		if (f->any_field)
			start_fold(f);
		else
			fail(f, "first header begins with a blank");
		return;
	}
	end_field(f);
	if (f->state == STATE_BAD)
		return;
	if (c == '\n') {
		f->state = STATE_DONE;
	} else if (c == '\r') {
		f->state = STATE_BLOCK_CR;
	} else {
		f->any_field = true;
		f->name_len = 0;
		f->name_blank = false;
		f->state = STATE_NAME;
		on_name(f, c);
	}
}

void
http_fields_init(struct http_fields *f)
{
	memset(f, 0, sizeof(*f));
}

void
http_fields_start_trailers(struct http_fields *f)
{
	f->are_trailers = true;
	f->any_field = false;
	f->state = STATE_LINE_START;
}

enum http_fields_progress
http_fields_take(struct http_fields *f, char c)
{
	switch ((enum state)f->state) {
	case STATE_LINE_START:
		on_line_start(f, c);
		break;
	case STATE_NAME:
		on_name(f, c);
		break;
	case STATE_FOLD:
		on_fold(f, c);
		break;
	case STATE_VALUE:
		on_value(f, c);
		break;
	case STATE_VALUE_CR:
		on_value_cr(f, c);
		break;
	case STATE_BLOCK_CR:
		on_block_cr(f, c);
		break;
	case STATE_DONE:
	case STATE_BAD:
		break;
	}
	if (f->state == STATE_BAD)
		return HTTP_FIELDS_BAD;
	return f->state == STATE_DONE ? HTTP_FIELDS_DONE : HTTP_FIELDS_MORE;
}
