/* SPDX-License-Identifier: Apache-2.0 */
/* The service account's token; see token.h. */
#include "workers/token.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int
token_read(const char *path, char *ret_token, size_t cap_bytes)
{
	size_t start = 0, end;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	n = read(fd, ret_token, cap_bytes);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return (int)n;
	if ((size_t)n == cap_bytes)
		return -EFBIG;
	end = (size_t)n;
	while (end > 0 && isspace((unsigned char)ret_token[end - 1]))
		end--;
	while (start < end && isspace((unsigned char)ret_token[start]))
		start++;
	if (start == end)
		return -ENODATA;
	memmove(ret_token, ret_token + start, end - start);
	ret_token[end - start] = '\0';
	return (int)(end - start);
}
