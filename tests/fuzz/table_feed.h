/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets of lists and of watches have in common.  The first byte
 * says what was asked and where to cut; the rest is fed whole and in pieces and
 * must come to the same each time.  What is told must be names and addresses;
 * aborts if it is not.
 */
#ifndef TESTS_FUZZ_TABLE_FEED_H
#define TESTS_FUZZ_TABLE_FEED_H

#include "workers/discovery/table_parser.h"

#include <stddef.h>
#include <stdint.h>

void table_feed(enum table_mode mode, const uint8_t *data, size_t size);

#endif
