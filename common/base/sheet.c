/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sheet.c - what one mail prints, until its turn.
 * in: text (print.c)    out: the same, in the order of the mails (feed.c)
 */
#include <stdlib.h>

#include "common/base/sheet.h"

void
sheet_init(struct sheet *s, void (*wait_turn)(void *context), void *context)
{
	*s = (struct sheet){ .wait_turn = wait_turn, .context = context };
	buf_init(&s->text, SHEET_MAX_BYTES);
}

void
sheet_add_item(struct sheet *s, int kind)
{
	size_t i, before = 0;

	for (i = 0; i < s->count; i++)
		before += s->items[i].len;
	if (s->count == s->room) {
		s->room = s->room > 0 ? s->room * 2 : 1;
		s->items = xrealloc(s->items, s->room * sizeof(*s->items));
	}
	s->items[s->count++] =
	    (struct sheet_item){ kind, s->text.len - before };
}

void
sheet_reset(struct sheet *s)
{
	buf_reset(&s->text);
	s->count = 0;
}

void
sheet_clear(struct sheet *s)
{
	buf_clear(&s->text);
	free(s->items);
	*s = (struct sheet){ 0 };
}
