/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubenurse-worker: started once by kubenurse, as the nursery.  Not meant to
 * be started by hand.
 */
#include "common/heap.h"
#include "common/title.h"
#include "workers/nursery.h"

int
main(int argc, char **argv)
{
	heap_give_back_large();
	title_init(argc, argv);
	return nursery_run(argv);
}
