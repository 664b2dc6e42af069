/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /alwayshappy of this program through the ingress, from outside as it were.
 * No rights, no headers of its own.
 */
#include "workers/kind.h"
#include "workers/prober.h"

const struct worker_kind kind_me_ingress = {
	.type = WORKER_ME_INGRESS,
	.body = &prober_body,
};
