#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# build-cluster.sh OUTDIR PROGRAM...: programs of Kubernetes (kube-apiserver,
# kubelet, ...) built from their Go modules, unless OUTDIR has them.  The Go
# toolchain keeps what it built: minutes the first time, seconds later.
set -e
out=$(mkdir -p "$1" && cd "$1" && pwd)
shift
version=1.34.1

missing=()
for program in "$@"; do
	[ -x "$out/$program" ] || missing+=("$program")
done
[ ${#missing[@]} -gt 0 ] || exit 0
command -v go >/dev/null || {
	echo "there is no Go toolchain to build ${missing[*]}"
	exit 77
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# The module's own go.mod, with its staging modules at their published versions.
mod=$(go mod download -json "k8s.io/kubernetes@v$version" |
	sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
sed -e 's/^module .*/module cluster/' -e '/^replace/,/^)/d' "$mod" >go.mod
for module in $(grep -oE 'k8s\.io/[a-z0-9-]+ v0\.0\.0$' go.mod |
	cut -d' ' -f1 | sort -u); do
	go mod edit -replace="$module=$module@v0.${version#1.}"
done
go mod edit -require="k8s.io/kubernetes@v$version"
for program in "${missing[@]}"; do
	GOFLAGS=-mod=mod CGO_ENABLED=0 go build -trimpath \
		-ldflags="-s -w -X k8s.io/component-base/version.gitVersion=v$version" \
		-o "$out/$program" "k8s.io/kubernetes/cmd/$program"
done
