/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of CA certificates in DER, found by subject.  OpenSSL 3 takes 0.35 ms
 * to parse one, 50 ms for a distribution's bundle, and 6 KB to keep it; a
 * prober needs two or three of them.  So they are kept as they came and parsed
 * when a server's chain asks.  Names are compared byte for byte.
 */
#ifndef WORKERS_ANCHORS_H
#define WORKERS_ANCHORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct anchors;

/* A set of its own, on top of base (or NULL), which it keeps alive. */
struct anchors *anchors_new(struct anchors *base);
/* Another owner. */
struct anchors *anchors_ref(struct anchors *anchors);
/* One owner less; the last frees it.  Accepts NULL. */
void anchors_free(struct anchors *anchors);

/*
 * Copies a certificate.  0, also when it is there already; -EBADMSG when its
 * subject cannot be found in it; -ENOMEM.
 */
int anchors_add(struct anchors *anchors, const uint8_t *der, size_t len_bytes);
/* Without those of base. */
size_t anchors_count(const struct anchors *anchors);

/* Where a search stands; zeroed at its start. */
struct anchors_cursor {
	const struct anchors *set;
	size_t next;
	bool started;
};

/*
 * The next certificate with this subject (a DER Name), base's too; valid until
 * the next anchors_add.  NULL: no more.
 */
const uint8_t *anchors_find(const struct anchors *anchors,
	struct anchors_cursor *cursor, const uint8_t *subject,
	size_t subject_len_bytes, size_t *ret_len_bytes);

#endif
