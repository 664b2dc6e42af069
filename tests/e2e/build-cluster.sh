#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# build-cluster.sh OUTDIR PROGRAM...: programs of Kubernetes (kube-apiserver,
# kubelet, ...) and coredns, built from their Go modules unless OUTDIR has them.
# The Go toolchain keeps what it built: minutes the first time, seconds later.
# Whoever comes while another builds waits.  Exit 77: there is no Go.
set -e
out=$(mkdir -p "$1" && cd "$1" && pwd)
shift
version=1.34.1
coredns=v1.13.1

missing()
{
	local program
	for program in "$@"; do
		[ -x "$out/$program" ] || echo "$program"
	done
}

mapfile -t wanted < <(missing "$@")
[ ${#wanted[@]} -gt 0 ] || exit 0
command -v go >/dev/null || {
	echo "there is no Go toolchain to build ${wanted[*]}"
	exit 77
}
exec 9>"$out/.lock"
flock 9
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM
export CGO_ENABLED=0 GOFLAGS=-mod=mod

# The module's own go.mod, with its staging modules at their published versions.
kubernetes_module()
{
	local mod
	mod=$(go mod download -json "k8s.io/kubernetes@v$version" |
		sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
	sed -e 's/^module .*/module cluster/' -e '/^replace/,/^)/d' "$mod"
	awk -v staging="v0.${version#1.}" '$2 == "v0.0.0" {
		print "replace", $1, "=>", $1, staging
	}' "$mod" | sort -u
	echo "require k8s.io/kubernetes v$version"
}

# Of coredns, only what a cluster's names need.
coredns_module()
{
	cat >"$work/coredns/main.go" <<-'GO'
		package main

		import (
			"github.com/coredns/coredns/coremain"
			_ "github.com/coredns/coredns/plugin/bind"
			_ "github.com/coredns/coredns/plugin/errors"
			_ "github.com/coredns/coredns/plugin/hosts"
			_ "github.com/coredns/coredns/plugin/kubernetes"
		)

		func main() { coremain.Run() }
	GO
	printf 'module cluster\nrequire github.com/coredns/coredns %s\n' \
		"$coredns"
}

mkdir "$work/kubernetes" "$work/coredns"
for program in $(missing "$@"); do
	module=kubernetes package=k8s.io/kubernetes/cmd/$program
	[ "$program" != coredns ] || module=coredns package=.
	cd "$work"
	[ -f "$module/go.mod" ] || "${module}_module" >"$module/go.mod"
	cd "$module"
	go build -trimpath -o "$work/new" -ldflags="-s -w \
-X k8s.io/component-base/version.gitVersion=v$version" "$package" 9>&-
	mv "$work/new" "$out/$program"
done
