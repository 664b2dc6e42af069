/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines that a worker writes into the supervisor's log: what is taken has texts
 * without control of the terminal, and says the same when it is sent again.
 */
#include "common/log_record.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
must_be_equal(const struct log_field *a, const struct log_field *b)
{
	for (; a->key != NULL; a++, b++) {
		must(b->key != NULL && strcmp(a->key, b->key) == 0);
		must((a->text == NULL) == (b->text == NULL));
		must(a->text != NULL ? strcmp(a->text, b->text) == 0
				     : a->number == b->number);
	}
	must(b->key == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct log_record first, second;
	static char line[2 * LOG_RECORD_MAX_BYTES], buf[LOG_RECORD_MAX_BYTES];

	if (len >= sizeof(line))
		return 0;
	memcpy(line, bytes, len);
	line[len] = '\0';
	if (!log_record_decode(&first, line))
		return 0;
	len = log_record_encode(buf, first.level, first.message, first.fields);
	must(len > 0 && len <= sizeof(buf) && buf[len - 1] == '\n');
	buf[len - 1] = '\0';
	must(strchr(buf, '\n') == NULL);
	must(log_record_decode(&second, buf));
	must(first.level == second.level);
	must(strcmp(first.message, second.message) == 0);
	must_be_equal(first.fields, second.fields);
	return 0;
}
