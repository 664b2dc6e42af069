# SPDX-License-Identifier: Apache-2.0
#
# Prints what a check's error may say, by the string literals of C sources that
# are phrases, or words in capitals of a table (results of DNS): one a line,
# without what is only known when the program runs (%s and its kin), and without
# messages of the log.
{ text = text $0 "\n" }
END {
	gsub(/\r/, "", text)
	while ((at = index(text, "/*"))) {
		rest = substr(text, at + 2)
		text = substr(text, 1, at - 1) \
			substr(rest, index(rest, "*/") + 2)
	}
	gsub(/#[ \t]*include[^\n]*/, "", text)
	gsub(/"[ \t\n]*"/, "", text) # pieces of one literal
	while (match(text, /"([^"\\]|\\.)*"/)) {
		before = substr(text, 1, RSTART - 1)
		literal = substr(text, RSTART + 1, RLENGTH - 2)
		text = substr(text, RSTART + RLENGTH)
		if (before ~ /(LOG_[A-Z]+|_Static_assert)\([^;]*$/)
			continue
		is_row = before ~ /\] =[ \n\t]*([{][^{}]*)?$/
		gsub(/%[-.*0-9]*[lz]*[a-z]|\\n/, "\n", literal)
		n = split(literal, pieces, "\n")
		for (i = 1; i <= n; i++) {
			gsub(/^[ ,:]+|[ ,:]+$/, "", pieces[i])
			if (pieces[i] ~ /[A-Za-z][A-Za-z,;:]* [A-Za-z]/ ||
				(is_row && pieces[i] ~ /^[A-Z][A-Z]+[A-Z]+$/))
				print pieces[i]
		}
	}
}
