/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes times on the wire out of captured TCP segments.  It knows nothing of
 * sockets: segments come in, in the order of their stamps, and each connection
 * to the server's port whose answer was seen gives one row of times.
 */
#ifndef BENCH_WIRE_PAIRS_H
#define BENCH_WIRE_PAIRS_H

#include "bench/stats.h"

#include <stdbool.h>
#include <stdint.h>

/* One segment as the client's end of the link saw it. */
struct wire_segment {
	uint64_t at_ns; /* the kernel's stamp, any clock */
	uint32_t server_address;
	uint16_t client_port;
	bool from_client, syn;
	uint32_t payload_bytes;
};

struct wire_connection {
	uint64_t syn_ns, syn_ack_ns, request_ns; /* 0: not seen yet */
	uint32_t server_address;
	bool done; /* its answer was seen: what follows is of no interest */
};

struct wire_pairs {
	struct wire_connection by_client_port[UINT16_MAX + 1];
	/* from the SYN to the segment that ends the response headers */
	struct stats request;
	/* from the request's first segment to the response's first */
	struct stats wait;
	/* the network's and the server's part alone: SYN to SYN-ACK + wait */
	struct stats network;
	uint64_t unpaired_count; /* segments of connections begun earlier */
};

void wire_pairs_init(struct wire_pairs *pairs);
void wire_pairs_fini(struct wire_pairs *pairs);
/*
 * The answer's headers must end in its first segment (bench_server's do).
 * 0 or -ENOMEM.
 */
int wire_pairs_add(
	struct wire_pairs *pairs, const struct wire_segment *segment);
/*
 * Reads an IPv4 packet with TCP inside; len_bytes is what was captured of it.
 * False: it is none, or too short to tell, or not of this server's port.
 */
bool wire_segment_parse(const uint8_t *packet, uint32_t len_bytes,
	uint16_t server_port, struct wire_segment *ret_segment);

#endif
