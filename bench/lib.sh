# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What the benchmark scripts share: process trees, and arithmetic by awk.
# Sourced, never run.  It starts and ends nothing.

# The process and all its descendants, one pid a line.
tree_pids() {
	cat /proc/[0-9]*/stat 2>/dev/null | awk -v root="$1" '
		{
			pid = $1
			sub(/^.*\) /, "") # a name may hold blanks and brackets
			parent[pid] = $2
		}
		END {
			for (pid in parent) {
				for (p = pid; p != root && p > 1; p = parent[p])
					;
				if (p == root)
					print pid
			}
		}' | sort -n
}

# PSS of the tree in KiB; empty when it may not be read.
tree_pss_kib() {
	for pid in $(tree_pids "$1"); do
		if cat "/proc/$pid/smaps_rollup" 2>/dev/null; then
			continue
		fi
		[ ! -d "/proc/$pid" ] || echo unreadable
	done | awk '
		$1 == "unreadable" { failed = 1 }
		$1 == "Pss:" { sum += $2 }
		END { if (!failed && sum > 0) print sum }'
}

# CPU time of the tree in nanoseconds: what the scheduler has counted.
tree_cpu_ns() {
	for pid in $(tree_pids "$1"); do
		cat "/proc/$pid"/task/*/schedstat 2>/dev/null
	done | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

# calc 'EXPRESSION' [DECIMALS]
calc() {
	awk "BEGIN { printf \"%.${2:-1}f\", $1 }"
}

# Is the condition true?  "yes" or "no".
holds() {
	awk "BEGIN { print ($1) ? \"yes\" : \"no\" }"
}

# median [DECIMALS]: of the numbers on stdin, one a line; empty without any.
median() {
	sort -n | awk -v format="%.${1:-1}f\n" '
		{ value[NR] = $1 }
		END {
			if (NR % 2 == 1)
				printf format, value[(NR + 1) / 2]
			else if (NR > 0)
				printf format, (value[NR / 2] + value[NR / 2 + 1]) / 2
		}'
}

# value NAME FILE: the number of a "NAME NUMBER" line.
value() {
	awk -v name="$1" '$1 == name { print $2; exit }' "$2"
}

# sum NAME FILE: the sum of a metric over all its labels; "0" when absent.
# sum NAME FILE TEXT: only of the series whose labels hold the text.
sum() {
	awk -v name="$1" -v text="${3:-}" '
		{
			series = $1
			sub(/\{.*/, "", series)
			if (series == name && index($0, text) > 0)
				total += $NF
		}
		END { printf "%.9f\n", total }' "$2"
}
