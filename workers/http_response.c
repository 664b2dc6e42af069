/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer's parser: one function per state, one byte at a time, so that
 * where the network cuts can make no difference; only bodies are taken in
 * bulk.  See http_response.h.
 */
#include "workers/http_response.h"

#include "common/hex.h"
#include "workers/http_chars.h"

#include <string.h>

/* The order matters: see is_in_head() and is_over(). */
enum state {
	STATE_VERSION,       /* HTTP/1.1 up to the blank */
	STATE_STATUS_BLANKS, /* there may be several */
	STATE_STATUS_TEXT,
	STATE_FIELDS,
	STATE_TRAILERS,
	STATE_CHUNK_SIZE, /* from here on the body */
	STATE_CHUNK_SIZE_BLANKS,
	STATE_CHUNK_EXTENSION,
	STATE_CHUNK_SIZE_CR,
	STATE_CHUNK_DATA,
	STATE_CHUNK_DATA_CR,
	STATE_CHUNK_DATA_LF,
	STATE_LENGTH_DATA,
	STATE_CLOSE_DATA,
	STATE_DONE, /* from here on nothing is taken */
	STATE_BAD,
	STATE_COUNT
};

static const char no_status_line[] = "malformed status line";
static const char bad_code[] = "malformed status code";

static void
fail(struct http_response *r, const char *reason)
{
	r->state = STATE_BAD;
	r->error = reason;
}

static bool
is_in_head(const struct http_response *r)
{
	return r->state < STATE_CHUNK_SIZE;
}

static bool
is_over(const struct http_response *r)
{
	return r->state >= STATE_DONE;
}

static void
start_block(struct http_response *r)
{
	r->state = STATE_VERSION;
	r->version_len = 0;
	r->pending_cr = false;
	r->status_text_len = 0;
	r->code_len = 0;
	r->code_done = r->code_too_long = false;
	http_fields_init(&r->fields);
}

void
http_response_init(
	struct http_response *r, bool head_request, bool connect_request)
{
	memset(r, 0, sizeof(*r));
	r->head_request = head_request;
	r->connect_request = connect_request;
	r->body_max_bytes = HTTP_RESPONSE_BODY_MAX_BYTES;
	start_block(r);
}

/*
 * The status line.
 */

/* HTTP/d.d and a blank; a TLS alert or another protocol's greeting is seen at
 * its first byte, for it may never end its line.
 */
static void
on_version(struct http_response *r, char c)
{
	static const char pattern[] = "HTTP/0.0 ";
	char wanted = pattern[r->version_len];

	if (wanted == '0' ? !http_is_digit(c) : c != wanted) {
		fail(r, no_status_line);
		return;
	}
	if (r->version_len == 5)
		r->major = (uint8_t)(c - '0');
	if (r->version_len == 7)
		r->minor = (uint8_t)(c - '0');
	r->version_len++;
	if (c == ' ')
		r->state = STATE_STATUS_BLANKS;
}

/* Three characters that are a number: 099 is 99, +20 is 20, -00 is 0. */
static bool
parse_code(const char code[3], uint16_t *ret_status)
{
	bool has_sign = code[0] == '+' || code[0] == '-';
	uint16_t status = 0;

	for (size_t i = has_sign; i < 3; i++) {
		if (!http_is_digit(code[i]))
			return false;
		status = (uint16_t)(status * 10 + (code[i] - '0'));
	}
	if (code[0] == '-' && status > 0)
		return false;
	*ret_status = status;
	return true;
}

static void
end_status_line(struct http_response *r)
{
	r->status_text[r->status_text_len] = '\0';
	if (r->code_len != sizeof(r->code) || r->code_too_long ||
		!parse_code(r->code, &r->status))
		fail(r, bad_code);
	else
		r->state = STATE_FIELDS;
}

static void
keep_status_char(struct http_response *r, char c)
{
	if (c == ' ')
		r->code_done = true;
	if (!r->code_done && r->code_len < sizeof(r->code))
		r->code[r->code_len++] = c;
	else if (!r->code_done)
		r->code_too_long = true;
	if (!http_is_control(c) &&
		r->status_text_len < HTTP_RESPONSE_STATUS_TEXT_MAX)
		r->status_text[r->status_text_len++] = c;
}

static void
on_status_text(struct http_response *r, char c)
{
	if (c == '\n') {
		end_status_line(r);
		return;
	}
	if (r->pending_cr)
		keep_status_char(r, '\r');
	r->pending_cr = c == '\r';
	if (!r->pending_cr)
		keep_status_char(r, c);
}

static void
on_status_blanks(struct http_response *r, char c)
{
	if (c == ' ')
		return;
	r->state = STATE_STATUS_TEXT;
	on_status_text(r, c);
}

/*
 * The end of a block: what follows it.
 */

static bool
is_version_1_1(const struct http_response *r)
{
	return r->major > 1 || (r->major == 1 && r->minor >= 1);
}

/* HTTP/1.0 knows no Transfer-Encoding: there it is any other field. */
static bool
is_chunked(const struct http_response *r)
{
	return is_version_1_1(r) && r->fields.n_transfer_encodings == 1 &&
	       r->fields.is_chunked;
}

static bool
is_tunnel(const struct http_response *r)
{
	return r->connect_request && r->status / 100 == 2;
}

static enum http_body
choose_body(const struct http_response *r)
{
	if (r->head_request || is_tunnel(r) || r->status == 101 ||
		r->status == 204 || r->status == 304)
		return HTTP_BODY_NONE;
	if (is_chunked(r))
		return HTTP_BODY_CHUNKED;
	return r->fields.has_length ? HTTP_BODY_LENGTH : HTTP_BODY_UNTIL_CLOSE;
}

static bool
may_keep_alive(const struct http_response *r)
{
	if (is_tunnel(r) || r->status == 101 ||
		r->body == HTTP_BODY_UNTIL_CLOSE)
		return false;
	if (r->fields.has_close || r->fields.loose_name || r->major < 1)
		return false;
	return is_version_1_1(r) || r->fields.has_keep_alive;
}

static void
start_body(struct http_response *r)
{
	r->body = choose_body(r);
	r->keep_alive = may_keep_alive(r);
	r->head_seen = r->head_seen_untold = true;
	r->head_bytes = 0;
	switch (r->body) {
	case HTTP_BODY_NONE:
		r->state = STATE_DONE;
		break;
	case HTTP_BODY_LENGTH:
		r->left_bytes = r->fields.content_length_bytes;
		r->state = r->left_bytes > 0 ? STATE_LENGTH_DATA : STATE_DONE;
		break;
	case HTTP_BODY_CHUNKED:
		r->state = STATE_CHUNK_SIZE;
		break;
	case HTTP_BODY_UNTIL_CLOSE:
		r->state = STATE_CLOSE_DATA;
		break;
	}
}

static void
end_block(struct http_response *r)
{
	bool is_informational = r->status / 100 == 1 && r->status != 101;

	if (is_version_1_1(r) && r->fields.n_transfer_encodings > 0 &&
		!is_chunked(r))
		fail(r, "unsupported Transfer-Encoding");
	else if (is_chunked(r) && r->fields.bad_trailer)
		fail(r, "forbidden name in Trailer");
	else if (!is_informational)
		start_body(r);
	else if (r->n_informational == HTTP_RESPONSE_MAX_INFORMATIONAL)
		fail(r, "too many informational answers");
	else {
		r->n_informational++;
		start_block(r);
	}
}

static void
on_fields(struct http_response *r, char c)
{
	switch (http_fields_take(&r->fields, c)) {
	case HTTP_FIELDS_MORE:
		break;
	case HTTP_FIELDS_DONE:
		end_block(r);
		break;
	case HTTP_FIELDS_BAD:
		fail(r, r->fields.error);
		break;
	}
}

static void
on_trailers(struct http_response *r, char c)
{
	switch (http_fields_take(&r->fields, c)) {
	case HTTP_FIELDS_MORE:
		break;
	case HTTP_FIELDS_DONE:
		r->state = STATE_DONE;
		break;
	case HTTP_FIELDS_BAD:
		fail(r, r->fields.error);
		break;
	}
}

/*
 * The body.  Lines of chunks end with CR LF and nothing else (RFC 9112,
 * section 7.1).
 */

static void
on_chunk_size_blanks(struct http_response *r, char c)
{
	if (c == '\r')
		r->state = STATE_CHUNK_SIZE_CR;
	else if (c == ';')
		r->state = STATE_CHUNK_EXTENSION;
	else if (!http_is_blank(c))
		fail(r, "malformed chunk size");
}

static void
on_chunk_size(struct http_response *r, char c)
{
	int value = hex_value(c);

	if (value < 0 && r->chunk_digits > 0) {
		r->state = STATE_CHUNK_SIZE_BLANKS;
		on_chunk_size_blanks(r, c);
	} else if (value < 0 || r->chunk_digits == 16) {
		fail(r, "malformed chunk size");
	} else {
		r->left_bytes = r->left_bytes << 4 | (unsigned)value;
		r->chunk_digits++;
	}
}

static void
on_chunk_extension(struct http_response *r, char c)
{
	if (c == '\r')
		r->state = STATE_CHUNK_SIZE_CR;
	else if (http_is_control(c) && c != '\t')
		fail(r, "control character in a chunk extension");
}

static void
on_chunk_size_cr(struct http_response *r, char c)
{
	if (c != '\n') {
		fail(r, "malformed chunk size");
	} else if (r->left_bytes > 0) {
		r->state = STATE_CHUNK_DATA;
	} else {
		http_fields_start_trailers(&r->fields);
		r->state = STATE_TRAILERS;
	}
}

static void
on_chunk_data_cr(struct http_response *r, char c)
{
	if (c == '\r')
		r->state = STATE_CHUNK_DATA_LF;
	else
		fail(r, "malformed end of a chunk");
}

static void
on_chunk_data_lf(struct http_response *r, char c)
{
	if (c != '\n') {
		fail(r, "malformed end of a chunk");
		return;
	}
	r->chunk_digits = 0;
	r->state = STATE_CHUNK_SIZE;
}

/*
 * The parser as the caller sees it.
 */

/* The states not named here take data in bulk or take nothing. */
static void (*const on_byte[STATE_COUNT])(struct http_response *, char) = {
	[STATE_VERSION] = on_version,
	[STATE_STATUS_BLANKS] = on_status_blanks,
	[STATE_STATUS_TEXT] = on_status_text,
	[STATE_FIELDS] = on_fields,
	[STATE_TRAILERS] = on_trailers,
	[STATE_CHUNK_SIZE] = on_chunk_size,
	[STATE_CHUNK_SIZE_BLANKS] = on_chunk_size_blanks,
	[STATE_CHUNK_EXTENSION] = on_chunk_extension,
	[STATE_CHUNK_SIZE_CR] = on_chunk_size_cr,
	[STATE_CHUNK_DATA_CR] = on_chunk_data_cr,
	[STATE_CHUNK_DATA_LF] = on_chunk_data_lf,
};

static size_t
take_data(struct http_response *r, const char *bytes, size_t len)
{
	uint64_t room = r->body_max_bytes - r->wire_bytes;
	size_t n = len < room ? len : (size_t)room;

	if (r->state != STATE_CLOSE_DATA) {
		n = n < r->left_bytes ? n : (size_t)r->left_bytes;
		r->left_bytes -= n;
		if (r->left_bytes == 0)
			r->state = r->state == STATE_CHUNK_DATA
					   ? STATE_CHUNK_DATA_CR
					   : STATE_DONE;
	}
	r->body_bytes += n;
	if (r->on_body != NULL)
		r->on_body(r, bytes, n);
	return n;
}

static size_t
take_some(struct http_response *r, const char *bytes, size_t len)
{
	bool in_body = r->head_seen;
	size_t n = 1;

	if (is_in_head(r) && r->head_bytes++ == HTTP_RESPONSE_HEAD_MAX_BYTES)
		fail(r, "headers too large: more than 64 KiB; try "
			"method = HEAD, or another path");
	else if (on_byte[r->state] != NULL)
		on_byte[r->state](r, bytes[0]);
	else
		n = take_data(r, bytes, len);
	if (!in_body)
		return n;
	r->wire_bytes += n;
	if (r->wire_bytes == r->body_max_bytes && !is_over(r)) {
		r->body_truncated_by_us = true;
		r->state = STATE_DONE;
	}
	return n;
}

static enum http_progress
progress(struct http_response *r)
{
	if (r->head_seen_untold) {
		r->head_seen_untold = false;
		return HTTP_HEADERS_DONE;
	}
	if (r->state == STATE_BAD)
		return r->head_seen ? HTTP_BAD_BODY : HTTP_BAD;
	return r->state == STATE_DONE ? HTTP_DONE : HTTP_MORE;
}

enum http_progress
http_response_feed(struct http_response *r, const char *bytes, size_t len,
	size_t *ret_used)
{
	size_t used = 0;

	r->any_byte |= len > 0;
	while (used < len && !is_over(r) && !r->head_seen_untold)
		used += take_some(r, bytes + used, len - used);
	*ret_used = used;
	return progress(r);
}

enum http_progress
http_response_eof(struct http_response *r)
{
	if (r->state == STATE_CLOSE_DATA)
		r->state = STATE_DONE;
	else if (is_over(r))
		;
	else if (r->head_seen)
		fail(r, "the connection was closed in the body");
	else if (r->any_byte)
		fail(r, "the connection was closed in the headers");
	else
		fail(r, "the connection was closed without an answer");
	return progress(r);
}

bool
http_response_reusable(const struct http_response *r)
{
	return r->state == STATE_DONE && r->keep_alive &&
	       !r->body_truncated_by_us;
}

const char *
http_response_error(const struct http_response *r)
{
	return r->error;
}

size_t
http_response_alien_bytes(const struct http_response *r)
{
	return r->error == no_status_line ? r->version_len + 1U : 0;
}

bool
http_response_has_bad_code(const struct http_response *r)
{
	return r->error == bad_code;
}
