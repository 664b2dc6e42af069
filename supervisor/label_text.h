/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place where label values are escaped for the Prometheus text format:
 * backslash, double quote and newline.  What is not UTF-8 becomes U+FFFD, one
 * for each byte, for one bad byte would make a scraper refuse the whole page.
 */
#ifndef SUPERVISOR_LABEL_TEXT_H
#define SUPERVISOR_LABEL_TEXT_H

#include "common/strbuf.h"

void label_text_add(struct strbuf *out, const char *value);

#endif
