/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells a worker about a target: its specification, with the files it names
 * opened here (for the worker may not), or that it is gone.
 */
#ifndef SUPERVISOR_TARGET_MESSAGE_H
#define SUPERVISOR_TARGET_MESSAGE_H

#include "supervisor/target.h"
#include "supervisor/worker_process.h"

/*
 * By target->news.  0 or a negative errno of worker_process_send(); -EMFILE,
 * -ENFILE, -ENOMEM: nothing was sent, for a file could not be opened for now.
 */
int target_message_send(
	struct worker_process *process, const struct target *target);

#endif
