/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a neighbour waits for /alwayshappy: asked every 2 ms over a new
 * connection, from before its connect to the end of the answer by its own
 * clock.
 */
#ifndef BENCH_ASK_H
#define BENCH_ASK_H

#include "bench/http_get.h"
#include "bench/stats.h"

#include <stdint.h>

/* A GET that must be answered by 200: anything else ends the program. */
void get_or_die(const struct http_get_request *request,
	struct http_get_answer *ret_answer);
/* Asks the port until then, and adds what each answer took. */
void ask_until(uint64_t end_mono_ns, uint16_t port, struct stats *took);
/* NAME_count, NAME_p50_us, NAME_p99_us and NAME_max_us on stdout. */
void print_asked(const char *name, struct stats *took);

#endif
