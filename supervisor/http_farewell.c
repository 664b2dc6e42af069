/* SPDX-License-Identifier: Apache-2.0 */
/* How connections end; see http_farewell.h. */
#include "supervisor/http_farewell.h"

#include <linux/tcp.h> /* glibc's tcp_info ends before tcpi_bytes_sent */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define DRAIN_READS 16

const char http_farewell_text[] = "HTTP/1.1 400 Bad Request\r\n"
				  "Content-Type: text/plain; charset=utf-8\r\n"
				  "Connection: close\r\n"
				  "\r\n"
				  "400 Bad Request";

void
http_farewell_say(int fd)
{
	(void)send(fd, http_farewell_text, sizeof(http_farewell_text) - 1,
		MSG_NOSIGNAL | MSG_DONTWAIT);
}

void
http_farewell_bad_request(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return;
	/* the end of a stream counts as one byte received */
	if (info.tcpi_bytes_received <= 1 || info.tcpi_bytes_sent > 0)
		return;
	http_farewell_say(fd);
}

void
http_farewell_drain(int fd)
{
	char dropped[16384];

	/* who sends faster than this is not waited for */
	for (int i = 0; i < DRAIN_READS; i++)
		if (recv(fd, dropped, sizeof(dropped), MSG_DONTWAIT) <= 0)
			return;
}
