/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_print.c - a configuration as a file that gives it again, and the list
 * of all keys.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/conf_table.h"
#include "common/base/text.h"

/* What a bare value would lose or be taken for another. */
static bool
needs_quotes(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && (text_is_space(text[0]) ||
			      text_is_space(text[len - 1]) || text[0] == '"');
}

/* Passwords in URLs, as in "https://user:password@host", made "***". */
static char *
without_passwords(char *text)
{
	struct buf b;
	struct err e;
	size_t len, user, host;
	const char *p = text;

	buf_init(&b, SIZE_MAX / 2);
	while (*p != '\0') {
		len = strcspn(p, ",");
		host = len;
		while (host > 0 && p[host - 1] != '@')
			host--;
		user = strncmp(p, "http", 4) == 0 ? strcspn(p, "/") : 0;
		user += strcspn(p + user, ":@");
		if (host > 0 && user < host && p[user] == ':')
			(void)buf_printf(&b, &e, "%.*s:***@%.*s", (int)user, p,
			    (int)(len - host), p + host);
		else
			(void)buf_add(&b, p, len, &e);
		p += len;
		if (*p == ',')
			(void)buf_add(&b, p++, 1, &e);
	}
	explicit_bzero(text, strlen(text));
	free(text);
	return b.data != NULL ? b.data : xstrdup("");
}

static void
write_value(const struct conf_key *k, const void *at, FILE *out)
{
	char *text = conf_value_text(k, at);
	const char *quote;

	if (text != NULL && (k->flags & CONF_URL))
		text = without_passwords(text);
	quote = text != NULL && needs_quotes(text) ? "\"" : "";
	if (!(k->flags & CONF_SECRET))
		(void)fprintf(out, "%s =%s%s%s%s\n", k->name,
		    text != NULL && *text != '\0' ? " " : "", quote,
		    text != NULL ? text : "", quote);
	else if (text != NULL)
		(void)fprintf(out, "%s = ***\n", k->name);
	if (text != NULL && (k->flags & CONF_SECRET))
		explicit_bzero(text, strlen(text));
	free(text);
}

static void
write_section(const struct conf_table *t, const struct conf_section *s,
    const void *item, FILE *out)
{
	const char *name = conf_item_name(s, item);
	const struct conf_key *k;

	(void)fprintf(
	    out, "[%s%s%s]\n", s->name, *name != '\0' ? " " : "", name);
	for (k = t->keys; k->section != NULL; k++)
		if (strcmp(k->section, s->name) == 0)
			write_value(k, (const char *)item + k->offset, out);
	(void)fputc('\n', out);
}

void
conf_write(const struct conf_table *t, const void *conf, FILE *out)
{
	const struct conf_section *s;
	const struct conf_many *many;
	size_t i;

	for (s = t->sections; s->name != NULL; s++) {
		if (s->on > 0 && !*((const bool *)conf + s->on))
			continue;
		if (s->many == 0) {
			write_section(t, s, conf, out);
			continue;
		}
		many = (const void *)((const char *)conf + s->many);
		for (i = 0; i < many->count; i++)
			write_section(t, s, many->item[i], out);
	}
}

/* The default with its place, where it lies below state_path's default. */
static void
write_preset(const struct conf_table *t, const struct conf_key *k, FILE *out)
{
	const struct conf_key *state;

	if (k->preset == NULL || k->type != CONF_PATH || *k->preset == '/') {
		(void)fputs(k->preset != NULL ? k->preset : "-", out);
		return;
	}
	for (state = t->keys; state->section != NULL; state++)
		if (state->offset == t->state_path)
			break;
	(void)fprintf(out, "%s/%s", state->preset, k->preset);
}

void
conf_write_keys(const struct conf_table *t, FILE *out)
{
	const struct conf_key *k;

	for (k = t->keys; k->section != NULL; k++) {
		(void)fprintf(out, "%s.%s %s ", k->section, k->name,
		    conf_type_name(k->type));
		write_preset(t, k, out);
		(void)fprintf(out, " %s\n",
		    k->flags & CONF_RESTART ? "restart" : "reload");
	}
}
