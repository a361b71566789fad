/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header_guard.c - header fields that would exhaust the stack of GMime.
 * in: a mail as it came    out: may it be parsed?
 */
#include <stdbool.h>
#include <string.h>

#include "common/base/text.h"
#include "common/message/header_guard.h"

#define COLONS_MAX 500 /* groups of people have names: no mail has so many */
#define NAME_MAX_LEN 16

struct guard {
	char name[NAME_MAX_LEN]; /* of the field, as far as it fits */
	size_t name_len;
	bool in_name;    /* at the start of a line */
	bool in_address; /* in the value of such a field */
	bool is_new_line;
	unsigned colons;
};

/* Fields that GMime takes for lists of addresses while it parses. */
static bool
is_address_field(const struct guard *g)
{
	static const char *const names[] = { "from", "to", "cc", "bcc",
		"reply-to", "sender", "resent-from", "resent-to", "resent-cc",
		"resent-bcc", "resent-sender" };
	const char *name = g->name;
	size_t len = g->name_len, i;

	text_trim(&name, &len);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strlen(names[i]) == len &&
		    text_equal_nocase_n(name, names[i], len))
			return true;
	return false;
}

static void
start_line(struct guard *g, char c)
{
	g->is_new_line = false;
	if (c == ' ' || c == '\t')
		return; /* goes on */
	g->in_address = false;
	g->in_name = true;
	g->name_len = 0;
	g->colons = 0;
}

/* False: that is too much. */
static bool
take(struct guard *g, char c)
{
	if (g->is_new_line)
		start_line(g, c);
	if (c == '\n') {
		g->is_new_line = true;
		g->in_name = false;
		return true;
	}
	if (g->in_address)
		return c != ':' || ++g->colons <= COLONS_MAX;
	if (!g->in_name)
		return true;
	if (c == ':') {
		g->in_name = false;
		g->in_address = is_address_field(g);
	} else if (g->name_len < sizeof(g->name)) {
		g->name[g->name_len++] = c;
	} else {
		g->in_name = false;
	}
	return true;
}

int
header_guard(struct spill *raw, struct err *e)
{
	struct guard g = { .is_new_line = true };
	char chunk[16 * 1024];
	const char *p, *newline;
	uint64_t at = 0;
	ssize_t n;

	while ((n = spill_read(raw, at, chunk, sizeof(chunk), e)) > 0) {
		for (p = chunk; p < chunk + n; p++) {
			if (!take(&g, *p))
				return err_set(e, ERR_LIMIT,
				    "an address field with more than %d "
				    "colons",
				    COLONS_MAX);
			if (g.in_name || g.in_address || g.is_new_line)
				continue;
			/* nothing of interest in the rest of the line */
			newline = memchr(p, '\n', (size_t)(chunk + n - p));
			p = newline == NULL ? chunk + n - 1 : newline - 1;
		}
		at += (uint64_t)n;
	}
	return n < 0 ? -1 : 0;
}
