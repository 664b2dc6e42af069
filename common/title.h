/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name of a process in ps(1) and /proc/PID/comm.  It is written over the
 * argument and environment strings, so that neither says anything else any
 * more.
 */
#ifndef COMMON_TITLE_H
#define COMMON_TITLE_H

/*
 * First of all in main: moves the environment away.  What it allocates lives
 * as long as the process.
 */
void title_init(int argc, char **argv);
/* Sets "kubenurse: NAME"; cut to the room there is. */
void title_set(const char *name);

#endif
