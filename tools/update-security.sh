#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# update-security.sh SANDBOXDOC <security.md: prints it with the tables that
# the program SANDBOXDOC makes.
set -eu
sandboxdoc=$1
skip=
while IFS= read -r line; do
	case $line in
	'<!-- end -->')
		skip=
		;;
	esac
	[ -n "$skip" ] || printf '%s\n' "$line"
	case $line in
	'<!-- calls -->' | '<!-- places -->')
		table=${line#<!-- }
		"$sandboxdoc" "${table% -->}"
		skip=1
		;;
	esac
done
