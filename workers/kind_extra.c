/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The extra checks of the configuration, all in one process.  Their headers
 * come with the target; the token never goes there.  What they check belongs to
 * others, who may move it to another host.
 */
#include "workers/kind.h"
#include "workers/prober.h"

const struct worker_kind kind_extra = {
	.type = WORKER_EXTRA,
	.body = &prober_body,
	.leaves_host = true,
	.reaches_unix = true,
};
