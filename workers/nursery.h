/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nursery: the process from which all workers are born.  It initialises
 * the libraries and loads the CAs once, so that workers share those pages, and
 * then only waits for requests.  It talks to the supervisor alone.
 */
#ifndef WORKERS_NURSERY_H
#define WORKERS_NURSERY_H

/* Inherited descriptors of the nursery, by fixed number. */
enum nursery_fd {
	NURSERY_FD_CONTROL = 3,    /* SOCK_SEQPACKET to the supervisor */
	NURSERY_FD_SETTINGS = 4,   /* sealed memory file: control_nursery */
	NURSERY_FD_EXECUTABLE = 5, /* this program, to renew itself */
};

/* Serves until the supervisor's end closes.  The exit code; in a worker, which
 * is born inside, the worker's. */
int nursery_run(char **argv);

#endif
