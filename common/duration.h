/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durations in the syntax of Go, as users of kubenurse know them: 1m30s,
 * 500ms, 1.5h.  Integer arithmetic only: what does not fit whole nanoseconds
 * is cut, what does not fit 63 bits is an error.
 */
#ifndef COMMON_DURATION_H
#define COMMON_DURATION_H

#include <stddef.h>
#include <stdint.h>

/* Enough for every value, the NUL included. */
#define DURATION_TEXT_BYTES 32

/*
 * The whole text must be one duration: a sign, then numbers with a fraction
 * and a unit (ns us ms s m h) each, or a bare 0.  -EINVAL: not a duration.
 * -ERANGE: it does not fit.
 */
int duration_parse(const char *text, int64_t *ret_ns);
/* As Go prints it: 1m30s, 500ms, 5s, 0s.  Returns buf. */
const char *duration_format(int64_t ns, char buf[DURATION_TEXT_BYTES]);

#endif
