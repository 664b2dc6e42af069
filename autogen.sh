#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes ./configure out of configure.ac.  Needed in a clone of the repository
# only: a tarball of `make dist` has it already.
set -eu
cd "$(dirname "$0")"

missing=
command -v autoreconf >/dev/null || missing="$missing autoconf"
command -v aclocal >/dev/null || missing="$missing automake"
command -v pkg-config >/dev/null || missing="$missing pkg-config"
if [ -n "$missing" ]; then
	echo "autogen.sh: please install:$missing" >&2
	echo "(Debian: apt-get install$missing; Alpine: apk add$(
		echo "$missing" | sed 's/pkg-config/pkgconf/'))" >&2
	exit 1
fi

mkdir -p build-aux
exec autoreconf --force --install
