/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request of a hop, with what it may say about who asks: headers of the
 * check, the neighbour's origin, and the service account's token, which goes
 * to the API server by https and to nobody else.
 */
#ifndef WORKERS_HOP_REQUEST_H
#define WORKERS_HOP_REQUEST_H

#include <stddef.h>

struct hop;

/*
 * Writes the head into the target's room for it.  Its length, or a negative
 * errno with a reason for /alive and the log.
 */
int hop_format_request(struct hop *hop, char *ret_error, size_t cap_bytes);
/* The same for the CONNECT to a proxy. */
int hop_format_connect(struct hop *hop);

#endif
