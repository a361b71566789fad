/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_reload.c - what a reload does not change: keys marked "restart" keep
 * the value that the process was started with.
 */
#include <string.h>

#include "common/base/conf_table.h"

static void
note(struct buf *kept, const char *section, const char *name, const char *key)
{
	struct err e;

	(void)buf_printf(kept, &e, "%s%s%s%s%s%s", kept->len > 0 ? ", " : "",
	    section, *name != '\0' ? " " : "", name, *key != '\0' ? "." : "",
	    key);
}

static void
keep_value(const struct conf_key *k, const char *name, void *next,
    const void *now, struct buf *kept)
{
	void *to = (char *)next + k->offset;
	const void *from = (const char *)now + k->offset;

	if (conf_value_equal(k, to, from))
		return;
	conf_value_copy(k, to, from);
	note(kept, k->section, name, k->name);
}

static const void *
same_item(const struct conf_section *s, const void *now, const char *name)
{
	const struct conf_many *many =
	    (const void *)((const char *)now + s->many);
	size_t i;

	for (i = 0; i < many->count; i++)
		if (strcmp(conf_item_name(s, many->item[i]), name) == 0)
			return many->item[i];
	return NULL;
}

/* An account that is new has nothing to keep. */
static void
keep_items(const struct conf_section *s, const struct conf_key *k, void *next,
    const void *now, struct buf *kept)
{
	struct conf_many *many = (void *)((char *)next + s->many);
	const void *before;
	const char *name;
	size_t i;

	for (i = 0; i < many->count; i++) {
		name = conf_item_name(s, many->item[i]);
		if ((before = same_item(s, now, name)) != NULL)
			keep_value(k, name, many->item[i], before, kept);
	}
}

void
conf_keep(
    const struct conf_table *t, void *next, const void *now, struct buf *kept)
{
	const struct conf_section *s;
	const struct conf_key *k;

	for (s = t->sections; s->name != NULL; s++) {
		bool *to = (void *)((char *)next + s->on);
		const bool *from = (const void *)((const char *)now + s->on);

		if (s->on == 0 || !(s->flags & CONF_RESTART) || *to == *from)
			continue;
		*to = *from;
		note(kept, s->name, "", "");
	}
	for (k = t->keys; k->section != NULL; k++) {
		if (!(k->flags & CONF_RESTART))
			continue;
		s = conf_section_find(t, k->section, strlen(k->section));
		if (s->many > 0)
			keep_items(s, k, next, now, kept);
		else
			keep_value(k, "", next, now, kept);
	}
}
