# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the integration tests have in common.  A test sources this file, says
# what should be true with ok, is and like, and ends with done_testing; the
# output is TAP.  Servers are started with start, stand on loopback ports that
# were free, are waited for by what they say or answer and not by time, and are
# ended by their process id when the test ends, however it ends.
#
# Programs under test: $BUILD/kubenurse; scratch: $WORK, removed at the end.

set -u
SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${BUILD:-$PWD}
WORK=${WORK:-$(mktemp -d "${TMPDIR:-/tmp}/kubenurse-test.XXXXXX")}
DEADLINE_S=${DEADLINE_S:-20} # for a machine as slow as valgrind makes it
export SOURCE BUILD WORK

harness_number=0
harness_failed=0
declare -A PID=() # by name: what start has started

# ------------------------------------------------------------------- asserting

# ok NAME COMMAND...: COMMAND succeeds.
ok()
{
	local name=$1 output
	shift
	harness_number=$((harness_number + 1))
	if output=$("$@" 2>&1); then
		echo "ok $harness_number - $name"
		return 0
	fi
	harness_failed=$((harness_failed + 1))
	echo "not ok $harness_number - $name"
	sed 's/^/#   /' <<<"${output:-$*}" | head -n 40
	return 1
}

is_equal()
{
	[ "$1" = "$2" ] || {
		printf 'is:        %s\nshould be: %s\n' "$1" "$2"
		return 1
	}
}

# is NAME VALUE WANTED
is()
{
	ok "$1" is_equal "$2" "$3"
}

is_like()
{
	[[ $1 =~ $2 ]] || {
		printf 'is:               %s\nshould match ERE: %s\n' "$1" "$2"
		return 1
	}
}

# like NAME TEXT ERE
like()
{
	ok "$1" is_like "$2" "$3"
}

# skip NAME WHY: one test that cannot be made here.
skip()
{
	harness_number=$((harness_number + 1))
	if [ -n "${TESTS_NO_SKIP:-}" ]; then
		harness_failed=$((harness_failed + 1))
		echo "not ok $harness_number - $1: $2 (and may not be skipped)"
		return 1
	fi
	echo "ok $harness_number - $1 # SKIP $2"
}

# skip_all WHY: the whole script cannot run here.
skip_all()
{
	if [ -n "${TESTS_NO_SKIP:-}" ]; then
		echo "1..1"
		echo "not ok 1 - $(basename "$0"): $1 (and may not be skipped)"
		exit 1
	fi
	echo "1..0 # SKIP $1"
	exit 0
}

no_sanitizer_spoke()
{
	! grep -E 'runtime error:|Sanitizer' "$WORK"/*.log
}

# Ends what runs, so that leaks are told, before it says how many tests.
done_testing()
{
	stop_all
	ok 'no sanitizer spoke' no_sanitizer_spoke
	echo "1..$harness_number"
	[ "$harness_failed" = 0 ]
	exit
}

# ------------------------------------------------------------------- processes

# start NAME PROGRAM...: in the background; its output is $WORK/NAME.log, its
# process id ${PID[NAME]}.  (A shell without job control starts programs with
# SIGINT ignored.)
start()
{
	local name=$1
	shift
	env --default-signal=INT,QUIT "$@" >"$WORK/$name.log" 2>&1 </dev/null &
	PID[$name]=$!
}

# stop NAME [SIGNAL]: ends it and returns its exit status.
stop()
{
	local pid=${PID[$1]}
	unset "PID[$1]"
	kill -"${2:-TERM}" "$pid" 2>/dev/null
	join "$pid"
}

# join PID: waits, DEADLINE_S at most, and returns the exit status.
join()
{
	local pid=$1 watchdog status
	# shellcheck disable=SC2064 # the pid of now
	(
		trap 'kill $! 2>/dev/null; exit' TERM
		sleep "$DEADLINE_S" &
		wait $!
		echo "# process $pid did not end in time" >&2
		kill -KILL "$pid"
	) >/dev/null &
	watchdog=$!
	wait "$pid"
	status=$?
	kill "$watchdog" 2>/dev/null
	wait "$watchdog" 2>/dev/null
	return "$status"
}

stop_all()
{
	local name pid
	for name in "${!PID[@]}"; do
		pid=${PID[$name]}
		kill -TERM "$pid" 2>/dev/null
	done
	for name in "${!PID[@]}"; do
		join "${PID[$name]}" 2>/dev/null
	done
	PID=()
}

cleanup()
{
	local name
	stop_all
	if [ "$harness_failed" != 0 ]; then
		for name in "$WORK"/*.log; do
			[ -s "$name" ] || continue
			echo "# --- ${name##*/}"
			tail -n 40 "$name" | sed 's/^/#   /'
		done
	fi
	[ -n "${KEEP_WORK:-}" ] || rm -rf "$WORK"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --------------------------------------------------------------------- waiting

# wait_line NAME ERE: until the output of what start called NAME has such a
# line; prints it.
wait_line()
{
	local line fd tail_pid found=1 end=$((SECONDS + DEADLINE_S))
	exec {fd}< <(exec tail -n +1 -F "$WORK/$1.log" 2>/dev/null)
	tail_pid=$!
	while IFS= read -r -t $((end > SECONDS ? end - SECONDS : 1)) \
		-u "$fd" line; do
		if [[ $line =~ $2 ]]; then
			found=0
			break
		fi
		[ "$SECONDS" -lt "$end" ] || break
	done
	kill "$tail_pid" 2>/dev/null
	exec {fd}<&-
	if [ "$found" != 0 ]; then
		echo "$1 never said: $2"
		return 1
	fi
	printf '%s\n' "$line"
}

# wait_for COMMAND...: until COMMAND succeeds, asked 20 times a second.
wait_for()
{
	local end=$((SECONDS + DEADLINE_S))
	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$end" ]; then
			echo "still not: $*"
			return 1
		fi
		sleep 0.05
	done
}

# ---------------------------------------------------------------------- network

# free_ports N: N different TCP ports of loopback that nobody has, and that the
# kernel gives to nobody's connection before they are used.
free_ports()
{
	python3 - "$1" <<'PY'
import random, socket, sys
with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
    first = int(file.read().split()[0])
held = []
while len(held) < int(sys.argv[1]):
    try:
        held.append(socket.create_server(
            ("127.0.0.1", random.randrange(first // 2, first))))
    except OSError:
        pass
print(*(s.getsockname()[1] for s in held))
PY
}

# http PORT PATH [HEADER...]: the whole answer, as it came.  HTTP/1.0 by default,
# for such answers come without chunks; HTTP_VERSION=1.1 asks for the other.
http()
{
	local port=$1 path=$2 header fd
	shift 2
	exec {fd}<>"/dev/tcp/127.0.0.1/$port" || return 1
	{
		printf 'GET %s HTTP/%s\r\nHost: 127.0.0.1:%s\r\n' "$path" \
			"${HTTP_VERSION:-1.0}" "$port"
		printf 'Connection: close\r\n'
		for header in "$@"; do
			printf '%s\r\n' "$header"
		done
		printf '\r\n'
	} >&"$fd"
	timeout "$DEADLINE_S" cat <&"$fd"
	exec {fd}>&-
} 2>/dev/null

# http_status PORT PATH [HEADER...]: 200
http_status()
{
	http "$@" | sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p'
}

# http_body PORT PATH [HEADER...]: what follows the headers
http_body()
{
	http "$@" | sed '1,/^\r*$/d'
}

status_is()
{
	[ "$(http_status "$1" "$2")" = "$3" ]
}

# wait_status PORT PATH STATUS
wait_status()
{
	wait_for status_is "$@"
}

# metric PORT ERE: the values of the series whose name and labels match.
metric()
{
	http_body "$1" /metrics | tr -d '\r' |
		awk -v ere="^$2\$" '!/^#/ {
			value = $NF; sub(/ [^ ]*$/, ""); if ($0 ~ ere) print value
		}'
}

# ------------------------------------------------------------------- namespaces

# need_netns "$@": runs the script anew in a network namespace of its own, with
# loopback up and the right to make more of them; as an ordinary user by way of
# a user namespace.  What the machine does not allow is skipped, aloud.
need_netns()
{
	[ -z "${HARNESS_IN_NETNS:-}" ] || return 0
	local way
	for way in "unshare --net --mount --propagation private" \
		"unshare --user --map-root-user --net --mount"; do
		# shellcheck disable=SC2086 # words on purpose
		if $way ip link set lo up 2>/dev/null; then
			trap - EXIT
			rm -rf "$WORK"
			# shellcheck disable=SC2086
			exec env -u WORK HARNESS_IN_NETNS="$way" $way bash -c '
				mkdir -p /run/netns 2>/dev/null &&
					mount -t tmpfs tmpfs /run/netns ||
					{ mount -t tmpfs tmpfs /run &&
						mkdir /run/netns; }
				ip link set lo up
				script=$1
				shift
				exec bash "$script" "$@"' bash "$0" "$@"
		fi
	done
	skip_all "network namespaces need root or user namespaces, and ip"
}

# need_root: for what even a user namespace does not give.
need_root()
{
	if [ "$(id -u)" != 0 ] || [[ ${HARNESS_IN_NETNS:-} == *--user* ]]; then
		skip_all "needs root"
	fi
}

# need_program NAME...
need_program()
{
	local name
	for name in "$@"; do
		command -v "$name" >/dev/null || skip_all "needs $name"
	done
}
