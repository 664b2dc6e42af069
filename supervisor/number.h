/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as the Prometheus text shows them, written the way kubenurse 1.x
 * wrote them, so that not one byte of an `le` or a sum changes.  Nothing here
 * ends its text with NUL: each function returns how many bytes it wrote, at
 * most NUMBER_MAX_BYTES.
 */
#ifndef SUPERVISOR_NUMBER_H
#define SUPERVISOR_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#define NUMBER_MAX_BYTES 32

size_t number_format_count(char *dst, uint64_t value);
/*
 * The shortest decimal that reads back as the same double.  The exponent form
 * is used below 1e-4 and from 1e+06 on: 0.0001, 1e-05, 100000, 1e+06, +Inf.
 */
size_t number_format_shortest(char *dst, double value);
/* Integral values between -2^63 and 2^63 plain (1000000), others shortest. */
size_t number_format_value(char *dst, double value);
/*
 * The double nearest to seconds + ns / 1e9, as number_format_value would show
 * it; converted here, once.  ns < 1e9.
 */
size_t number_format_seconds(char *dst, uint64_t seconds, uint32_t ns);

#endif
