/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor locks itself in when the nursery is up and the listeners are
 * open: from then on it starts no program, connects to nobody, writes no file,
 * and reads those directories only in which the configuration at the start had
 * its files.
 */
#ifndef SUPERVISOR_SANDBOX_H
#define SUPERVISOR_SANDBOX_H

#include "supervisor/conf.h"

#include <stdbool.h>

/*
 * Logs what is missing.  0, or a negative errno when the configuration requires
 * all of it, or there was no memory to make it.
 */
int supervisor_sandbox_enter(
	const struct conf *conf, const struct conf_input *input);
/* False: this process can no longer read there. */
bool supervisor_sandbox_reaches(const char *path);
/*
 * The first file that the configuration names and that lies where this process
 * can no longer read; NULL: there is none.
 */
const char *supervisor_sandbox_out_of_reach(const struct conf *conf);

#endif
