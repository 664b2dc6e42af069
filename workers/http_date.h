/* SPDX-License-Identifier: Apache-2.0 */
/* Dates of header fields, in the three forms of RFC 9110, section 5.6.7. */
#ifndef WORKERS_HTTP_DATE_H
#define WORKERS_HTTP_DATE_H

#include <stdbool.h>
#include <stdint.h>

/* The longest: "Wednesday, 09-Nov-94 08:49:37 GMT". */
#define HTTP_DATE_MAX 33

/* False: this is no date. */
bool http_date_parse(const char *text, int64_t *ret_unix_s);

#endif
