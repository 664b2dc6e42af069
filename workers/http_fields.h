/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One block of header fields or trailers up to its empty line, byte by byte,
 * for the parser of answers: keeps the few values that decide where the answer
 * ends and where it redirects to.  How many bytes there may be is counted by
 * the caller.
 */
#ifndef WORKERS_HTTP_FIELDS_H
#define WORKERS_HTTP_FIELDS_H

#include "workers/http_date.h"

#include <stdbool.h>
#include <stdint.h>

#define HTTP_LOCATION_MAX 2048

enum http_fields_progress {
	HTTP_FIELDS_MORE,
	HTTP_FIELDS_DONE,
	HTTP_FIELDS_BAD,
};

struct http_fields {
	/* Valid when done; trailers leave them as they are. */
	bool has_length;
	uint64_t content_length_bytes;
	uint8_t n_transfer_encodings;
	bool is_chunked; /* the last Transfer-Encoding is "chunked", no more */
	bool has_close, has_keep_alive; /* of Connection */
	bool is_gzip;               /* Content-Encoding is that and no more */
	uint32_t retry_after_s;     /* 0: none, or a date: */
	int64_t retry_after_unix_s; /* 0: none */
	bool bad_trailer;       /* Trailer announces a field of the framing */
	bool loose_name;        /* a blank between a name and its colon */
	bool location_too_long; /* then location is empty */
	char location[HTTP_LOCATION_MAX + 1]; /* the first; "": none */

	/* When bad: a few words that live for ever. */
	const char *error;

	/* The parser's own. */
	bool are_trailers;
	uint8_t state; /* enum state */
	bool any_field;
	uint8_t field; /* enum field: whose value is being read */
	char name[20]; /* lower case; full: none of the known */
	uint8_t name_len;
	bool name_blank;
	char token[HTTP_DATE_MAX + 1]; /* a value, or an element of a list */
	uint16_t kept_len;             /* in token, or in location */
	bool kept_overflow;
	bool has_location;
	uint8_t length_digits;
};

void http_fields_init(struct http_fields *f);
/* After a block is done: the next is one of trailers. */
void http_fields_start_trailers(struct http_fields *f);
enum http_fields_progress http_fields_take(struct http_fields *f, char c);

#endif
