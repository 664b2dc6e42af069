/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service account's token.  It is read for each request that needs it, for
 * the kubelet replaces the file as the token rotates, and wiped afterwards.
 */
#ifndef WORKERS_TOKEN_H
#define WORKERS_TOKEN_H

#include <stddef.h>

/* Tokens are some 1,000 bytes; an HTTP header of 8 KiB is what servers take. */
#define TOKEN_MAX_BYTES 8192

/*
 * The token without blanks around it.  Its length; -ENODATA: the file is
 * empty; -EFBIG; or another negative errno.
 */
int token_read(const char *path, char *ret_token, size_t cap_bytes);

#endif
