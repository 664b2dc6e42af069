/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the nursery for a worker: its pipe, its control socket, and the boot
 * message that waits for it there.  The nursery's answer comes later, to
 * worker_pool_born.
 */
#ifndef SUPERVISOR_WORKER_BIRTH_H
#define SUPERVISOR_WORKER_BIRTH_H

#include "supervisor/worker_slot.h"

#include <stdbool.h>

/* Whether its worker will check anything by https. */
bool worker_birth_needs_tls(const struct worker_slot *slot);
/*
 * The process, one of the slot's and FREE, is ASKED then.  0 or a negative
 * errno; when it is ASKED nevertheless, it has to be ended as unborn.
 */
int worker_birth_ask(struct worker_slot *slot, struct worker_process *process);

#endif
