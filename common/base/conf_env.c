/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_env.c - DMARC_INTAKE_<SECTION>_<KEY>, and for a named section
 * DMARC_INTAKE_<SECTION>_<NAME>_<KEY>, where all but letters and digits of
 * NAME is "_". All names with this prefix are ours: one that is not known is
 * a mistake, and is told as such.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/conf_table.h"
#include "common/base/text.h"

#define PREFIX "DMARC_INTAKE_"
#define NAME_BYTES 256

static bool
is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Does name, as an item is called, look like this in the environment? */
static bool
is_same_name(const char *name, const char *lower, size_t len)
{
	size_t i;

	if (strlen(name) != len)
		return false;
	for (i = 0; i < len; i++) {
		char c = text_lower_char(name[i]);

		if ((is_word_char(c) ? c : '_') != lower[i])
			return false;
	}
	return true;
}

/* An item that the file has, or a new one of that name. */
static void *
item_of(struct conf_loader *l, const struct conf_section *s, const char *lower,
    size_t len, struct err *e)
{
	const struct conf_many *many;
	const char *name;
	size_t i;

	if (s->many > 0) {
		many = (const void *)((const char *)l->conf + s->many);
		for (i = 0; i < many->count; i++) {
			name = conf_item_name(s, many->item[i]);
			if (is_same_name(name, lower, len))
				return many->item[i];
		}
	}
	return conf_item(l, s, lower, len, e);
}

/*
 * What rest (lower case, behind the section) is about: the key that takes
 * most of it, and before that the name, which only a named section has.
 */
static const struct conf_key *
key_of(const struct conf_table *t, const struct conf_section *s,
    const char *rest, size_t *name_len, bool *is_file)
{
	const struct conf_key *k;
	const char *p;

	*name_len = 0;
	if ((k = conf_key_find(t, s, rest, strlen(rest), is_file)) != NULL)
		return k;
	if (s->many == 0)
		return NULL;
	for (p = strchr(rest, '_'); p != NULL; p = strchr(p + 1, '_')) {
		k = conf_key_find(t, s, p + 1, strlen(p + 1), is_file);
		if (k != NULL && p > rest) {
			*name_len = (size_t)(p - rest);
			return k;
		}
	}
	return NULL;
}

/* The section that the word starts with; NULL: none. */
static const char *
section_named(const struct conf_table *t, const char *lower)
{
	const struct conf_section *s;
	size_t len;

	for (s = t->sections; s->name != NULL; s++) {
		len = strlen(s->name);
		if (strncmp(lower, s->name, len) == 0 &&
		    (lower[len] == '_' || lower[len] == '\0'))
			return s->name;
	}
	return NULL;
}

static int
unknown_variable(const struct conf_table *t, const char *lower, struct err *e)
{
	char best[NAME_BYTES] = "", upper[NAME_BYTES], word[NAME_BYTES];
	const char *section = section_named(t, lower);
	const struct conf_key *k;
	size_t i;

	for (k = t->keys; k->section != NULL; k++) {
		if (section != NULL && strcmp(k->section, section) != 0)
			continue;
		(void)snprintf(
		    word, sizeof(word), "%s_%s", k->section, k->name);
		if (*best == '\0' || conf_nearer(lower, best, word) == word)
			memcpy(best, word, sizeof(best));
	}
	for (i = 0; best[i] != '\0'; i++)
		if (best[i] >= 'a' && best[i] <= 'z')
			best[i] = (char)(best[i] - 'a' + 'A');
	(void)snprintf(upper, sizeof(upper), PREFIX "%.*s",
	    (int)(sizeof(upper) - sizeof(PREFIX)), best);
	err_set(e, ERR_CONF, "unknown variable");
	return conf_suggest(e, upper);
}

static int
read_variable(struct conf_loader *l, const char *variable, const char *lower,
    const char *value, struct err *e)
{
	const struct conf_section *s;
	const struct conf_key *k = NULL;
	size_t len, name_len;
	bool is_file = false;
	void *item;

	for (s = l->table->sections; s->name != NULL; s++) {
		len = strlen(s->name);
		if (strncmp(lower, s->name, len) != 0 || lower[len] != '_')
			continue;
		lower += len + 1;
		k = key_of(l->table, s, lower, &name_len, &is_file);
		if (k != NULL)
			break;
		lower -= len + 1;
	}
	if (k == NULL)
		return unknown_variable(l->table, lower, e);
	if (name_len > CONF_NAME_MAX)
		return err_set(e, ERR_CONF, "the name is too long");
	if ((item = item_of(l, s, lower, name_len, e)) == NULL)
		return -1;
	return conf_set(l, k, item, value, is_file, variable, e);
}

static bool
has_lower(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text >= 'a' && *text <= 'z')
			return true;
	return false;
}

static int
read_one(struct conf_loader *l, const char *variable, const char *value,
    struct err *e)
{
	char name[NAME_BYTES], shown[NAME_BYTES];
	size_t len = (size_t)(value - variable);
	bool is_upper;
	int rc;

	(void)snprintf(name, sizeof(name), "%.*s", (int)len, variable);
	text_escape(name, shown, sizeof(shown));
	is_upper = !has_lower(name) && len < sizeof(name);
	text_lower(name);
	if (is_upper)
		rc = read_variable(
		    l, variable, name + strlen(PREFIX), value + 1, e);
	else
		rc = unknown_variable(l->table, name + strlen(PREFIX), e);
	return rc < 0 ? err_add(e, "environment: %s", shown) : 0;
}

int
conf_env_read(struct conf_loader *l, char *const *environment, struct err *e)
{
	const char *value;

	for (; *environment != NULL; environment++) {
		if (strncmp(*environment, PREFIX, strlen(PREFIX)) != 0 ||
		    (value = strchr(*environment, '=')) == NULL)
			continue;
		if (read_one(l, *environment, value, e) < 0)
			return -1;
	}
	return 0;
}
