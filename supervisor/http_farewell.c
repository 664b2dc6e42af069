/* SPDX-License-Identifier: Apache-2.0 */
/* How connections end; see http_farewell.h. */
#include "supervisor/http_farewell.h"

#include <linux/tcp.h> /* glibc's tcp_info ends before tcpi_bytes_sent */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define DRAIN_READS 16

void
http_farewell_bad_request(int fd)
{
	static const char answer[] = "HTTP/1.1 400 Bad Request\r\n"
				     "Content-Type: text/plain; "
				     "charset=utf-8\r\n"
				     "Connection: close\r\n"
				     "\r\n"
				     "400 Bad Request";
	struct tcp_info info;
	socklen_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return;
	/* the end of a stream counts as one byte received */
	if (info.tcpi_bytes_received <= 1 || info.tcpi_bytes_sent > 0)
		return;
	(void)send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
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
