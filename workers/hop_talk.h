/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said over a hop's connection: CONNECT to a proxy, the TLS handshake,
 * the request, the answer.  The functions that return an io_result are the
 * steps of the states in hop.c: IO_DONE leads to the next one.
 */
#ifndef WORKERS_HOP_TALK_H
#define WORKERS_HOP_TALK_H

#include "workers/transport.h"

struct hop;

/* What comes after the connection: a tunnel, TLS, or the request.  0 or a
 * negative errno, with the socket still to be dropped. */
int hop_talk_begin(struct hop *hop);
/* The connection, while no transport has it. */
void hop_talk_drop_socket(struct hop *hop);
void hop_talk_init_response(struct hop *hop);
/* Wipes it: it may hold the token or a password. */
void hop_talk_forget_request(struct hop *hop);

enum io_result hop_talk_write_connect(struct hop *hop);
enum io_result hop_talk_read_connect(struct hop *hop);
enum io_result hop_talk_handshake(struct hop *hop);
enum io_result hop_talk_write(struct hop *hop);
enum io_result hop_talk_read(struct hop *hop);
enum io_result hop_talk_await_fin(struct hop *hop);

#endif
