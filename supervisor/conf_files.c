/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that a configuration names, seen by the user that has to read
 * them: by --check-config, and at the start of a program that was root.
 */
#include "supervisor/check_files.h"
#include "supervisor/conf.h"
#include "supervisor/conf_table.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *
conf_file_error(const char *path)
{
	int fd = check_files_open(path);
	const char *error = NULL;
	struct stat st;

	if (fd < 0)
		return strerror(-fd);
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		error = S_ISDIR(st.st_mode) ? "it is a directory"
					    : "it is a pipe or a device";
	close(fd);
	return error;
}

static void
log_unreadable(
	const char *path, const char *key, const char *check, const char *user)
{
	const char *error = path[0] != '\0' ? conf_file_error(path) : NULL;

	if (error != NULL)
		LOG_WARN("the user of this program cannot read a file of the "
			 "configuration",
			LOG_STR("user", user), LOG_STR("file", path),
			LOG_STR("key", key), LOG_STR("check", check),
			LOG_STR("error", error));
}

static void
log_object(const void *object, enum conf_section section, const char *check,
	const char *user)
{
	for (size_t i = 0; i < conf_n_keys; i++) {
		const struct conf_key *key = &conf_keys[i];
		const void *field = (const char *)object + key->offset;

		if (key->section == section && key->type == CONF_FILE)
			log_unreadable(
				*(char *const *)field, key->name, check, user);
	}
}

void
conf_log_unreadable(const struct conf *conf, const struct conf_input *input)
{
	const char *path = conf_input_path(input), *user = input->user;
	const char *error;

	if (user == NULL)
		return;
	error = conf->from_ini ? conf_file_error(path) : NULL;
	if (error != NULL)
		LOG_WARN("the user of this program cannot read its "
			 "configuration: a reload will be refused",
			LOG_STR("user", user), LOG_STR("file", path),
			LOG_STR("error", error),
			LOG_STR("hint", "let this user or its group read it, "
					"as with chgrp and chmod 0640"));
	log_object(conf, CONF_SECTION_KUBENURSE, "", user);
	for (size_t i = 0; i < conf->checks.n_checks; i++)
		log_object(&conf->checks.checks[i], CONF_SECTION_CHECK,
			conf->checks.checks[i].name, user);
}
