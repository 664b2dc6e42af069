#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# build-go.sh PROGRAM: builds kubenurse 1.15.3, the Go program that run.py
# compares with, unless PROGRAM is there; from the sources in
# KUBENURSE_GO_SOURCE, else from its Go module.  Minutes the first time.  Where
# it cannot be had the last line says why, and the exit status is 77.
set -u
program=$1
module=github.com/postfinance/kubenurse@v1.15.3

cannot()
{
	echo "$*"
	exit 77
}

[ ! -x "$program" ] || exit 0
command -v go >/dev/null || cannot "there is no Go toolchain"
mkdir -p "$(dirname "$program")" || exit 1
work=$(mktemp -d) || exit 1
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

sources=${KUBENURSE_GO_SOURCE:-}
if [ -z "$sources" ]; then
	sources=$(cd "$work" && go mod download -json "$module" |
		tee /dev/stderr | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
	[ -n "$sources" ] || cannot "$module cannot be had, and" \
		"KUBENURSE_GO_SOURCE names no sources"
fi
# a copy: the build writes nothing where the sources are
cp -R "$sources/." "$work" && chmod -R u+w "$work" ||
	cannot "KUBENURSE_GO_SOURCE: $sources cannot be read"
(cd "$work" && CGO_ENABLED=0 go build -trimpath -buildvcs=false \
	-o "$work/built" .) || cannot "$module does not build"
mv "$work/built" "$program"
