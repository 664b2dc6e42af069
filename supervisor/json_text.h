/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A string as JSON, the way the Go program's encoder writes it: "<>&" and the
 * two line separators of Unicode as \u escapes, each byte that is not UTF-8
 * as \ufffd, all else that JSON permits raw.
 */
#ifndef SUPERVISOR_JSON_TEXT_H
#define SUPERVISOR_JSON_TEXT_H

#include "common/strbuf.h"

/* Appends the text between quotation marks. */
void json_text_add(struct strbuf *out, const char *text, size_t len);

#endif
