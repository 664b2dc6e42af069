/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_capture: what a packet capture says the checks took.  It reads an
 * AF_PACKET socket with the kernel's own stamps, and looks only five times a
 * second: woken for each packet it would time itself into what it measures.
 * Needs CAP_NET_RAW.  It sends nothing.
 */
#include "bench/args.h"
#include "bench/wire_pairs.h"
#include "common/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SNAP_BYTES    128 /* IPv4 and TCP headers with all options: 120 */
#define BUFFER_BYTES  (32 * 1024 * 1024)
#define LOOK_EVERY_MS 200

static volatile sig_atomic_t stopped;

static void
on_signal(int number)
{
	(void)number;
	stopped = 1;
}

/* TCP over IPv4 from or to the port, not a fragment; the first bytes of it. */
static void
attach_filter(int fd, uint16_t port)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 7),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 5, 0),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 3, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, SNAP_BYTES),
	};
	struct sock_fprog program = {
		.len = sizeof(code) / sizeof(code[0]),
		.filter = code,
	};

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
		    sizeof(program)) < 0)
		die("SO_ATTACH_FILTER");
}

static int
open_capture(const char *interface, uint16_t port)
{
	/* Cooked: packets begin with their IP header on every kind of link. */
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int on = 1, buffer_bytes = BUFFER_BYTES;
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL), /* what is sent, too */
		.sll_ifindex = (int)if_nametoindex(interface),
	};

	if (fd < 0)
		die("AF_PACKET socket");
	if (address.sll_ifindex == 0)
		die("%s", interface);
	attach_filter(fd, port);
	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0)
		die("SO_TIMESTAMPNS");
	/* Beyond rmem_max only with CAP_NET_ADMIN: drops are reported. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes,
		    sizeof(buffer_bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes,
			sizeof(buffer_bytes));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("bind to %s", interface);
	errno = 0;
	return fd;
}

static uint64_t
stamp_of(struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL;
		c = CMSG_NXTHDR(message, c)) {
		struct timespec at;

		if (c->cmsg_level != SOL_SOCKET ||
			c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&at, CMSG_DATA(c), sizeof(at));
		return (uint64_t)at.tv_sec * NS_PER_S + (uint64_t)at.tv_nsec;
	}
	return 0;
}

/*
 * On loopback each packet passes the tap twice: as sent and as received.  The
 * client's end of the link is what it sent, and what it received.
 */
static bool
is_client_end(const struct wire_segment *segment, unsigned char packet_type)
{
	return segment->from_client == (packet_type == PACKET_OUTGOING);
}

static void
drain(int fd, uint16_t port, struct wire_pairs *pairs)
{
	uint8_t packet[SNAP_BYTES];
	char control[CMSG_SPACE(sizeof(struct timespec))];
	struct sockaddr_ll from;
	struct iovec part = { packet, sizeof(packet) };

	for (;;) {
		struct msghdr message = {
			.msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		struct wire_segment segment;
		ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			die("recvmsg");
		if (!wire_segment_parse(packet, (uint32_t)n, port, &segment) ||
			!is_client_end(&segment, from.sll_pkttype))
			continue;
		segment.at_ns = stamp_of(&message);
		if (segment.at_ns != 0 && wire_pairs_add(pairs, &segment) < 0)
			die("out of memory");
	}
	errno = 0;
}

static void
print_stats(const char *name, struct stats *stats)
{
	printf("%s_mean_us %.1f\n%s_p50_us %.1f\n%s_p99_us %.1f\n", name,
		stats_mean_us(stats), name, stats_percentile_us(stats, 50),
		name, stats_percentile_us(stats, 99));
}

static void
print_result(int fd, struct wire_pairs *pairs)
{
	struct tpacket_stats counts = { 0, 0 };
	socklen_t counts_bytes = sizeof(counts);

	getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &counts, &counts_bytes);
	printf("connections %zu\n", pairs->request.count);
	printf("dropped_packets %u\n", counts.tp_drops);
	printf("unpaired_segments %" PRIu64 "\n", pairs->unpaired_count);
	print_stats("request", &pairs->request);
	print_stats("wait", &pairs->wait);
	print_stats("network", &pairs->network);
	printf("wait_within_3ms_percent %.1f\n",
		stats_share_percent(&pairs->wait, 3 * NS_PER_MS));
}

static _Noreturn void
usage(int code)
{
	fprintf(code == 0 ? stdout : stderr,
		"usage: wire_capture --port PORT [--interface lo] "
		"[--seconds 600]\n"
		"Captures until SIGINT, SIGTERM or the time is over.  Prints "
		"\"ready\" first.\n");
	exit(code);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "interface", required_argument, NULL, 'i' },
		{ "seconds", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const struct timespec pause = { 0, LOOK_EVERY_MS * 1000000L };
	const struct sigaction action = { .sa_handler = on_signal };
	static struct wire_pairs pairs;
	const char *interface = "lo";
	uint64_t seconds = 600, end_ns;
	uint16_t port = 0;
	int fd, option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'p')
			port = (uint16_t)args_number(
				"--port", optarg, 1, UINT16_MAX);
		else if (option == 'i')
			interface = optarg;
		else if (option == 's')
			seconds = args_number("--seconds", optarg, 1, 86400);
		else
			usage(option == 'h' ? 0 : 2);
	}
	if (port == 0 || optind != argc)
		usage(2);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	wire_pairs_init(&pairs);
	fd = open_capture(interface, port);
	printf("ready\n");
	fflush(stdout);
	end_ns = clock_mono_ns() + seconds * NS_PER_S;
	while (!stopped && clock_mono_ns() < end_ns) {
		nanosleep(&pause, NULL);
		drain(fd, port, &pairs);
	}
	print_result(fd, &pairs);
	wire_pairs_fini(&pairs);
	close(fd);
	return 0;
}
