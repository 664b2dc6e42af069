#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The shipped sample configuration is what the table of keys says: it is the
# output of `confdoc ini`.  Runs in the build directory, in make check, and
# speaks TAP.  After a change of the table: tools/confdoc ini >conf/kubenurse.ini
set -u
sample=${srcdir:-.}/conf/kubenurse.ini

echo 1..1
if difference=$(${CONFDOC:-tools/confdoc} ini 2>&1 | diff -u "$sample" - 2>&1); then
	echo "ok 1 - conf/kubenurse.ini is what confdoc prints"
	exit 0
fi
echo "not ok 1 - conf/kubenurse.ini is what confdoc prints"
echo "$difference" | sed 's/^/# /'
exit 1
