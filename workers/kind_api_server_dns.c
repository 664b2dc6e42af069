/* SPDX-License-Identifier: Apache-2.0 */
/*
 * https://NAME:PORT/version of the API server by its service name: the way
 * through cluster DNS.  Sends the token.
 */
#include "workers/kind.h"
#include "workers/prober.h"

const struct worker_kind kind_api_server_dns = {
	.type = WORKER_API_SERVER_DNS,
	.body = &prober_body,
	.reads_token = true,
	.is_api_server = true,
};
