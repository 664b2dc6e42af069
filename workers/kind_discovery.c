/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the neighbours.  Asks the API server, when they are its pods, with the
 * service account's token; checks nobody.
 */
#include "workers/discovery/discovery.h"
#include "workers/kind.h"

const struct worker_kind kind_discovery = {
	.type = WORKER_DISCOVERY,
	.body = &discovery_body,
	.reads_token = true,
	.is_api_server = true,
};
