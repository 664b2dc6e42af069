/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answers that are always the same, as rows of a table.
 */
#ifndef SUPERVISOR_HTTP_ANSWER_H
#define SUPERVISOR_HTTP_ANSWER_H

#define HTTP_PLAIN_TEXT   "text/plain; charset=utf-8"
#define HTTP_METRICS_TEXT "text/plain; version=0.0.4; charset=utf-8"

enum http_answer {
	HTTP_ANSWER_EMPTY, /* under any status */
	HTTP_ANSWER_REDIRECT,
	HTTP_ANSWER_OPTIONS,
	HTTP_ANSWER_BAD_REQUEST,
	HTTP_ANSWER_BAD_METHOD,
	HTTP_ANSWER_TOO_LARGE,
	HTTP_ANSWER_BAD_EXPECTATION,
	HTTP_ANSWER_NOT_IMPLEMENTED,
	HTTP_ANSWER_BUSY,
	HTTP_ANSWER_COUNT
};

struct http_answer_def {
	unsigned status; /* 0: the caller's */
	const char *body;
	const char *content_type;   /* NULL: none */
	const char *header, *value; /* one more, or NULL */
};

extern const struct http_answer_def http_answers[HTTP_ANSWER_COUNT];

/* Which one says this status to a request that is refused. */
enum http_answer http_answer_refusal(unsigned status);

#endif
