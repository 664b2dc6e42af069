/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a worker believes; see trust.h. */
#include "workers/trust.h"

#include "common/control.h"
#include "common/log.h"
#include "common/strbuf.h"
#include "workers/ca.h"
#include "workers/target.h"
#include "workers/tls.h"
#include "workers/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBLEMS_MAX_BYTES 4096

static struct tls_trust *base_trust;
static struct tls_trust *insecure_trust;

/* Each source that fails has left a line; the others are in place. */
static void
log_problems(struct strbuf *problems)
{
	char *text = strbuf_take(problems), *save = NULL;

	if (text == NULL)
		return;
	for (char *line = strtok_r(text, "\n", &save); line != NULL;
		line = strtok_r(NULL, "\n", &save))
		LOG_ERROR("CAs cannot be used", LOG_STR("error", line));
	free(text);
}

void
trust_load(const struct control_nursery *settings)
{
	struct strbuf problems;

	if (base_trust != NULL)
		return;
	base_trust = tls_trust_new(NULL, false);
	if (base_trust == NULL)
		return;
	strbuf_init(&problems, PROBLEMS_MAX_BYTES);
	ca_load_system(base_trust, &problems);
	/* outside of a cluster there is none: no trouble */
	if (settings->service_ca_path[0] != '\0')
		ca_load_file(base_trust, settings->service_ca_path, &problems);
	if (settings->extra_ca_path[0] != '\0')
		ca_load_file(base_trust, settings->extra_ca_path, &problems);
	log_problems(&problems);
}

struct tls_trust *
trust_with_file(const struct control_nursery *settings, const char *path,
	int fd, char *ret_error, size_t cap_bytes)
{
	struct tls_trust *trust;
	struct strbuf problems;
	int error;

	trust_load(settings);
	trust = tls_trust_new(base_trust, false);
	if (trust == NULL) {
		snprintf(ret_error, cap_bytes, "%s: no memory for it", path);
		return NULL;
	}
	strbuf_init(&problems, PROBLEMS_MAX_BYTES);
	error = ca_load_fd(trust, fd, path, &problems);
	if (error < 0 && error != -EBADMSG) {
		int len = (int)strcspn(strbuf_text(&problems), "\n");

		snprintf(ret_error, cap_bytes, "%.*s", len,
			strbuf_text(&problems));
		tls_trust_free(trust);
		trust = NULL;
	}
	log_problems(&problems);
	return trust;
}

static const struct tls_trust *
anybody(void)
{
	if (insecure_trust == NULL)
		insecure_trust = tls_trust_new(NULL, true);
	return insecure_trust;
}

const struct tls_trust *
trust_for_api_server(const struct control_nursery *settings)
{
	if (settings->api_insecure)
		return anybody();
	trust_load(settings);
	return base_trust;
}

const struct tls_trust *
trust_for(const struct target *target)
{
	if (target->insecure)
		return anybody();
	if (target->own_trust != NULL)
		return target->own_trust;
	trust_load(target->worker->settings);
	return base_trust;
}
