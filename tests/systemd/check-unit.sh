#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# check-unit.sh UNIT: what systemd says of the unit file without starting it:
# no complaint, and an exposure below 2.0.  Needs systemd-analyze, no booted
# systemd.
set -u
unit=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The program and the pages need not be installed for this.
sed -e 's,^\(Exec[A-Za-z]*\)=.*,\1=/bin/true,' -e '/^Documentation=/d' \
	"$unit" >"$work/kubenurse.service"
complaints=$(systemd-analyze verify "$work/kubenurse.service" 2>&1 |
	grep -F kubenurse.service)
if [ -n "$complaints" ]; then
	echo "$complaints"
	exit 1
fi
# The threshold counts tenths.
systemd-analyze security --no-pager --offline=true --threshold=19 \
	"$work/kubenurse.service" >"$work/security" || {
	grep -v '✓' "$work/security"
	exit 1
}
tail -n 1 "$work/security"
