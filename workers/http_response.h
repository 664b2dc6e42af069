/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads one HTTP/1.1 answer, informational ones before it included, in
 * whatever pieces the network delivers it.  Embedded in the hop; allocates
 * nothing, keeps nothing of the body, and is bounded in all a server can make
 * it do, unless its owner sets another bound.  What is forgiven is what
 * kubenurse 1.x forgives; RFC 9112 otherwise.
 */
#ifndef WORKERS_HTTP_RESPONSE_H
#define WORKERS_HTTP_RESPONSE_H

#include "workers/http_fields.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All header blocks of one answer together; trailers have as much again. */
#define HTTP_RESPONSE_HEAD_MAX_BYTES (64U * 1024)
/* What is read after the headers, the framing of chunks counted too. */
#define HTTP_RESPONSE_BODY_MAX_BYTES    (1024U * 1024)
#define HTTP_RESPONSE_MAX_INFORMATIONAL 100
#define HTTP_RESPONSE_STATUS_TEXT_MAX   127

enum http_progress {
	HTTP_MORE,         /* everything was taken, more is needed */
	HTTP_HEADERS_DONE, /* once: the final header block has been taken */
	HTTP_DONE,         /* the answer is complete, or as much as we read */
	HTTP_BAD,          /* no answer: malformed or ended before the body */
	HTTP_BAD_BODY,     /* the status stands; the body is broken or short */
};

enum http_body {
	HTTP_BODY_NONE,
	HTTP_BODY_LENGTH,
	HTTP_BODY_CHUNKED,
	HTTP_BODY_UNTIL_CLOSE,
};

struct http_response {
	/* Valid after HTTP_HEADERS_DONE. */
	uint16_t status; /* 0..999: "000" is an answer, too */
	enum http_body body;
	/* As received without control characters: "404 Not Found", "599 " */
	char status_text[HTTP_RESPONSE_STATUS_TEXT_MAX + 1];
	struct http_fields fields; /* of the final block: location and so on */

	/* Valid after HTTP_DONE. */
	uint64_t body_bytes;       /* taken, without framing */
	bool body_truncated_by_us; /* longer than we read: close it */

	/*
	 * For who wants the body: set after init.  Each piece of it, without
	 * framing, in order; it must not touch the parser.
	 */
	void (*on_body)(struct http_response *r, const char *bytes, size_t len);
	/* What is read after the headers; init sets the usual bound. */
	uint64_t body_max_bytes;

	/* The parser's own. */
	bool head_request, connect_request;
	uint8_t state;         /* enum state */
	bool head_seen;        /* the final header block is complete */
	bool head_seen_untold; /* and HTTP_HEADERS_DONE not yet returned */
	bool any_byte;         /* of the whole answer */
	bool keep_alive;       /* decided with the final block */
	uint8_t n_informational;
	uint32_t head_bytes; /* of all header blocks, later of the trailers */
	uint64_t wire_bytes; /* after the headers, framing included */
	const char *error;

	/* One header block. */
	uint8_t version_len, major, minor;
	bool pending_cr; /* in the status line a CR alone is text */
	size_t status_text_len;
	char code[3]; /* the first word of the status, if it has 3 bytes */
	uint8_t code_len;
	bool code_done, code_too_long;

	/* The body. */
	uint64_t left_bytes; /* of the body or of the chunk */
	uint8_t chunk_digits;
};

/* head_request: no body whatever the headers say; connect_request: after a 2xx
 * the stream is the tunnel's.
 */
void http_response_init(
	struct http_response *r, bool head_request, bool connect_request);
/*
 * Takes *ret_used of len bytes.  Less than all is taken at HTTP_HEADERS_DONE
 * (go on with the rest, also when it is empty: an answer without a body is
 * done at once) and at the end of the answer, where what is left over is not
 * ours (a tunnel's, or unasked for: then do not reuse the connection).  Once
 * done or bad it stays so.
 */
enum http_progress http_response_feed(struct http_response *r,
	const char *bytes, size_t len, size_t *ret_used);
/* The stream has ended: HTTP_DONE, HTTP_BAD or HTTP_BAD_BODY. */
enum http_progress http_response_eof(struct http_response *r);
/* Complete to its end, and the server lets the connection be used again. */
bool http_response_reusable(const struct http_response *r);
/* Why it is bad, a few words that live for ever; NULL when it is not. */
const char *http_response_error(const struct http_response *r);
/*
 * Of an answer that is bad because there is no status line: how many bytes of
 * that line have been taken, the first wrong one included.  0: it is not.
 */
size_t http_response_alien_bytes(const struct http_response *r);
/* It is bad because of its status: see status_text. */
bool http_response_has_bad_code(const struct http_response *r);

#endif
