/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the server itself wants to know of a request: which answer it asks
 * for, whether it is well formed where the library does not look, who sent
 * it.  Headers are handed in one by one; strings are not copied and must live
 * as long as the request.  Allocates nothing.
 */
#ifndef SUPERVISOR_HTTP_REQUEST_H
#define SUPERVISOR_HTTP_REQUEST_H

#include "supervisor/http_path.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bodies are read and dropped, so that a connection can be kept, up to this. */
#define HTTP_BODY_MAX_BYTES 65536

/* Weights of Accept-Encoding in thousandths; -1: not mentioned. */
struct http_encodings {
	int gzip, identity, any;
};

struct http_request {
	enum http_route route;
	unsigned n_hosts;
	unsigned refused_status; /* the first reason to refuse; 0: none */
	bool has_length;
	bool is_encoded; /* there is a Transfer-Encoding */
	bool has_origin;
	uint64_t length_bytes;
	const char *origin; /* trimmed; of the first such header */
	size_t origin_len;
	struct http_encodings encodings;
};

void http_request_init(struct http_request *request, const char *target);
void http_request_header(struct http_request *request, const char *name,
	size_t name_len, const char *value, size_t value_len);
/* Once all headers were seen.  0: to be answered; else the status to refuse
 * it with: 400, 405, 413, 417 or 501. */
unsigned http_request_refusal(const struct http_request *request,
	const char *method, const char *version);
/* A body follows, or may follow. */
bool http_request_has_body(const struct http_request *request);
/* The answer may be, and is best, compressed (RFC 9110 section 12.5.3). */
bool http_request_wants_gzip(const struct http_request *request);

/* Cuts blanks and tabs at both ends. */
void http_trim(const char **text, size_t *len);
bool http_is_token(const char *text, size_t len);
/* text is the lower-case word, in whatever case. */
bool http_is_word(const char *text, size_t len, const char *lower_case);

#endif
