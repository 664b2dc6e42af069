/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's sandbox; see sandbox.h. */
#include "workers/sandbox.h"

#include "common/sandbox.h"
#include "workers/worker.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* CAs of SSL_CERT_DIR, a list, are granted up to this number. */
#define GRANTS_MAX 16

struct grants {
	struct sandbox_grant list[GRANTS_MAX];
	size_t count;
	char token_directory[PATH_MAX];
	char *certificate_directories; /* a copy, in pieces */
};

/* The one worker of this process: a signal handler gets no argument. */
static struct worker *trapped;

static void
on_trap(int call_number, unsigned arch)
{
	struct wire_record record;

	(void)arch; /* the filter lets no other one come here */
	wire_init(&record, WIRE_TRAP, trapped->gen);
	record.body.trap.call_number = call_number;
	worker_emit(trapped, &record);
}

static enum sandbox_role
role_of(const struct worker *worker)
{
	const struct worker_kind *kind = worker->kind;

	if (kind->type == WORKER_DISCOVERY)
		return SANDBOX_DISCOVERY;
	if (kind->reaches_unix && worker->has_unix)
		return SANDBOX_UNIX_PROBER;
	return kind->reads_token ? SANDBOX_API_PROBER : SANDBOX_PROBER;
}

static void
add(struct grants *grants, enum sandbox_place place, const char *path)
{
	if (path == NULL || *path == '\0' || grants->count == GRANTS_MAX)
		return;
	grants->list[grants->count].place = place;
	grants->list[grants->count].path = path;
	grants->count++;
}

/* CAs are loaded here when the first https target comes late (trust.h). */
static void
add_cas(struct grants *grants, const struct control_nursery *settings)
{
	const char *list = getenv("SSL_CERT_DIR");
	char *save = NULL;

	add(grants, SANDBOX_PLACE_CA, settings->service_ca_path);
	add(grants, SANDBOX_PLACE_CA, settings->extra_ca_path);
	add(grants, SANDBOX_PLACE_CA, getenv("SSL_CERT_FILE"));
	grants->certificate_directories = list != NULL ? strdup(list) : NULL;
	if (grants->certificate_directories == NULL)
		return;
	for (char *path = strtok_r(grants->certificate_directories, ":", &save);
		path != NULL; path = strtok_r(NULL, ":", &save))
		add(grants, SANDBOX_PLACE_CA, path);
}

static void
add_token(struct grants *grants, const struct control_nursery *settings)
{
	char *slash;

	snprintf(grants->token_directory, sizeof(grants->token_directory), "%s",
		settings->token_path);
	slash = strrchr(grants->token_directory, '/');
	if (slash == NULL || slash == grants->token_directory)
		return;
	*slash = '\0';
	add(grants, SANDBOX_PLACE_TOKEN, grants->token_directory);
}

int
worker_sandbox_enter(struct worker *worker)
{
	static struct grants grants;
	struct sandbox_wish wish = {
		.role = role_of(worker),
		.mode = (enum sandbox_mode)worker->settings->sandbox,
		.grants = grants.list,
		.on_trap = on_trap,
	};
	struct sandbox_state state;
	int rc;

	trapped = worker;
	grants.count = 0;
	add_cas(&grants, worker->settings);
	add_token(&grants, worker->settings);
	wish.n_grants = grants.count;
	rc = sandbox_enter(&wish, &state);
	free(grants.certificate_directories);
	worker->sandbox_level = state.level;
	if (wish.mode != SANDBOX_OFF && state.level < 2)
		sandbox_log_missing(&state);
	return rc;
}
