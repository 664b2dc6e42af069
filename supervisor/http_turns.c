/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for others; see http_turns.h. */
#include "supervisor/http_turns.h"

#include "supervisor/http_curtain.h"

#include <limits.h>
#include <stddef.h>

/* Measured: some 10 us each, so that nobody else waits for longer than a third
 * of a millisecond. */
#define PIPELINED_PER_TURN 32

static void
take_out(struct http_client *client)
{
	struct http_daemon *daemon = client->daemon;

	if (client->before != NULL)
		client->before->behind = client->behind;
	else
		daemon->first_waiting = client->behind;
	if (client->behind != NULL)
		client->behind->before = client->before;
	else
		daemon->last_waiting = client->before;
	client->before = client->behind = NULL;
	client->waits = false;
}

static void
let_go(struct http_daemon *daemon, unsigned max)
{
	daemon->pipelined_left = max;
	while (daemon->first_waiting != NULL && daemon->pipelined_left > 0) {
		struct http_client *client = daemon->first_waiting;

		daemon->pipelined_left--;
		take_out(client);
		client->may_go = true;
		MHD_resume_connection(client->connection);
	}
}

void
http_turns_begin(struct http_daemon *daemon)
{
	daemon->n_runs++;
	let_go(daemon, PIPELINED_PER_TURN);
}

void
http_turns_release(struct http_daemon *daemon)
{
	let_go(daemon, UINT_MAX);
}

bool
http_turns_may_go(struct http_client *client)
{
	struct http_daemon *daemon = client->daemon;

	if (client->may_go || !client->is_pipelined) {
		client->may_go = false;
		return true;
	}
	if (daemon->pipelined_left > 0 && daemon->first_waiting == NULL) {
		daemon->pipelined_left--;
		return true;
	}
	client->waits = true;
	client->before = daemon->last_waiting;
	if (daemon->last_waiting != NULL)
		daemon->last_waiting->behind = client;
	else
		daemon->first_waiting = client;
	daemon->last_waiting = client;
	MHD_suspend_connection(client->connection);
	return false;
}

void
http_turns_forget(struct http_client *client)
{
	if (client->waits)
		take_out(client);
}
