/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host names beyond ASCII, in the form that DNS and certificates have of them:
 * xn-- and Punycode (RFC 3492).  The letters that names are written in today
 * are known, and the small ones of those that come in two sizes; what would
 * need the tables of Unicode is refused, never guessed at.  No allocation, no
 * locale: the text may come from a hostile server.
 */
#ifndef COMMON_IDN_H
#define COMMON_IDN_H

#include <stddef.h>

/* Of the result, the NUL included: 253 bytes and a final dot. */
#define IDN_NAME_BYTES 255

/*
 * Writes the name in small letters, each label beyond ASCII as xn--.  What is
 * ASCII in it is not looked at.  NULL, or why it cannot be written, a text that
 * lives for ever.
 */
const char *idn_to_ascii(
	const char *name, size_t len, char ret_ascii[IDN_NAME_BYTES]);

#endif
