#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Tries kubenurse.service for real.  To be run as root on a machine (or in a
# container) that systemd has booted and where `make install` was made; leaves
# the unit stopped and the configuration as it found it.  SANDBOX_LEVEL=1: the
# kernel has no Landlock.  Closes with `N passed, N failed`.
set -u
config=${CONFIG:-/etc/kubenurse/kubenurse.ini}
port=18080
passed=0
failed=0

check()
{
	local name=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
		echo "ok - $name"
	else
		failed=$((failed + 1))
		echo "not ok - $name"
	fi
}

property()
{
	systemctl show -P "$1" kubenurse
}

# within SECONDS COMMAND...: succeeds before that.
within()
{
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.2
	done
}

# get PATH: the answer of the service.
get()
{
	exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
	printf 'GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' "$1" >&3
	timeout 5 cat <&3
	exec 3>&-
} 2>/dev/null

answers()
{
	get "$1" | head -n 1 | grep -q " $2 "
}

metrics_have()
{
	get /metrics | tr -d '\r' | grep -qE "$1"
}

sandbox_is_full()
{
	local levels
	levels=$(get /metrics | tr -d '\r' |
		sed -n 's/^kubenurse_worker_sandbox_level.* //p' | sort -u)
	is "$levels" "${SANDBOX_LEVEL:-2}"
}

write_config()
{
	cat >"$config" <<INI
[kubenurse]
listen = 127.0.0.1:$port
check_interval = 1s
shutdown_duration = 1s
service_url = http://127.0.0.1:$port
neighbour_source = static
neighbour_port = $port
$1
[neighbours]
neighbour = myself 127.0.0.1
INI
}

is()
{
	[ "$1" = "$2" ] || {
		echo "#   is $1, should be $2"
		return 1
	}
}

not()
{
	! "$@"
}

restarted()
{
	[ "$(property NRestarts)" -gt "$1" ] &&
		[ "$(property ActiveState)" = active ]
}

watchdog_us()
{
	systemctl show -P WatchdogUSec kubenurse | sed -n 's/s$/000000/p'
}

# told_after MICROSECONDS: systemd has heard from the service since.
told_after()
{
	[ "$(property WatchdogTimestampMonotonic)" -gt "$1" ]
}

exposure_is_low()
{
	systemd-analyze security --no-pager --threshold=19 kubenurse.service |
		tail -n 1
	[ "${PIPESTATUS[0]}" = 0 ]
}

mkdir -p "$(dirname "$config")"
saved=
if [ -e "$config" ]; then
	saved=$(mktemp)
	cp -p "$config" "$saved"
fi
restore()
{
	systemctl stop kubenurse 2>/dev/null
	systemctl reset-failed kubenurse 2>/dev/null
	if [ -n "$saved" ]; then
		mv "$saved" "$config"
	else
		rm -f "$config"
	fi
}
trap restore EXIT

finish()
{
	[ "$failed" = 0 ] || {
		systemctl status --no-pager kubenurse
		journalctl -u kubenurse --no-pager -n 60
	}
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ]
	exit
}

active()
{
	[ "$(property ActiveState)" = active ]
}

systemctl daemon-reload
write_config ''
chmod 644 "$config"

check 'the unit starts' systemctl start kubenurse
[ "$failed" = 0 ] || finish
check 'it is active when start returns' is "$(property ActiveState)" active
check '/alwayshappy answers from the first moment' answers /alwayshappy 200
check '/alive turns 200' within 20 answers /alive 200
main_pid=$(property MainPID)
check 'it does not run as root' \
	[ "$(stat -c %u "/proc/$main_pid" 2>/dev/null || echo 0)" != 0 ]
check 'no capability is left' grep -q '^CapEff:[[:space:]]*0*$' \
	"/proc/$main_pid/status"
check 'the check of the service succeeds' within 10 metrics_have \
	'^kubenurse_httpclient_requests_total\{type="me_service",code="200"\}'
check 'so does the neighbour' within 10 metrics_have \
	'^kubenurse_httpclient_requests_total\{type="path_myself",code="200"\}'
check 'every worker has its own sandbox inside that of the unit' \
	sandbox_is_full
check 'its start time is known' metrics_have \
	'^process_start_time_seconds [1-9]'
check 'systemd-analyze security says below 2.0' exposure_is_low

write_config 'ingress_url = http://localhost:18080'
check 'reload succeeds' systemctl reload kubenurse
check 'the reloaded check runs' within 20 metrics_have \
	'^kubenurse_httpclient_requests_total\{type="me_ingress",code="200"\}'
check 'reload kept the process' is "$(property MainPID)" "$main_pid"
check 'it is active again after the reload' \
	within 10 active

write_config 'no_such_key = 1'
systemctl reload kubenurse
check 'a bad configuration shows in the metrics' within 20 metrics_have \
	'^kubenurse_config_last_reload_successful 0'
check 'and does not end the service' is "$(property MainPID)" "$main_pid"
write_config ''
systemctl reload kubenurse
check 'a good one shows as well' within 20 metrics_have \
	'^kubenurse_config_last_reload_successful 1'

# A supervisor that hangs: the watchdog ends it, systemd starts another.  (The
# signal of the watchdog waits for a stopped process to go on.)
restarts=$(property NRestarts)
kill -STOP "$main_pid"
check 'the watchdog replaces a supervisor that hangs' within 150 restarted \
	"$restarts"
check 'and the new one comes alive' within 20 answers /alive 200

restarts=$(property NRestarts)
last_us=$(property WatchdogTimestampMonotonic)
check 'a healthy one goes on telling the watchdog' within 150 told_after \
	$((last_us + $(watchdog_us)))
check 'and outlives it' is "$(property NRestarts)" "$restarts"

check 'it stops' systemctl stop kubenurse
check 'with success' is "$(property Result)" success
check 'and exit status 0' is "$(property ExecMainStatus)" 0
check 'nothing of it is left' not grep -qs '^kubenurse' /proc/[0-9]*/comm

write_config 'no_such_key = 1'
systemctl start kubenurse
check 'a bad configuration: exit status 2' is "$(property ExecMainStatus)" 2
check 'and no endless restart' is "$(property NRestarts)" 0

finish
