# SPDX-License-Identifier: Apache-2.0
#
# Prints the message of each LOG_WARN and LOG_ERROR of C sources, one a line;
# what is no plain string is shown with ?? before it.
{ text = text $0 "\n" }
END {
	while (match(text, /LOG_(WARN|ERROR)\(/)) {
		text = substr(text, RSTART + RLENGTH)
		rest = text
		message = ""
		while (match(rest, /^[ \t\n]*"([^"\\]|\\.)*"/)) {
			piece = substr(rest, 1, RLENGTH)
			rest = substr(rest, RLENGTH + 1)
			sub(/^[ \t\n]*"/, "", piece)
			sub(/"$/, "", piece)
			message = message piece
		}
		print message != "" ? message : "?? " substr(rest, 1, 40)
	}
}
