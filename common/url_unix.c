/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of sockets of this host, unix:///path/to.sock:/request; see url.h. */
#include "common/url.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>

#define PREFIX "unix://"

_Static_assert(
	URL_SOCKET_PATH_BYTES == sizeof(((struct sockaddr_un *)NULL)->sun_path),
	"a path that the kernel takes");
_Static_assert(
	URL_SOCKET_PATH_BYTES <= URL_HOST_MAX_BYTES, "it stands for the host");

/* What is wrong with the socket's path; NULL: nothing. */
static const char *
check_socket_path(const char *path, size_t len)
{
	if (path[0] != '/')
		return "a socket is written unix:///path/to.sock or "
		       "unix:///path/to.sock:/path/of/the/request";
	if (len >= URL_SOCKET_PATH_BYTES)
		return "the path of the socket is longer than 107 bytes";
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)path[i] < 0x20 || path[i] == 0x7f)
			return "it contains a control character";
		if (path[i] == '?' || path[i] == '#')
			return "a query stands behind the path of the "
			       "request: unix:///path/to.sock:/?query";
	}
	if (path[len - 1] == '/' || path[len - 1] == ':')
		return "the path of the socket ends with a / or :";
	return NULL;
}

int
url_parse_check(struct url *url, const char *text, const char **ret_error)
{
	char http[URL_MAX_BYTES + sizeof("http://h/")];
	const char *path, *request, *error;
	size_t len;
	int rc;

	if (strncasecmp(text, "unix:", 5) != 0)
		return url_parse(url, text, ret_error);
	memset(url, 0, sizeof(*url));
	path = strncasecmp(text, PREFIX, strlen(PREFIX)) == 0
		       ? text + strlen(PREFIX)
		       : "";
	request = strstr(path, ":/");
	len = request != NULL ? (size_t)(request - path) : strlen(path);
	error = strnlen(text, URL_MAX_BYTES + 1) > URL_MAX_BYTES
			? "it is longer than 2048 bytes"
			: check_socket_path(path, len);
	if (error != NULL) {
		*ret_error = error;
		return -EINVAL;
	}
	/* What is asked for is as of any other server.  This is no longer than
	 * the text, so that what is not too long printed can be read back. */
	snprintf(http, sizeof(http), "http://h%s",
		request != NULL ? request + 1 : "/");
	rc = url_parse(url, http, ret_error);
	if (rc < 0)
		return rc;
	memcpy(url->host, path, len);
	url->host[len] = '\0';
	url->family = AF_UNIX;
	return 0;
}
