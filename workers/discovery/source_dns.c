/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/discovery/discovery.h"
#include <errno.h>
static int start(struct discovery *d) { discovery_failed(d, DISCOVERY_ERROR_SERVER, "not built"); return 0; }
static void stop(struct discovery *d) { (void)d; }
const struct discovery_source discovery_source_dns = { .start = start, .stop = stop };
