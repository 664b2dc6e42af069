#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The harness itself: servers are found by what they say, ended with the test,
# and a namespace is a network of its own.
# shellcheck source=tests/lib/harness.sh
. "$(dirname "$0")/../lib/harness.sh"
need_netns "$@"

is 'nobody else is in the network' "$(ip -o link | wc -l)" 1
read -r port other < <(free_ports 2)
ok 'two free ports differ' [ "$port" != "$other" ]
start server python3 -u -m http.server --bind 127.0.0.1 --directory "$WORK" \
	"$port"
echo hello >"$WORK/hello"
like 'a line is waited for' "$(wait_line server 'Serving HTTP')" "$port"
is 'status' "$(http_status "$port" /hello)" 200
is 'body' "$(http_body "$port" /hello)" hello
is 'another status' "$(http_status "$port" /nothing)" 404
stop server INT
is 'it was interrupted, and said so' "$?" 0
ok 'nobody answers any more' [ -z "$(http_status "$port" /hello)" ]
done_testing
