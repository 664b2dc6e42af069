#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pss.sh PID: memory of a process and all its descendants as PSS, in KiB: what
# several share is divided among them, so the sum is what they cost together.
set -eu
. "$(dirname "$0")/lib.sh"

if [ $# -ne 1 ]; then
	echo "usage: pss.sh PID" >&2
	exit 2
fi
kib=$(tree_pss_kib "$1")
if [ -z "$kib" ]; then
	echo "pss.sh: $1: no such process, or not ours to read" >&2
	exit 1
fi
echo "$kib"
