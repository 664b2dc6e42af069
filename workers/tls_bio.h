/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What OpenSSL reads from and writes to: a session's socket, read with the
 * kernel's receive stamps, and so much in one step at most as the session says.
 */
#ifndef WORKERS_TLS_BIO_H
#define WORKERS_TLS_BIO_H

/*
 * Messages of the handshake that may follow it before the next bytes of data:
 * tickets, changes of keys, wishes for a handshake.  Servers send two tickets
 * by default (OpenSSL, Go); each costs as much as a record of data, or more.
 */
#define TLS_MESSAGES_MAX 64

struct bio_method_st;

/* The data of its BIOs is their struct tls_session.  NULL: no memory. */
struct bio_method_st *tls_bio_method_new(void);

#endif
