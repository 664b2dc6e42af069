#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Holds that each test which tests/contract names is there and bears the
# number of its promise, and that no test bears a number nobody knows.  Prints
# what is wrong; run by check-structure.sh in the source directory.
set -u
awk '
/^#/ || /^$/ { next }
/^[KFN] [1-6]\.[0-9]+: ./ {
	if (id != "" && !tests)
		print id ": no test"
	id = $1 " " substr($2, 1, length($2) - 1)
	if (id in known)
		print id ": twice"
	known[id] = 1
	tests = 0
	next
}
/^\t[^:]+: ./ {
	tests++
	file = $0
	sub(/^\t/, "", file)
	text = file
	sub(/:.*/, "", file)
	sub(/^[^:]*: /, "", text)
	if (!(file in lines)) {
		lines[file] = 0
		while ((getline line < file) > 0)
			content[file, ++lines[file]] = line
		close(file)
		if (!lines[file])
			print file ": cannot be read"
	}
	for (i = 1; i <= lines[file]; i++)
		if (bears(file, i))
			next
	print file ": no " id " " text
	next
}
{ print "tests/contract: what is this: " $0 }

# Whether the line is this test of this promise.
function bears(file, i,  at, tags)
{
	if (file ~ /\.c$/) {
		if (content[file, i] != "START_TEST(" text ")")
			return 0
		tags = content[file, i - 1]
		return tags ~ /^\/\* [KFN] [1-6]\.[0-9 KFN,.]* \*\/$/ &&
			index(tags ",", id ",") + index(tags, id " ")
	}
	at = index(content[file, i], text)
	tags = substr(content[file, i], 1, at - 1)
	return at && index(tags, id ",") + index(tags, id " ")
}

END {
	if (id != "" && !tests)
		print id ": no test"
	find = "find tests -name \"*.py\" -o -name \"*.[ch]\" | sort"
	while ((find | getline file) > 0)
		while ((getline line < file) > 0)
			while (match(line, /[KFN] [1-6]\.[0-9]+/)) {
				tag = substr(line, RSTART, RLENGTH)
				if (!(tag in known))
					print file ": " tag " is no promise"
				line = substr(line, RSTART + RLENGTH)
			}
}
' tests/contract
