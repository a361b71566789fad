/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame.c - one <record> as the reporter wrote it, as bytes in the spool.
 */
#include <string.h>

#include "common/report/frame.h"

const unsigned char frame_entry_values[FRAME_LISTS] = {
	[FRAME_REASONS] = 2,
	[FRAME_DKIM_RESULTS] = 4,
	[FRAME_SPF_RESULTS] = 4,
};

static void
put_number(char *at, uint32_t n)
{
	at[0] = (char)(n >> 24);
	at[1] = (char)(n >> 16);
	at[2] = (char)(n >> 8);
	at[3] = (char)n;
}

int
frame_add_number(struct buf *b, uint32_t n, struct err *e)
{
	char *at = buf_reserve(b, 4, e);

	if (at == NULL)
		return -1;
	put_number(at, n);
	b->len += 4;
	return 0;
}

int
frame_add_value(struct buf *b, const void *p, size_t len, struct err *e)
{
	char *at;

	if (p == NULL)
		return frame_add_number(b, FRAME_ABSENT, e);
	if (len >= FRAME_ABSENT || (at = buf_reserve(b, len + 4, e)) == NULL)
		return err_set(
		    e, ERR_LIMIT, "more than %zu bytes in a record", b->max);
	put_number(at, (uint32_t)len);
	memcpy(at + 4, p, len);
	b->len += len + 4;
	return 0;
}

/*
 * Read the number at p ahead of its turn: its first byte is where the NUL of
 * the text before it goes.
 */
static void
read_ahead(struct frame_cursor *c)
{
	const unsigned char *u = (const unsigned char *)c->p;

	c->next = 0;
	if (c->left < 4) {
		c->left = 0;
		return;
	}
	c->next = (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 |
		  (uint32_t)u[2] << 8 | u[3];
	c->p += 4;
	c->left -= 4;
}

void
frame_start(struct frame_cursor *c, char *p, size_t len)
{
	c->p = p;
	c->left = len;
	read_ahead(c);
}

uint32_t
frame_number(struct frame_cursor *c)
{
	uint32_t n = c->next;

	read_ahead(c);
	return n;
}

char *
frame_text(struct frame_cursor *c)
{
	char *text = c->p, *end;

	if (c->next == FRAME_ABSENT || c->next > c->left) {
		read_ahead(c);
		return NULL;
	}
	end = text + c->next;
	c->p = end;
	c->left -= c->next;
	read_ahead(c);
	*end = '\0';
	return text;
}
