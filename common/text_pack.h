/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several short texts of one object, packed behind it: two bytes each to find
 * them, where pointers would take eight, and those that are equal kept once.
 */
#ifndef COMMON_TEXT_PACK_H
#define COMMON_TEXT_PACK_H

#include <stddef.h>
#include <stdint.h>

/*
 * Where each text begins, and how many bytes all take with their NULs.
 * bytes: room for that, or NULL to learn it.  All of them together are shorter
 * than 64 KiB.
 */
size_t text_pack(
	const char *const *texts, size_t count, uint16_t *ret_at, char *bytes);

#endif
