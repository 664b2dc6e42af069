/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host names beyond ASCII, in the form that DNS and certificates have of them:
 * xn-- and Punycode, as IDNA 2008 with the mappings of UTS 46 makes it
 * (nontransitional, which is what browsers and Go do).  The text may come from
 * a hostile server.
 */
#ifndef COMMON_IDN_H
#define COMMON_IDN_H

#include <stddef.h>

/* Of the result, the NUL included: 253 bytes and a final dot. */
#define IDN_NAME_BYTES 255

/*
 * Writes the name, in UTF-8, in small letters, each label beyond ASCII as xn--.
 * NULL, or why it cannot be written, a text that lives for ever.
 */
const char *idn_to_ascii(
	const char *name, size_t len, char ret_ascii[IDN_NAME_BYTES]);

#endif
