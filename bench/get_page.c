/* SPDX-License-Identifier: Apache-2.0 */
/*
 * get_page: prints what a port of this machine answers to a GET.  The scripts
 * need nothing but a shell and awk beside it.  Exits 1 unless it is a 200.
 */
#include "bench/args.h"
#include "bench/http_get.h"

#include <errno.h>

int
main(int argc, char **argv)
{
	struct http_get_answer answer = { .status = 0 };
	struct http_get_request request = { .copy_to = stdout };
	int error;

	if (argc != 3) {
		fprintf(stderr, "usage: get_page PORT PATH\n");
		return 2;
	}
	request.port = (uint16_t)args_number("PORT", argv[1], 1, UINT16_MAX);
	request.path = argv[2];
	error = http_get(&request, &answer);
	errno = -error;
	if (error < 0)
		die("port %s", argv[1]);
	if (answer.status != 200)
		die("port %s: status %d", argv[1], answer.status);
	if (fflush(stdout) != 0)
		die("writing");
	return 0;
}
