/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /alwayshappy of this program through its service's address.  No rights, no
 * headers of its own.
 */
#include "workers/kind.h"
#include "workers/prober.h"

const struct worker_kind kind_me_service = {
	.type = WORKER_ME_SERVICE,
	.body = &prober_body,
};
