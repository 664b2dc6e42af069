/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of workers; see kind.h. */
#include "workers/kind.h"

#include <stddef.h>

const struct worker_kind *
kind_find(unsigned worker_type)
{
	static const struct worker_kind *const kinds[] = {
		&kind_api_server_direct,
		&kind_api_server_dns,
		&kind_me_ingress,
		&kind_me_service,
		&kind_path,
		&kind_extra,
		&kind_discovery,
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i]->type == worker_type)
			return kinds[i];
	return NULL;
}
