/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a hop comes to a connection: the name, the addresses racing (race.h), to
 * the host of the URL or to a proxy.
 */
#ifndef WORKERS_HOP_DIAL_H
#define WORKERS_HOP_DIAL_H

struct hop;

/* Before hop_dial_start(), and before a connection that was kept is used. */
void hop_dial_init(struct hop *hop);
/* A new connection.  It may be there, or fail, before this returns. */
void hop_dial_start(struct hop *hop);
/* The budget is over, in HOP_RESOLVE or HOP_CONNECT: the hop fails. */
void hop_dial_expire(struct hop *hop);

#endif
