/* SPDX-License-Identifier: Apache-2.0 */
/* From captured segments to times on the wire; see wire_pairs.h. */
#include "bench/wire_pairs.h"

#include <string.h>

/* RFC 791 section 3.1, RFC 9293 section 3.1. */
#define IPV4_MIN_HEADER_BYTES 20
#define TCP_MIN_HEADER_BYTES  20
#define IP_PROTOCOL_TCP       6
#define TCP_FLAG_SYN          0x02

void
wire_pairs_init(struct wire_pairs *pairs)
{
	memset(pairs, 0, sizeof(*pairs));
	stats_init(&pairs->request);
	stats_init(&pairs->wait);
	stats_init(&pairs->network);
}

void
wire_pairs_fini(struct wire_pairs *pairs)
{
	stats_fini(&pairs->request);
	stats_fini(&pairs->wait);
	stats_fini(&pairs->network);
}

static int
add_times(struct wire_pairs *pairs, const struct wire_connection *c,
	uint64_t end_ns)
{
	uint64_t wait_ns = end_ns - c->request_ns;
	uint64_t connect_ns = c->syn_ack_ns - c->syn_ns;
	int error = stats_add(&pairs->request, end_ns - c->syn_ns);

	if (error == 0)
		error = stats_add(&pairs->wait, wait_ns);
	if (error == 0)
		error = stats_add(&pairs->network, connect_ns + wait_ns);
	return error;
}

static void
begin_connection(struct wire_connection *c, const struct wire_segment *segment)
{
	/* A SYN sent again does not restart the clock: the check waited. */
	if (c->syn_ns != 0 && c->syn_ack_ns == 0 &&
		c->server_address == segment->server_address)
		return;
	memset(c, 0, sizeof(*c));
	c->syn_ns = segment->at_ns;
	c->server_address = segment->server_address;
}

int
wire_pairs_add(struct wire_pairs *pairs, const struct wire_segment *segment)
{
	struct wire_connection *c =
		&pairs->by_client_port[segment->client_port];

	if (segment->from_client && segment->syn) {
		begin_connection(c, segment);
		return 0;
	}
	if (c->syn_ns == 0 || c->server_address != segment->server_address) {
		pairs->unpaired_count++;
		return 0;
	}
	if (c->done)
		return 0;
	if (segment->syn && c->syn_ack_ns == 0)
		c->syn_ack_ns = segment->at_ns;
	if (segment->payload_bytes == 0)
		return 0;
	if (segment->from_client) {
		if (c->request_ns == 0)
			c->request_ns = segment->at_ns;
		return 0;
	}
	if (c->syn_ack_ns == 0 || c->request_ns == 0)
		return 0;
	c->done = true;
	return add_times(pairs, c, segment->at_ns);
}

static uint16_t
read_u16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t
read_u32(const uint8_t *bytes)
{
	return (uint32_t)read_u16(bytes) << 16 | read_u16(bytes + 2);
}

bool
wire_segment_parse(const uint8_t *packet, uint32_t len_bytes,
	uint16_t server_port, struct wire_segment *ret_segment)
{
	uint32_t ip_bytes, tcp_bytes, total_bytes;
	const uint8_t *tcp;

	if (len_bytes < IPV4_MIN_HEADER_BYTES || packet[0] >> 4 != 4 ||
		packet[9] != IP_PROTOCOL_TCP)
		return false;
	ip_bytes = (packet[0] & 0x0fU) * 4;
	total_bytes = read_u16(packet + 2);
	if (ip_bytes < IPV4_MIN_HEADER_BYTES ||
		len_bytes < ip_bytes + TCP_MIN_HEADER_BYTES)
		return false;
	tcp = packet + ip_bytes;
	tcp_bytes = (uint32_t)(tcp[12] >> 4) * 4;
	if (tcp_bytes < TCP_MIN_HEADER_BYTES ||
		total_bytes < ip_bytes + tcp_bytes)
		return false;
	if (read_u16(tcp) != server_port && read_u16(tcp + 2) != server_port)
		return false;
	memset(ret_segment, 0, sizeof(*ret_segment));
	ret_segment->from_client = read_u16(tcp + 2) == server_port;
	ret_segment->client_port =
		read_u16(ret_segment->from_client ? tcp : tcp + 2);
	ret_segment->server_address =
		read_u32(packet + (ret_segment->from_client ? 16 : 12));
	ret_segment->syn = (tcp[13] & TCP_FLAG_SYN) != 0;
	ret_segment->payload_bytes = total_bytes - ip_bytes - tcp_bytes;
	return true;
}
