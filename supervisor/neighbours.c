/* SPDX-License-Identifier: Apache-2.0 */
/* Neighbours; see neighbours.h. */
#include "supervisor/neighbours.h"

#include "supervisor/plan.h"

#include <stdio.h>
#include <string.h>

void
neighbours_init(struct neighbours *neighbours, const struct conf *conf)
{
	neighbours->conf = conf;
}

int
neighbours_plan(struct neighbours *neighbours, struct target_table *table,
	uint64_t now_ns)
{
	const struct conf *conf = neighbours->conf;
	size_t count = conf->neighbours.n_neighbours;
	int rc = 0;

	target_table_begin(table, WORKER_PATH);
	for (size_t i = 0; i < count && rc == 0 && conf->check_neighbourhood;
		i++) {
		const struct conf_neighbour *n = &conf->neighbours.neighbours[i];
		char url[256], label[300];
		struct target_spec spec;

		plan_fill_defaults(&spec, conf);
		snprintf(label, sizeof(label), "path_%s", n->name);
		snprintf(url, sizeof(url),
			strchr(n->address, ':') ? "http%s://[%s]:%u/alwayshappy"
						: "http%s://%s:%u/alwayshappy",
			conf->use_tls ? "s" : "", n->address,
			conf->neighbour_port);
		spec.key = n->name;
		spec.label = label;
		spec.url = url;
		spec.origin = conf->pod_name;
		rc = target_table_want(table, WORKER_PATH, &spec,
			plan_stagger_ns(conf, i, count));
	}
	target_table_end(table, WORKER_PATH, now_ns);
	return rc;
}

int
neighbours_open_view(struct neighbours *neighbours, struct alive_view *view)
{
	view->neighbourhood_enabled = neighbours->conf->check_neighbourhood;
	view->neighbourhood_state =
		view->neighbourhood_enabled ? "ok" : "skipped";
	return 0;
}

void
neighbours_close_view(struct neighbours *neighbours, struct alive_view *view)
{
	(void)neighbours;
	(void)view;
}
