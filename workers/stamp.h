/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receive stamps of the kernel: when a segment arrived, whether or not this
 * process was running (Documentation/networking/timestamping.rst).  The kernel
 * stamps with the wall clock; what leaves this module is CLOCK_MONOTONIC.
 */
#ifndef WORKERS_STAMP_H
#define WORKERS_STAMP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Ancillary bytes of one message with a stamp (three timespecs, a header). */
#define STAMP_CONTROL_BYTES 128

/* 0 or a negative errno; without stamps a socket works as before. */
int stamp_enable(int fd);
/*
 * The kernel switches stamping on with the first socket that asks for it and
 * off with the last, and lazily: what arrives in between has no stamp.  A
 * worker holds this idle UDP socket for its life.  A descriptor, to be closed
 * by the caller, or a negative errno.
 */
int stamp_holder_open(void);
/*
 * The stamp in what recvmsg(2) filled in, carried over to CLOCK_MONOTONIC by
 * the offset of this moment: call it at once.  0: there is none.
 */
uint64_t stamp_of_message(struct msghdr *message);
/*
 * The stamp if it can be true, else 0: an answer cannot arrive before its
 * request was written (earliest) nor after now.  A stamp outside was carried
 * over while the wall clock stepped, or belongs to something older.
 */
uint64_t stamp_in_window(uint64_t stamp_mono_ns, uint64_t earliest_mono_ns,
	uint64_t now_mono_ns);

#endif
