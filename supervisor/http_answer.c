/* SPDX-License-Identifier: Apache-2.0 */
/* Constant answers; see http_answer.h. */
#include "supervisor/http_answer.h"

const struct http_answer_def http_answers[HTTP_ANSWER_COUNT] = {
	[HTTP_ANSWER_EMPTY] = { 0, "", 0, 0, 0 },
	[HTTP_ANSWER_REDIRECT] = { 301,
		"<a href=\"/alive\">Moved Permanently</a>.\n\n",
		"text/html; charset=utf-8", "Location", "/alive" },
	[HTTP_ANSWER_OPTIONS] = { 204, "", 0, "Allow", "GET, HEAD" },
	[HTTP_ANSWER_BAD_REQUEST] = { 400, "400 Bad Request", HTTP_PLAIN_TEXT,
		"Connection", "close" },
	[HTTP_ANSWER_BAD_METHOD] = { 405, "405 Method Not Allowed",
		HTTP_PLAIN_TEXT, "Allow", "GET, HEAD" },
	[HTTP_ANSWER_TOO_LARGE] = { 413, "413 Content Too Large",
		HTTP_PLAIN_TEXT, "Connection", "close" },
	[HTTP_ANSWER_BAD_EXPECTATION] = { 417, "417 Expectation Failed",
		HTTP_PLAIN_TEXT, "Connection", "close" },
	[HTTP_ANSWER_NOT_IMPLEMENTED] = { 501, "501 Not Implemented",
		HTTP_PLAIN_TEXT, "Connection", "close" },
	[HTTP_ANSWER_BUSY] = { 503, "503 Service Unavailable", HTTP_PLAIN_TEXT,
		"Retry-After", "1" },
};

enum http_answer
http_answer_refusal(unsigned status)
{
	for (unsigned i = 0; i < HTTP_ANSWER_COUNT; i++)
		if (http_answers[i].status == status)
			return (enum http_answer)i;
	return HTTP_ANSWER_BAD_REQUEST;
}
