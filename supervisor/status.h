/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the endpoints show of the supervisor's state: the view of /alive, a
 * reader of /metrics, and whether the first round has ended.
 */
#ifndef SUPERVISOR_STATUS_H
#define SUPERVISOR_STATUS_H

#include "supervisor/http_source.h"

#include <stdbool.h>
#include <stdint.h>

struct supervisor;

/* What http_server_open() gets; arg is the supervisor. */
struct http_source status_source(struct supervisor *supervisor);
/*
 * Whether every target of the first plan has a result, or has had its time;
 * with nothing to check, at once.  Once true it stays true.
 */
bool status_first_round_ended(struct supervisor *supervisor);

#endif
