/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /alwayshappy of each selected neighbour.  Says who asks, so that the neighbour
 * can count who checks it.
 */
#include "workers/kind.h"

const struct worker_kind kind_path = {
	.type = WORKER_PATH,
	.sends_origin = true,
};
