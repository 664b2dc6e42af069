/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a step on a non-blocking stream can answer.  Every state machine of the
 * probers is driven by these six, plain and under TLS alike.
 */
#ifndef COMMON_IO_H
#define COMMON_IO_H

enum io_result {
	IO_DONE,       /* the step is complete, go on with the next */
	IO_WANT_READ,  /* call again when the descriptor is readable */
	IO_WANT_WRITE, /* call again when the descriptor is writable */
	IO_AGAIN,      /* enough for now: call again in the loop's next turn */
	IO_EOF,        /* the peer ended the stream */
	IO_ERROR,      /* it failed; the object holds errno or a text */
};

#endif
