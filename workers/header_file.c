/* SPDX-License-Identifier: Apache-2.0 */
/* The headers of a file; see header_file.h. */
#include "workers/header_file.h"

#include "workers/http_chars.h"
#include "workers/http_request.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* What a check cannot be told either by `header`; see kubenurse.ini(5). */
static bool
is_reserved(const char *name)
{
	return strcasecmp(name, "Host") == 0 || strcasecmp(name, "Expect") == 0;
}

static void
trim_end(char *line)
{
	size_t len = strlen(line);

	while (len > 0 &&
		(http_is_blank(line[len - 1]) || line[len - 1] == '\r'))
		line[--len] = '\0';
}

/* A line without its end, taken apart.  False: it is refused. */
static bool
add_line(struct strbuf *lines, char *line)
{
	char *colon = strchr(line, ':');
	const char *value;

	if (colon == NULL)
		return false;
	*colon = '\0';
	value = colon + 1;
	while (http_is_blank(*value))
		value++;
	if (is_reserved(line) || !http_request_allows_header(line, value))
		return false;
	strbuf_add_string(lines, line);
	strbuf_add_string(lines, ": ");
	strbuf_add_string(lines, value);
	strbuf_add_char(lines, '\n');
	return true;
}

/* Blank lines and comments are none. */
static bool
says_nothing(const char *line)
{
	return *line == '\0' || *line == '#';
}

/*
 * The bytes are taken apart; there is room for a NUL behind them.  As
 * header_file_read().
 */
static int
add_lines(char *bytes, size_t n_bytes, size_t n_before, struct strbuf *lines,
	unsigned *ret_line)
{
	char *line = bytes, *end = bytes + n_bytes, *next;
	size_t n_headers = n_before;

	for (unsigned number = 1; line < end; number++, line = next) {
		char *newline = memchr(line, '\n', (size_t)(end - line));
		bool has_nul;

		next = newline != NULL ? newline + 1 : end + 1;
		next[-1] = '\0';
		has_nul = line + strlen(line) < next - 1;
		trim_end(line);
		if (!has_nul && says_nothing(line))
			continue;
		if (has_nul || n_headers++ >= HTTP_REQUEST_MAX_HEADERS ||
			!add_line(lines, line)) {
			*ret_line = number;
			return -EINVAL;
		}
	}
	return n_headers > n_before ? 0 : -ENODATA;
}

int
header_file_read(
	int fd, size_t n_before, struct strbuf *lines, unsigned *ret_line)
{
	char bytes[HEADER_FILE_MAX_BYTES + 1];
	ssize_t n = pread(fd, bytes, HEADER_FILE_MAX_BYTES, 0);
	int rc = -EFBIG;

	if (n < 0)
		return -errno;
	if (n < HEADER_FILE_MAX_BYTES)
		rc = add_lines(bytes, (size_t)n, n_before, lines, ret_line);
	explicit_bzero(bytes, sizeof(bytes));
	return rc;
}
