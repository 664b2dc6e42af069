#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Birth, life and death of the whole program: it starts from the build
# directory, checks, shows what it found, and stops; and it says what is wrong
# with a configuration.
# shellcheck source=tests/lib/harness.sh
. "$(dirname "$0")/../lib/harness.sh"

read -r port < <(free_ports 1)
cat >"$WORK/good.ini" <<INI
[kubenurse]
listen = 127.0.0.1:$port
check_interval = 200ms
shutdown_duration = 0s
ingress_url = http://127.0.0.1:$port
service_url = http://127.0.0.1:$port
neighbour_source = static
neighbour_port = $port
[check absent]
url = http://127.0.0.1:1/
[neighbours]
neighbour = here 127.0.0.1
INI
cat >"$WORK/bad.ini" <<INI
[kubenurse]
no_such_key = 1
check_interval = never
INI

version=$("$BUILD/kubenurse" --version 2>&1)
is '--version succeeds' "$?" 0
like '--version says the version' "$version" '2\.0\.0'
"$BUILD/kubenurse" --help >"$WORK/help" 2>&1
is '--help succeeds' "$?" 0
"$BUILD/kubenurse" --no-such-option >"$WORK/usage" 2>&1
is 'an unknown option: exit status 2' "$?" 2
"$BUILD/kubenurse" --config "$WORK/good.ini" --check-config >"$WORK/check" 2>&1
is '--check-config succeeds on a good file' "$?" 0
"$BUILD/kubenurse" --config "$WORK/bad.ini" --check-config >"$WORK/check" 2>&1
is '--check-config on a bad one: exit status 2' "$?" 2
like 'it names the unknown key' "$(cat "$WORK/check")" \
	'bad\.ini:2: .*no_such_key'
like 'and in the same run the bad duration' "$(cat "$WORK/check")" \
	'bad\.ini:3: .*check_interval'
"$BUILD/kubenurse" --config "$WORK/bad.ini" >"$WORK/start" 2>&1 </dev/null
is 'it does not start with a bad one' "$?" 2

start doctor "$BUILD/kubenurse" --config "$WORK/good.ini"
ok '/alive turns 200' wait_status "$port" /alive 200 || done_testing
is '/alwayshappy is' "$(http_status "$port" /alwayshappy)" 200
is '/ready is' "$(http_status "$port" /ready)" 200
is 'anything else is redirected' "$(http_status "$port" /x)" 301

has_metric()
{
	[ -n "$(metric "$port" "$1")" ]
}
for type in me_ingress me_service path_here; do
	ok "$type succeeds" wait_for has_metric \
		"kubenurse_httpclient_requests_total\\{type=\"$type\",code=\"200\"\\}"
done
ok 'what cannot be reached is an error' wait_for has_metric \
	'kubenurse_errors_total\{type="absent",event="connect_done"\}'
like '/alive tells the results' "$(http_body "$port" /alive)" \
	'"me_ingress": "ok"'

start second "$BUILD/kubenurse" --config "$WORK/good.ini"
join "${PID[second]}"
is 'a port that is taken: exit status 1' "$?" 1
unset 'PID[second]'

supervisor=${PID[doctor]}
children=$(cat "/proc/$supervisor/task/$supervisor/children")
stop doctor TERM
is 'SIGTERM: exit status 0' "$?" 0
nobody_left()
{
	local pid
	for pid in $children; do
		[ ! -e "/proc/$pid" ] || return 1
	done
}
ok 'no worker outlives it' wait_for nobody_left

done_testing
