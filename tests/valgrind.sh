#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# valgrind.sh PROGRAM ARGS...: runs one test program under valgrind.  A memory
# error, a leak or a descriptor left open is a failure; valgrind up to 3.20
# does not count descriptors as errors, so its log is read.
set -u
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

valgrind --quiet --error-exitcode=99 --leak-check=full --track-fds=yes \
	--show-leak-kinds=definite,indirect,possible \
	--errors-for-leak-kinds=definite,indirect,possible \
	--child-silent-after-fork=yes --num-callers=20 --log-file="$log" \
	${VALGRIND_FLAGS:-} "$@"
status=$?

# One paragraph per descriptor; what came from the caller is none of ours.
open=$(awk '/ Open .*(file descriptor|socket)/ { held = $0; next }
	/<inherited from parent>/ { held = "" }
	held != "" { print held; held = "" }
	END { if (held != "") print held }' "$log" |
	grep -vF "$log" | grep -vE 'file descriptor [012]:' || :)
sed 's/^/# /' "$log" >&2
if [ -n "$open" ]; then
	echo "# left open:" >&2
	echo "$open" | sed 's/^/#   /' >&2
	[ "$status" != 0 ] || status=98
fi
exit "$status"
