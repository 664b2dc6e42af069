/* SPDX-License-Identifier: Apache-2.0 */
/* CA certificates in DER; see anchors.h. */
#include "workers/anchors.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* X.690 section 8: identifier octets of what stands before the subject */
#define DER_SEQUENCE 0x30
#define DER_VERSION  0xa0

struct anchor {
	size_t at_bytes, len_bytes; /* in the set's bytes */
	size_t subject_at_bytes, subject_len_bytes;
};

struct anchors {
	struct anchors *base;
	unsigned owner_count;
	uint8_t *bytes; /* all certificates, one after the other */
	size_t used_bytes, cap_bytes;
	struct anchor *list;
	size_t count, cap_count;
};

/* A piece of DER not yet looked at. */
struct span {
	const uint8_t *at;
	size_t len_bytes;
};

struct anchors *
anchors_new(struct anchors *base)
{
	struct anchors *anchors = calloc(1, sizeof(*anchors));

	if (anchors == NULL)
		return NULL;
	anchors->owner_count = 1;
	anchors->base = base != NULL ? anchors_ref(base) : NULL;
	return anchors;
}

struct anchors *
anchors_ref(struct anchors *anchors)
{
	anchors->owner_count++;
	return anchors;
}

void
anchors_free(struct anchors *anchors)
{
	while (anchors != NULL && --anchors->owner_count == 0) {
		struct anchors *base = anchors->base;

		free(anchors->bytes);
		free(anchors->list);
		free(anchors);
		anchors = base;
	}
}

/*
 * Takes one element off the front: `whole` with its header, `content` without.
 * Definite lengths of at most three octets: a certificate has no other.
 */
static bool
take_element(
	struct span *rest, struct span *ret_whole, struct span *ret_content)
{
	const uint8_t *at = rest->at;
	size_t header_bytes = 2, len_bytes, i;

	if (rest->len_bytes < 2)
		return false;
	len_bytes = at[1];
	if (len_bytes >= 0x80) {
		size_t octets = len_bytes - 0x80;

		if (octets < 1 || octets > 3 || rest->len_bytes < 2 + octets)
			return false;
		len_bytes = 0;
		for (i = 0; i < octets; i++)
			len_bytes = len_bytes << 8 | at[2 + i];
		header_bytes += octets;
	}
	if (len_bytes > rest->len_bytes - header_bytes)
		return false;
	*ret_whole = (struct span){ at, header_bytes + len_bytes };
	*ret_content = (struct span){ at + header_bytes, len_bytes };
	rest->at += header_bytes + len_bytes;
	rest->len_bytes -= header_bytes + len_bytes;
	return true;
}

/* RFC 5280 section 4.1: tbsCertificate and its first six fields. */
static bool
find_subject(struct span certificate, struct span *ret_subject)
{
	struct span whole, inside, tbs, ignored;
	int i;

	if (!take_element(&certificate, &whole, &inside) ||
		whole.at[0] != DER_SEQUENCE || certificate.len_bytes != 0)
		return false;
	if (!take_element(&inside, &whole, &tbs) || whole.at[0] != DER_SEQUENCE)
		return false;
	if (!take_element(&tbs, &whole, &ignored))
		return false;
	/* that was the version, if it is there, else the serial number */
	for (i = whole.at[0] == DER_VERSION ? 0 : 1; i < 5; i++)
		if (!take_element(&tbs, &whole, &ignored))
			return false;
	if (whole.at[0] != DER_SEQUENCE)
		return false;
	*ret_subject = whole;
	return true;
}

static bool
is_known(const struct anchors *anchors, const struct span *der,
	const struct span *subject)
{
	struct anchors_cursor cursor = { 0 };
	const uint8_t *found;
	size_t len_bytes;

	do {
		found = anchors_find(anchors, &cursor, subject->at,
			subject->len_bytes, &len_bytes);
		if (found != NULL && len_bytes == der->len_bytes &&
			memcmp(found, der->at, len_bytes) == 0)
			return true;
	} while (found != NULL);
	return false;
}

/* Room for one more; what is there may move. */
static bool
reserve(struct anchors *anchors, size_t more_bytes)
{
	size_t need_bytes = anchors->used_bytes + more_bytes;

	if (need_bytes > anchors->cap_bytes) {
		size_t cap_bytes = need_bytes + anchors->cap_bytes;
		uint8_t *bytes = realloc(anchors->bytes, cap_bytes);

		if (bytes == NULL)
			return false;
		anchors->bytes = bytes;
		anchors->cap_bytes = cap_bytes;
	}
	if (anchors->count == anchors->cap_count) {
		size_t cap_count = anchors->cap_count * 2 + 4;
		struct anchor *list =
			reallocarray(anchors->list, cap_count, sizeof(*list));

		if (list == NULL)
			return false;
		anchors->list = list;
		anchors->cap_count = cap_count;
	}
	return true;
}

int
anchors_add(struct anchors *anchors, const uint8_t *der, size_t len_bytes)
{
	struct span whole = { der, len_bytes };
	struct span subject;

	if (!find_subject(whole, &subject))
		return -EBADMSG;
	if (is_known(anchors, &whole, &subject))
		return 0;
	if (!reserve(anchors, len_bytes))
		return -ENOMEM;
	memcpy(anchors->bytes + anchors->used_bytes, der, len_bytes);
	anchors->list[anchors->count++] = (struct anchor){
		.at_bytes = anchors->used_bytes,
		.len_bytes = len_bytes,
		.subject_at_bytes =
			anchors->used_bytes + (size_t)(subject.at - der),
		.subject_len_bytes = subject.len_bytes,
	};
	anchors->used_bytes += len_bytes;
	return 0;
}

size_t
anchors_count(const struct anchors *anchors)
{
	return anchors->count;
}

const uint8_t *
anchors_find(const struct anchors *anchors, struct anchors_cursor *cursor,
	const uint8_t *subject, size_t subject_len_bytes, size_t *ret_len_bytes)
{
	if (!cursor->started) {
		cursor->started = true;
		cursor->set = anchors;
		cursor->next = 0;
	}
	for (; cursor->set != NULL; cursor->set = cursor->set->base) {
		const struct anchors *set = cursor->set;

		while (cursor->next < set->count) {
			const struct anchor *a = &set->list[cursor->next++];

			if (a->subject_len_bytes != subject_len_bytes ||
				memcmp(set->bytes + a->subject_at_bytes,
					subject, subject_len_bytes) != 0)
				continue;
			*ret_len_bytes = a->len_bytes;
			return set->bytes + a->at_bytes;
		}
		cursor->next = 0;
	}
	return NULL;
}
