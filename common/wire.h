/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker writes into its sample pipe: records of one fixed size, each
 * one write(2), so that they arrive whole (pipe(7): atomic up to PIPE_BUF).
 * Durations are raw nanoseconds; the receiver knows buckets and seconds.
 * A record is zeroed before it is filled: a pipe must not carry stack bytes.
 *
 * The receiver does not trust the writer: wire_check() first.
 */
#ifndef COMMON_WIRE_H
#define COMMON_WIRE_H

#include "common/outcome.h"

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_MAGIC 0x4b4e5731u /* "KNW1" */

enum wire_kind {
	WIRE_HELLO = 1, /* the worker's birth is complete */
	WIRE_HEARTBEAT, /* WIRE_HEARTBEAT_NS apart; it has no body */
	WIRE_SAMPLE,    /* one hop of a check; all of a check in a row */
	WIRE_DNS,       /* one query to one nameserver */
	WIRE_NEIGHBOUR, /* one is there, has changed or has left */
	WIRE_DISCOVERY, /* how the source of neighbours is */
	WIRE_TRAP,      /* the last one: it made a forbidden system call */
	WIRE_BUSY,      /* to CONTROL_DRAIN: a check is under way */
	WIRE_IDLE,      /* after them: no other target's, and none will be */
	WIRE_DNS_LATE,  /* a query that its check did not wait for */
	WIRE_KIND_END
};

#define WIRE_HEARTBEAT_NS 500000000ULL

#define WIRE_DETAIL_BYTES     256
#define WIRE_NAMESERVER_BYTES 64
#define WIRE_NAME_BYTES       254 /* RFC 1123 subdomains and a NUL */
#define WIRE_NAMESPACE_BYTES  64  /* RFC 1123 labels and a NUL */
#define WIRE_ADDRESS_BYTES    46  /* INET6_ADDRSTRLEN */

/* Requests of one check: the first and its redirects. */
#define WIRE_HOPS_MAX 10

/* No time on the pipe is longer than an hour: the longest timeout is 5 min. */
#define WIRE_MAX_NS 3600000000000ULL
/* Counts that a worker says of itself: exact as a double, and no sum of them
 * overflows. */
#define WIRE_MAX_COUNT (1ULL << 53)
/* Of one hop: some dozens for each address of a name, by what tcp(7) allows. */
#define WIRE_MAX_RETRANSMITS (1U << 20)

struct wire_hello {
	uint32_t sandbox_level; /* 2: seccomp and Landlock, 1: seccomp, 0 */
	int32_t pid;            /* as the worker sees it: for the log */
};

struct wire_sample {
	uint32_t target_id;
	uint32_t target_gen; /* a changed target gets a new one */
	uint64_t started_mono_ns;
	uint64_t duration_ns;           /* of this hop: the sum of its phases */
	uint64_t check_duration_ns;     /* all hops; valid when last */
	uint64_t response_ns;           /* start to end of headers; valid with
					   a status */
	uint64_t event_ns[EVENT_COUNT]; /* since the start; valid where events
					   has bit i */
	uint64_t phase_ns[PHASE_COUNT]; /* valid where phases has bit i, else
					   0 */
	uint64_t lateness_ns;           /* the check's start against its timer;
					   valid in hop 0 */
	int64_t cert_not_after_unix_s;  /* 0: no certificate seen */
	int64_t chain_not_after_unix_s; /* 0: no chain was verified */
	uint32_t rtt_us;                /* of a new connection; 0: not known */
	uint32_t retransmits_syn;       /* all attempts of the hop */
	uint32_t retransmits_data;
	int32_t sys_errno;    /* 0: none */
	uint16_t http_status; /* valid with has_status: "000" is an answer */
	uint16_t events;      /* bit per enum event */
	uint16_t phases;      /* bit per enum phase */
	uint8_t outcome;      /* enum outcome */
	uint8_t hop;          /* 0 is the first */
	uint8_t last;         /* 1: the check ends with this hop */
	uint8_t stamped;      /* 1: phase local is by the kernel's stamp */
	uint8_t has_status;   /* 1: a response came */
	uint8_t dns_answered; /* 1: A and AAAA were both answered */
	/* What /alive and the log say, "ok" or the reason: printable text
	 * that may have come from a server. */
	char detail[WIRE_DETAIL_BYTES];
};

struct wire_dns {
	uint32_t target_id;
	uint32_t target_gen;
	uint64_t duration_ns;
	uint32_t result;                        /* enum dns_result */
	char nameserver[WIRE_NAMESERVER_BYTES]; /* address:port */
};

/*
 * The check has an address of the other family, but an application that waits
 * for both hangs.  At each try that fails, and when the query is over.
 */
struct wire_dns_late {
	uint32_t target_id;
	uint32_t target_gen;
	uint64_t waited_ns; /* since the start of the resolution */
	uint8_t ended;      /* 1: no further try will be made */
	uint8_t failed;     /* 1: a try has, or there was no answer at all */
	char detail[WIRE_DETAIL_BYTES]; /* what it met, in words */
};

enum wire_neighbour_flag {
	WIRE_NEIGHBOUR_GONE = 1 << 0, /* the names alone are valid */
	WIRE_NEIGHBOUR_READY = 1 << 1,
	WIRE_NEIGHBOUR_SELF = 1 << 2,     /* this very pod */
	WIRE_NEIGHBOUR_CORDONED = 1 << 3, /* its node is */
	WIRE_NEIGHBOUR_FLAGS_END = 1 << 4,
};

struct wire_neighbour {
	uint64_t node_hash; /* SHA-256 of the node name: first 8 bytes */
	uint32_t flags;
	/* Together the key; the namespace may be empty. */
	char pod_name[WIRE_NAME_BYTES];
	char namespace_name[WIRE_NAMESPACE_BYTES];
	char node_name[WIRE_NAME_BYTES];
	char pod_ip[WIRE_ADDRESS_BYTES];
	char host_ip[WIRE_ADDRESS_BYTES]; /* "": the source does not tell */
};

/* The whole state each time, so that a lost record does no harm. */
struct wire_discovery {
	uint64_t received_bytes; /* since birth, as all that is counted here */
	uint64_t errors[DISCOVERY_ERROR_COUNT];
	uint64_t success_unix_ns; /* the last answer; 0: none yet */
	uint64_t own_node_hash;
	uint8_t up;
	uint8_t complete; /* every neighbour there is has been written */
	uint8_t own_cordoned;
	char own_node_name[WIRE_NAME_BYTES];
	char detail[WIRE_DETAIL_BYTES]; /* why it is not up, or "" */
};

struct wire_trap {
	int32_t call_number; /* of the architecture of both programs */
	uint32_t reserved;
};

struct wire_busy {
	uint32_t target_id;
	uint32_t target_gen;
};

struct wire_record {
	uint32_t magic;
	uint32_t kind;
	uint32_t worker_gen; /* birth number: a record of another one is
				nonsense */
	uint32_t reserved;
	uint64_t checks_started;  /* since birth, this one included */
	uint64_t records_dropped; /* checks since birth for whose samples the
				     pipe had no room */
	union {
		struct wire_hello hello;
		struct wire_sample sample;
		struct wire_dns dns;
		struct wire_dns_late dns_late;
		struct wire_neighbour neighbour;
		struct wire_discovery discovery;
		struct wire_trap trap;
		struct wire_busy busy;
	} body;
};

_Static_assert(
	sizeof(struct wire_record) <= PIPE_BUF, "one write must be atomic");

/* Zeroes it and fills the head. */
void wire_init(
	struct wire_record *record, enum wire_kind kind, uint32_t worker_gen);
/* Copies a text into a field of a record, cut and terminated. */
void wire_set_text(char *field, size_t field_bytes, const char *text);
/*
 * 0, or -EPROTO for a record that no worker of ours with this birth number
 * writes: kind, enums, bit masks, unterminated text, times and counts out of
 * range, addresses that are none, an outcome that contradicts the status, or
 * phases that do not sum to the duration.
 */
int wire_check(const struct wire_record *record, uint32_t worker_gen);
/*
 * One record.  0; -EAGAIN: the pipe is full, the record is lost; -EPIPE: the
 * reader is gone.
 */
int wire_write(int fd, const struct wire_record *record);
/*
 * Up to count records.  The number read; 0: nothing there now; -EPIPE: the
 * writer closed its end; -EPROTO: a torn record, the stream is lost.
 */
int wire_read(int fd, struct wire_record *ret_records, unsigned count);

#endif
