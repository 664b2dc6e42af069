/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's sandbox; see sandbox.h. */
#include "supervisor/sandbox.h"

#include "common/control.h"
#include "common/log.h"
#include "common/sandbox.h"
#include "supervisor/service_account.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct reach {
	struct sandbox_grant *grants; /* their paths are real ones, and ours */
	size_t count;
	bool limited; /* Landlock holds */
	bool failed;  /* no memory */
};

static struct reach reach;

/* Whether the path is the directory, or beneath it.  Both are real paths. */
static bool
is_beneath(const char *path, const char *directory)
{
	size_t len = strlen(directory);

	if (strcmp(directory, "/") == 0)
		return true;
	return strncmp(path, directory, len) == 0 &&
	       (path[len] == '/' || path[len] == '\0');
}

static bool
is_reached(const char *real_path)
{
	for (size_t i = 0; i < reach.count; i++)
		if (is_beneath(real_path, reach.grants[i].path))
			return true;
	return false;
}

/* What holds the token is never granted as a whole. */
static bool
holds_token(const char *directory)
{
	char token[PATH_MAX];

	if (strcmp(directory, "/") == 0)
		return true;
	return realpath(SERVICE_ACCOUNT_DIR, token) != NULL &&
	       is_beneath(token, directory);
}

static bool
is_token(const char *real_path)
{
	char token[PATH_MAX];

	return realpath(SERVICE_ACCOUNT_TOKEN, token) != NULL &&
	       strcmp(token, real_path) == 0;
}

static void
grant(enum sandbox_place place, const char *real_path)
{
	struct sandbox_grant *grown;

	if (is_reached(real_path))
		return;
	grown = realloc(reach.grants, (reach.count + 1) * sizeof(*grown));
	if (grown != NULL) {
		reach.grants = grown;
		grown[reach.count].place = place;
		grown[reach.count].path = strdup(real_path);
	}
	if (grown == NULL || grown[reach.count].path == NULL)
		reach.failed = true;
	else
		reach.count++;
}

/*
 * The directory of the name and the directory of the file that it stands for:
 * files are replaced by renaming, ConfigMaps by another link beside them.
 */
static void
grant_file(enum sandbox_place place, const char *path)
{
	char copy[PATH_MAX], real[PATH_MAX], file[PATH_MAX];

	if (path[0] == '\0' || strlen(path) >= sizeof(copy))
		return;
	strcpy(copy, path);
	if (realpath(dirname(copy), real) != NULL && !holds_token(real))
		grant(place, real);
	if (realpath(path, file) == NULL)
		return;
	strcpy(copy, file);
	if (!holds_token(dirname(copy)))
		grant(place, copy);
	else if (!is_token(file))
		grant(place,
			file); /* this one alone; another needs a restart */
}

static void
grant_all(const struct conf *conf, const struct conf_input *input)
{
	grant_file(SANDBOX_PLACE_CONF, conf_input_path(input));
	grant_file(SANDBOX_PLACE_NAMED, conf->cert_file);
	grant_file(SANDBOX_PLACE_NAMED, conf->cert_key);
	for (size_t i = 0; i < conf->checks.n_checks; i++) {
		for (size_t j = 0; j < CONTROL_FILE_COUNT; j++)
			grant_file(SANDBOX_PLACE_NAMED,
				conf_check_file(&conf->checks.checks[i], j));
	}
}

/* No log_write: it may be in the middle of a line when it is interrupted. */
static void
on_trap(int call_number, unsigned arch)
{
	char line[128];
	int len = snprintf(line, sizeof(line),
		"kubenurse: forbidden system call %d (architecture %#x), "
		"ending\n",
		call_number, arch);

	/* it must end, whoever reads the log */
	if (!log_has_room() || write(STDERR_FILENO, line, (size_t)len) < 0)
		return;
}

/* A port below 1024 may come with a reload. */
static int
drop_rights(void)
{
	const struct rlimit none = { 0, 0 };
	int rc = sandbox_drop_rights(1ULL << CAP_NET_BIND_SERVICE);

	if (rc < 0)
		return rc;
	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	/* a sanitizer's leak check is a thread of its own */
	if (!SANDBOX_HAS_SANITIZER && setrlimit(RLIMIT_NPROC, &none) < 0)
		return -errno;
	return 0;
}

int
supervisor_sandbox_enter(
	const struct conf *conf, const struct conf_input *input)
{
	struct sandbox_wish wish = {
		.role = SANDBOX_SUPERVISOR,
		.mode = (enum sandbox_mode)conf->sandbox,
		.on_trap = on_trap,
	};
	struct sandbox_state state;
	int rc;

	_Static_assert((int)SANDBOX_REQUIRE == (int)CONF_SANDBOX_REQUIRE &&
			       (int)SANDBOX_OFF == (int)CONF_SANDBOX_OFF,
		"one order");
	if (wish.mode == SANDBOX_OFF) /* of calls and files, and no more */
		return drop_rights();
	grant_all(conf, input);
	if (reach.failed)
		return -ENOMEM;
	rc = SANDBOX_HAS_SANITIZER ? 0
				   : sandbox_filter_prepare(SANDBOX_SUPERVISOR);
	/* what a child did not survive this process would not; what else is
	 * wrong sandbox_enter finds again, and says */
	if (rc == -ENOMEM || rc == -ETIME)
		return rc;
	rc = drop_rights();
	if (rc < 0)
		return rc;
	wish.grants = reach.grants;
	wish.n_grants = reach.count;
	rc = sandbox_enter(&wish, &state);
	reach.limited = state.landlock_error == 0;
	if (state.level < 2)
		sandbox_log_missing(&state);
	return rc;
}

/* Where it does not exist, its directory counts: it may come there. */
static bool
can_reach(const char *path)
{
	char copy[PATH_MAX], real[PATH_MAX];

	if (path[0] == '\0')
		return true;
	if (realpath(path, real) != NULL)
		return is_reached(real);
	if (strlen(path) >= sizeof(copy))
		return true; /* nobody can open it */
	strcpy(copy, path);
	return realpath(dirname(copy), real) == NULL || is_reached(real);
}

bool
supervisor_sandbox_reaches(const char *path)
{
	return !reach.limited || can_reach(path);
}

const char *
supervisor_sandbox_out_of_reach(const struct conf *conf)
{
	if (!reach.limited)
		return NULL;
	for (size_t i = 0; i < conf->checks.n_checks; i++) {
		const struct conf_check *check = &conf->checks.checks[i];

		for (size_t j = 0; j < CONTROL_FILE_COUNT; j++)
			if (!can_reach(conf_check_file(check, j)))
				return conf_check_file(check, j);
	}
	return NULL;
}
