/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of resourceVersions.  Kubernetes has long called them opaque; from
 * 1.35 on they are documented to be decimal numbers of any length that can be
 * compared within a resource (KEP-5504), which those of etcd always were.
 */
#ifndef WORKERS_DISCOVERY_RESOURCE_VERSION_H
#define WORKERS_DISCOVERY_RESOURCE_VERSION_H

#include <stdbool.h>

/* False also where one of them is no number: then nothing is known. */
bool resource_version_is_older(const char *version, const char *than);

#endif
