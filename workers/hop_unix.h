/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a hop comes to a connection to a socket of this host: there is no name to
 * look up, no proxy, and one place to try.
 */
#ifndef WORKERS_HOP_UNIX_H
#define WORKERS_HOP_UNIX_H

struct hop;

/* As hop_dial_start() and hop_dial_expire(). */
void hop_unix_start(struct hop *hop);
void hop_unix_expire(struct hop *hop);

#endif
