/* SPDX-License-Identifier: Apache-2.0 */
/* Host names beyond ASCII; see idn.h. */
#include "common/idn.h"

#include <idn2.h>
#include <string.h>

/* Four bytes of UTF-8 for each character of what the result may hold. */
#define NAME_MAX_BYTES ((size_t)4 * IDN_NAME_BYTES)

#define TOO_LONG "the host is longer than 253 bytes in its xn-- form"

const char *
idn_to_ascii(const char *name, size_t len, char ret_ascii[IDN_NAME_BYTES])
{
	char text[NAME_MAX_BYTES + 1];
	char *ascii;
	size_t ascii_len;
	int rc;

	if (len > NAME_MAX_BYTES)
		return TOO_LONG;
	if (memchr(name, '\0', len) != NULL)
		return "there is a NUL in the host";
	memcpy(text, name, len);
	text[len] = '\0';
	rc = idn2_to_ascii_8z(
		text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (rc != IDN2_OK)
		return idn2_strerror(rc);
	ascii_len = strlen(ascii);
	if (ascii_len < IDN_NAME_BYTES)
		memcpy(ret_ascii, ascii, ascii_len + 1);
	idn2_free(ascii);
	return ascii_len < IDN_NAME_BYTES ? NULL : TOO_LONG;
}
