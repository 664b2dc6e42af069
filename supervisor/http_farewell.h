/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last moment of a connection that ends otherwise than by an answer in
 * full: so that the client gets to know why.
 */
#ifndef SUPERVISOR_HTTP_FAREWELL_H
#define SUPERVISOR_HTTP_FAREWELL_H

/* 400, in full. */
extern const char http_farewell_text[];
void http_farewell_say(int fd);
/*
 * The library hangs up without a word on a request line without any blank:
 * when bytes came and none went back, this answers 400.  Plain connections
 * only.
 */
void http_farewell_bad_request(int fd);
/*
 * Throws away what has been received: a socket closed over unread bytes
 * resets the connection, and the answer under way is lost (RFC 9112, 9.6).
 */
void http_farewell_drain(int fd);

#endif
