/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacks a gzip stream as it comes, in pieces of a fixed size: memory does
 * not grow with what it unpacks to.
 */
#ifndef WORKERS_DISCOVERY_GUNZIP_H
#define WORKERS_DISCOVERY_GUNZIP_H

#include <stddef.h>

struct gunzip;

/* on_bytes answers 0, or a negative errno that ends it.  NULL: no memory. */
struct gunzip *gunzip_new(
	int (*on_bytes)(void *arg, const char *bytes, size_t len), void *arg);
void gunzip_free(struct gunzip *gunzip);
/* 0, -EPROTO: this is not gzip; or what on_bytes answered. */
int gunzip_feed(struct gunzip *gunzip, const char *bytes, size_t len);
/* The stream has ended.  0, or -EPROTO: before its end. */
int gunzip_finish(const struct gunzip *gunzip);

#endif
