#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Holds what DESIGN.md says about folders: who may include whom, which library
# is known to one file only, and that nothing is left out of Makefile.am.  Runs
# in the build directory, in make check, and speaks TAP.
set -u
build=$PWD
cd "${srcdir:-.}" || exit 1

number=0
bad=0

# say NAME FINDINGS: good when there are no findings.
say()
{
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number - $1"
		return
	fi
	bad=$((bad + 1))
	echo "not ok $number - $1"
	echo "$2" | sed 's/^/# /'
}

sources()
{
	for folder in "$@"; do
		[ ! -d "$folder" ] ||
			find "$folder" -name '*.[ch]' -type f
	done | sort
}

# includes PATTERN FOLDER...: the lines that include what matches.
includes()
{
	pattern=$1
	shift
	files=$(sources "$@")
	[ -n "$files" ] || return 0
	# shellcheck disable=SC2086 # none of our file names holds a blank
	grep -HnE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]$pattern" \
		$files
}

# once HEADER FOLDER...: the files that include it, when they are several.
once()
{
	found=$(includes "$@" | cut -d: -f1 | sort -u)
	[ "$(echo "$found" | wc -l)" -le 1 ] || echo "$found"
}

say 'common/ includes nothing of the programs' \
	"$(includes '(\.\./)*(supervisor|workers|tests|bench|tools)/' common)"
say 'supervisor/ includes nothing of workers/' \
	"$(includes '(\.\./)*(workers|tests)/' supervisor)"
say 'workers/ includes nothing of supervisor/' \
	"$(includes '(\.\./)*(supervisor|tests)/' workers)"
say 'includes are written from the top' \
	"$(includes '\.\.?/' common supervisor workers tests tools bench)"

for header in 'openssl/ssl\.h' 'microhttpd\.h' 'ares\.h' 'yajl/' \
	'sys/epoll\.h'; do
	plain=$(echo "$header" | tr -d '\\')
	say "one file of kubenurse includes $plain" \
		"$(once "$header" common supervisor)"
	say "one file of kubenurse-worker includes $plain" \
		"$(once "$header" common workers)"
done

say 'the supervisor is not linked with what a probed server speaks to' \
	"$(includes '(openssl/|ares\.h|yajl/)' common supervisor)"
say 'workers serve nobody' \
	"$(includes '(microhttpd\.h|gnutls/)' common workers)"

say 'every source stands in Makefile.am' \
	"$(for file in $(sources common supervisor workers tools bench); do
		grep -qE "(^|[[:space:]])${file%.c}(\\.c)?( |\$)" Makefile.am ||
			echo "$file"
	done)"
say 'every unit test stands in Makefile.am' \
	"$(for file in $(sources tests/unit); do
		case $file in *.h) name=$file ;; *) name=${file%.c} ;; esac
		grep -qE "$name(\\.c)?( |\$)" Makefile.am || echo "$file"
	done)"
say 'every fuzz target is replayed and has a corpus' \
	"$(for file in $(sources tests/fuzz | grep '/fuzz_[^/]*\.c$'); do
		name=${file##*/fuzz_}
		name=${name%.c}
		grep -qE "^fuzz_replay_${name}_SOURCES" Makefile.am ||
			echo "$file: not in Makefile.am"
		[ -n "$(ls "tests/fuzz/corpus/$name" 2>/dev/null)" ] ||
			echo "$file: tests/fuzz/corpus/$name is empty"
	done)"
say 'every source says its licence' \
	"$(for file in $(sources common supervisor workers tests tools bench); do
		sed 1q "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' ||
			echo "$file"
	done)"

say 'conf/kubenurse.ini is what the table of keys says' \
	"$(if "$build/tools/confdoc" ini >/dev/null 2>&1; then
		"$build/tools/confdoc" ini | diff -u conf/kubenurse.ini - |
			head -n 40
	elif [ ! -x "$build/tools/confdoc" ]; then
		echo "tools/confdoc is not built"
	fi)"

say 'every promise of tests/contract has its tests' \
	"$(sh tests/check-contract.sh)"

say 'every program that a test needs is in a package that is installed' \
	"$(bash tests/check-packages.sh 2>&1)"

# Some constants of the table differ from machine to machine.
[ "$(uname -m)" != x86_64 ] ||
	say 'docs/security.md is what the table of the sandbox says' \
		"$(tools/update-security.sh "$build/tools/sandboxdoc" \
			<docs/security.md 2>&1 | diff -u docs/security.md - |
			head -n 40)"

# shellcheck disable=SC2046 # none of our file names holds a blank
say 'docs/operations.md has each warning and error of the log' \
	"$(awk -f tests/log-messages.awk $(sources common supervisor workers |
		grep '\.c$') | sort -u | while IFS= read -r message; do
		grep -qF "\`$message\`" docs/operations.md || echo "$message"
	done)"

# What a check says in /alive; the files left out say nothing there, or, of a
# Location, what is wrong with its URL.
error_sources()
{
	sources workers | grep -E '^workers/[^/]*\.c$' | grep -vE \
		'/(anchors|birth|ca|http_date|http_request|main|nursery|sandbox|worker)\.c$'
}
# shellcheck disable=SC2046
say 'docs/operations.md has what the error of a check may say' \
	"$(section=$(sed -n '/^## What the error of a check says/,/^## M/p' \
		docs/operations.md)
	awk -f tests/error-texts.awk $(error_sources) | sort -u |
		while IFS= read -r text; do
			case $section in *"$text"*) ;; *) echo "$text" ;; esac
		done)"

say 'docs/metrics.md has each family of metrics' \
	"$(grep -oE '^[[:space:]]+"(kubenurse|process)_[a-z_]+"' \
		supervisor/metric_families.c | tr -d '"\t ' |
		while IFS= read -r name; do
			grep -qF "\`$name\`" docs/metrics.md || echo "$name"
		done)"

# Paths that exist on one developer's machine only.  What is built beside the
# sources bears such paths: only what git keeps is looked at, and a tarball was
# made of that.
[ ! -e .git ] || say 'no path of the machine it was written on' \
	"$(git ls-files -z | grep -zvE '^tests/fuzz/corpus/' |
		xargs -0 grep -nIE '(/home/[a-z]|/wor[k]/|/mnt/[a-z])' /dev/null |
		head -n 20)"

# A test is linked with the libraries of both programs: which of two objects of
# one name it gets would depend on their order.
symbols()
{
	nm -g --defined-only "$1" 2>/dev/null | awk 'NF == 3 { print $3 }' |
		grep -v '^_' | sort -u
}
say 'the two programs share no name but those of common/' "$(
	work=$(mktemp -d) || exit 1
	symbols "$build/libsupervisor.a" >"$work/supervisor"
	symbols "$build/libworkers.a" >"$work/workers"
	comm -12 "$work/supervisor" "$work/workers"
	rm -r "$work"
)"

echo "1..$number"
[ "$bad" = 0 ]
