/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker locks itself in, by its kind and by what was fixed when the program
 * started: no message of the supervisor has a say in it.
 */
#ifndef WORKERS_SANDBOX_H
#define WORKERS_SANDBOX_H

struct worker;

/*
 * The last step of birth; from now on a forbidden call is reported over the
 * sample pipe and ends the process.  Sets worker->sandbox_level and logs what
 * is missing.  A negative errno when all of it was required.
 */
int worker_sandbox_enter(struct worker *worker);

#endif
