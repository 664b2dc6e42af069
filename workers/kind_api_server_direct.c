/* SPDX-License-Identifier: Apache-2.0 */
/*
 * https://HOST:PORT/version of the API server by its address: the way without
 * cluster DNS.  Sends the token.
 */
#include "workers/kind.h"
#include "workers/prober.h"

const struct worker_kind kind_api_server_direct = {
	.type = WORKER_API_SERVER_DIRECT,
	.body = &prober_body,
	.reads_token = true,
	.is_api_server = true,
};
