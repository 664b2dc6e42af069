/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /alwayshappy of each selected neighbour.  Says who asks, so that the
 * neighbour can count who checks it.
 */
#include "workers/kind.h"
#include "workers/prober.h"

const struct worker_kind kind_path = {
	.type = WORKER_PATH,
	.body = &prober_body,
	.sends_origin = true,
};
