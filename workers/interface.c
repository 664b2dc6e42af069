/* SPDX-License-Identifier: Apache-2.0 */
/* Network interfaces by their names; see interface.h. */
#include "workers/interface.h"

#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

uint32_t
interface_index(const char *name)
{
	struct ifreq request;
	int fd, rc;

	memset(&request, 0, sizeof(request));
	if (name[0] == '\0' || strlen(name) >= sizeof(request.ifr_name))
		return 0;
	strcpy(request.ifr_name, name);
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	rc = ioctl(fd, SIOCGIFINDEX, &request);
	close(fd);
	return rc < 0 ? 0 : (uint32_t)request.ifr_ifindex;
}
