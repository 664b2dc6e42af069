/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service manager's protocol (sd_notify(3)) without its library: a line
 * of text in a datagram.  The socket is connected at the start, before the
 * sandbox closes.  Without NOTIFY_SOCKET every call does nothing.
 */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

#include <stdint.h>

struct notify {
	int fd;               /* -1: nobody to tell */
	uint64_t watchdog_ns; /* 0: no watchdog; else how often to be heard */
};

/* 0, or a negative errno: the manager waits for us, and cannot be told. */
int notify_open(struct notify *notify);
/* One or more VARIABLE=value lines. */
void notify_send(const struct notify *notify, const char *state);
/* RELOADING needs the moment it began (systemd 253, Type=notify-reload). */
void notify_reloading(const struct notify *notify);
void notify_close(struct notify *notify);

#endif
