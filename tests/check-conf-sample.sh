#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The shipped sample configuration must be what the table of keys says:
# conf/kubenurse.ini is the output of `confdoc ini`.
# Usage: check-conf-sample.sh [CONFDOC]; the source directory is $srcdir.

confdoc=${1:-${CONFDOC:-./confdoc}}
sample=${srcdir:-.}/conf/kubenurse.ini

"$confdoc" ini | diff -u "$sample" - || {
	echo "$sample is out of date: write it anew with $confdoc ini" >&2
	exit 1
}
