/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a request in its buffer; see http_layout.h. */
#include "supervisor/http_layout.h"

#include <string.h>

/* A line ends with LF or CR LF; both are NULs now. */
#define LINE_END_MAX 2

/* Goes on to text, which stands min to max NULs further. */
static void
skip_to(struct http_layout *layout, const char *text, size_t min, size_t max)
{
	size_t gap;

	if (layout->is_broken || text < layout->at || text > layout->end) {
		layout->is_broken = true;
		return;
	}
	gap = (size_t)(text - layout->at);
	layout->is_broken = gap < min || gap > max;
	while (!layout->is_broken && layout->at < text)
		layout->is_broken = *layout->at++ != '\0';
}

/* Past what is known; beyond the end nothing is right. */
static void
pass(struct http_layout *layout, const char *text, size_t len)
{
	if (layout->is_broken)
		return;
	if (len > (size_t)(layout->end - text))
		layout->is_broken = true;
	else
		layout->at = text + len;
}

void
http_layout_init(
	struct http_layout *layout, const char *method, size_t head_bytes)
{
	*layout = (struct http_layout){ method, method + head_bytes, false };
	pass(layout, method, strlen(method));
}

void
http_layout_word(struct http_layout *layout, const char *word, size_t len)
{
	skip_to(layout, word, 1, 1);
	pass(layout, word, len);
}

void
http_layout_header(struct http_layout *layout, const char *name,
	size_t name_len, const char *value, size_t value_len)
{
	skip_to(layout, name, 1, LINE_END_MAX);
	pass(layout, name, name_len);
	/* in between were a colon and blanks */
	if (value <= layout->at || value > layout->end)
		layout->is_broken = true;
	pass(layout, value, value_len);
}

bool
http_layout_is_whole(struct http_layout *layout)
{
	skip_to(layout, layout->end, 2, 2 * LINE_END_MAX);
	return !layout->is_broken;
}
