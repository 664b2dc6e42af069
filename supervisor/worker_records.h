/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a record of a worker means for the counters, the targets, the neighbours
 * and the worker itself.  Each has been checked by wire_check; what is of
 * targets it never got, or nothing that its kind may say, is its death.
 */
#ifndef SUPERVISOR_WORKER_RECORDS_H
#define SUPERVISOR_WORKER_RECORDS_H

#include "supervisor/worker_slot.h"

/* The process is one of a slot's. */
void worker_records_take(
	struct worker_process *process, const struct wire_record *record);

#endif
