/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_load.c - fill a struct by its table: defaults, then the file, then the
 * environment, then the credentials that systemd hands over, then the paths
 * that lie below state_path.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/conf_table.h"
#include "common/base/text.h"

static void *
inside(const void *base, size_t offset)
{
	return (char *)(uintptr_t)base + offset;
}

/* Of a named section: its items. */
static struct conf_many *
many_of(const struct conf_section *s, const void *conf)
{
	return inside(conf, s->many);
}

const struct conf_section *
conf_section_find(const struct conf_table *t, const char *name, size_t len)
{
	const struct conf_section *s;

	for (s = t->sections; s->name != NULL; s++)
		if (strlen(s->name) == len && memcmp(s->name, name, len) == 0)
			return s;
	return NULL;
}

/* A key whose section is not in the table is a mistake of ours. */
static const struct conf_section *
section_of(const struct conf_table *t, const struct conf_key *key)
{
	const struct conf_section *s =
	    conf_section_find(t, key->section, strlen(key->section));

	if (s == NULL)
		abort();
	return s;
}

const struct conf_key *
conf_key_find(const struct conf_table *t, const struct conf_section *s,
    const char *name, size_t len, bool *is_file)
{
	const struct conf_key *k;
	size_t key_len;

	for (k = t->keys; k->section != NULL; k++) {
		key_len = strlen(k->name);
		if (strcmp(k->section, s->name) != 0 || key_len > len ||
		    memcmp(k->name, name, key_len) != 0)
			continue;
		*is_file = len > key_len;
		if (!*is_file)
			return k;
		if ((k->flags & CONF_SECRET) && len - key_len == 5 &&
		    memcmp(name + key_len, "_file", 5) == 0)
			return k;
	}
	return NULL;
}

const char *
conf_item_name(const struct conf_section *s, const void *item)
{
	return s->many == 0 ? "" : *(char *const *)item;
}

size_t
conf_places(
    const struct conf_table *t, const void *conf, const struct conf_key *key)
{
	const struct conf_section *s = section_of(t, key);

	return s->many == 0 ? 1 : many_of(s, conf)->count;
}

void *
conf_place(const struct conf_table *t, const void *conf,
    const struct conf_key *key, size_t at)
{
	const struct conf_section *s = section_of(t, key);

	if (s->many == 0)
		return inside(conf, key->offset);
	return inside(many_of(s, conf)->item[at], key->offset);
}

/* A default is ours: one that does not parse is a mistake in the table. */
static void
set_preset(const struct conf_key *k, void *at)
{
	struct err e = { 0 };

	if (k->preset == NULL || (k->type == CONF_PATH && *k->preset != '/'))
		return;
	if (conf_value_set(k, at, k->preset, &e) == 0)
		return;
	(void)fprintf(stderr, "dmarc-intake: default of [%s] %s: %s\n",
	    k->section, k->name, e.text);
	abort();
}

static void
set_presets(
    const struct conf_table *t, const struct conf_section *s, void *item)
{
	const struct conf_key *k;

	for (k = t->keys; k->section != NULL; k++)
		if (strcmp(k->section, s->name) == 0)
			set_preset(k, inside(item, k->offset));
}

void *
conf_item(struct conf_loader *l, const struct conf_section *s, const char *name,
    size_t len, struct err *e)
{
	struct conf_many *many;
	size_t i;
	void *item;

	if (s->on > 0)
		*(bool *)inside(l->conf, s->on) = true;
	if (s->many == 0)
		return l->conf;
	many = many_of(s, l->conf);
	for (i = 0; i < many->count; i++)
		if (strlen(*(char **)many->item[i]) == len &&
		    memcmp(*(char **)many->item[i], name, len) == 0)
			return many->item[i];
	if (many->count == CONF_ITEMS_MAX) {
		err_set(e, ERR_CONF, "more than %d sections [%s NAME]",
		    CONF_ITEMS_MAX, s->name);
		return NULL;
	}
	item = xcalloc(1, s->item_size);
	*(char **)item = xstrndup(name, len);
	many->item =
	    xrealloc(many->item, (many->count + 1) * sizeof(*many->item));
	many->item[many->count++] = item;
	set_presets(l->table, s, item);
	return item;
}

const char *
conf_nearer(const char *word, const char *best, const char *candidate)
{
	char lower[64];

	(void)snprintf(lower, sizeof(lower), "%s", word);
	text_lower(lower);
	if (best == NULL ||
	    text_distance(lower, candidate) < text_distance(lower, best))
		return candidate;
	return best;
}

int
conf_suggest(struct err *e, const char *nearest)
{
	size_t used = strlen(e->text);

	if (nearest != NULL)
		(void)snprintf(e->text + used, sizeof(e->text) - used,
		    " (did you mean '%s'?)", nearest);
	return -1;
}

/* One line of a small file; the rest of it must be empty. */
static int
read_secret(const char *path, char text[CONF_VALUE_MAX + 2], struct err *e)
{
	ssize_t n = -1;
	size_t len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && len <= CONF_VALUE_MAX) {
		n = read(fd, text + len, CONF_VALUE_MAX + 1 - len);
		if (n == 0 || (n < 0 && errno != EINTR))
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	if (fd < 0 || n < 0) {
		err_set_errno(e, "%s", path);
		e->kind = ERR_CONF;
	}
	if (fd >= 0)
		(void)close(fd);
	if (fd < 0 || n < 0)
		return -1;
	if (memchr(text, '\0', len) != NULL)
		return err_set(e, ERR_CONF, "%s: has a NUL byte", path);
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	text[len] = '\0';
	return 0;
}

static int
set_from_file(
    const struct conf_key *key, void *at, const char *path, struct err *e)
{
	char text[CONF_VALUE_MAX + 2];
	int rc;

	if (*path != '/')
		return err_set(e, ERR_CONF, "no absolute path");
	rc = read_secret(path, text, e);
	if (rc == 0 && (rc = conf_value_set(key, at, text, e)) < 0)
		err_add(e, "%s", path);
	explicit_bzero(text, sizeof(text));
	return rc;
}

/* A reload reads it again. */
static void
note_secret_file(struct conf_loader *l, const char *path)
{
	struct conf_list *files;

	if (l->table->secret_files == 0)
		return;
	files = inside(l->conf, l->table->secret_files);
	files->item =
	    xrealloc(files->item, (files->count + 1) * sizeof(*files->item));
	files->item[files->count++] = xstrdup(path);
}

static const struct conf_seen *
seen_find(const struct conf_loader *l, const struct conf_key *key,
    const void *item, bool in_environment)
{
	size_t i;

	for (i = 0; i < l->seen_count; i++)
		if (l->seen[i].key == key && l->seen[i].item == item &&
		    (l->seen[i].variable != NULL) == in_environment)
			return &l->seen[i];
	return NULL;
}

static int
check_doubled(const struct conf_seen *before, struct err *e)
{
	if (before->variable != NULL)
		return err_set(e, ERR_CONF, "set by %.*s already",
		    (int)strcspn(before->variable, "="), before->variable);
	return err_set(e, ERR_CONF, "set in line %u already", before->line);
}

int
conf_set(struct conf_loader *l, const struct conf_key *key, void *item,
    const char *text, bool is_file, const char *variable, struct err *e)
{
	const struct conf_seen *before =
	    seen_find(l, key, item, variable != NULL);
	void *at = inside(item, key->offset);

	if (before != NULL)
		return check_doubled(before, e);
	l->seen = xrealloc(l->seen, (l->seen_count + 1) * sizeof(*l->seen));
	l->seen[l->seen_count++] = (struct conf_seen){
		.key = key, .item = item, .line = l->line, .variable = variable
	};
	if (is_file) {
		note_secret_file(l, text);
		return set_from_file(key, at, text, e);
	}
	return conf_value_set(key, at, text, e);
}

int
conf_blame(
    struct conf_loader *l, const char *section, const char *key, struct err *e)
{
	const struct conf_seen *by_file, *by_environment;
	const struct conf_key *k;
	bool is_file;

	k = conf_key_find(l->table,
	    conf_section_find(l->table, section, strlen(section)), key,
	    strlen(key), &is_file);
	by_file = seen_find(l, k, l->conf, false);
	by_environment = seen_find(l, k, l->conf, true);
	err_add(e, "[%s] %s", section, key);
	if (by_environment != NULL)
		return err_add(e, "environment: %.*s",
		    (int)strcspn(by_environment->variable, "="),
		    by_environment->variable);
	if (by_file != NULL)
		return err_add(e, "%s:%u", l->file, by_file->line);
	return l->file != NULL ? err_add(e, "%s", l->file) : -1;
}

/* "section.key", or "section.NAME.key" where there are several. */
static int
set_credential(struct conf_loader *l, const char *folder,
    const struct conf_key *k, void *item, const struct conf_section *s,
    struct err *e)
{
	const char *name = conf_item_name(s, item);
	char *path;
	int rc = 0;

	if (seen_find(l, k, item, false) != NULL ||
	    seen_find(l, k, item, true) != NULL)
		return 0;
	path = xasprintf("%s/%s%s%s.%s", folder, k->section,
	    *name != '\0' ? "." : "", name, k->name);
	if (access(path, F_OK) == 0 &&
	    (rc = set_from_file(k, inside(item, k->offset), path, e)) < 0)
		err_add(e, "credential");
	free(path);
	return rc;
}

static int
set_credentials(struct conf_loader *l, const char *folder, struct err *e)
{
	const struct conf_key *k;
	const struct conf_section *s;
	const struct conf_many *many;
	size_t i;

	for (k = l->table->keys; k->section != NULL; k++) {
		if (!(k->flags & CONF_SECRET))
			continue;
		s = section_of(l->table, k);
		if (s->many == 0) {
			if (set_credential(l, folder, k, l->conf, s, e) < 0)
				return -1;
			continue;
		}
		many = many_of(s, l->conf);
		for (i = 0; i < many->count; i++)
			if (set_credential(l, folder, k, many->item[i], s, e) <
			    0)
				return -1;
	}
	return 0;
}

/* Paths nobody named and whose default is relative: below state_path. */
static void
set_below_state(const struct conf_table *t, void *conf)
{
	const struct conf_key *k;
	const char *state;
	char **at;
	size_t i;

	for (k = t->keys; k->section != NULL; k++) {
		if (k->type != CONF_PATH || k->preset == NULL ||
		    *k->preset == '/')
			continue;
		state = *(char **)inside(conf, t->state_path);
		for (i = 0; i < conf_places(t, conf, k); i++) {
			at = conf_place(t, conf, k, i);
			if (*at == NULL)
				*at = xasprintf("%s%s%s", state,
				    strcmp(state, "/") == 0 ? "" : "/",
				    k->preset);
		}
	}
}

int
conf_fill(const struct conf_table *t, void *conf,
    const struct conf_sources *src, struct err *e)
{
	struct conf_loader l = { .table = t, .conf = conf, .file = src->path };
	const struct conf_section *s;
	int rc = -1;

	for (s = t->sections; s->name != NULL; s++)
		if (s->many == 0)
			set_presets(t, s, conf);
	if (src->path != NULL && conf_file_read(&l, e) < 0)
		goto out;
	l.line = 0;
	if (src->environment != NULL &&
	    conf_env_read(&l, src->environment, e) < 0)
		goto out;
	if (src->credentials != NULL &&
	    set_credentials(&l, src->credentials, e) < 0)
		goto out;
	set_below_state(t, conf);
	if (t->check != NULL && t->check(&l, conf, e) < 0)
		goto out;
	rc = 0;
out:
	free(l.seen);
	return rc;
}

void
conf_clear(const struct conf_table *t, void *conf)
{
	const struct conf_section *s;
	const struct conf_key *k;
	static const struct conf_key list = { .type = CONF_LIST };
	struct conf_many *many;
	size_t i;

	for (k = t->keys; k->section != NULL; k++)
		for (i = 0; i < conf_places(t, conf, k); i++)
			conf_value_clear(k, conf_place(t, conf, k, i));
	for (s = t->sections; s->name != NULL; s++) {
		if (s->many == 0)
			continue;
		many = many_of(s, conf);
		for (i = 0; i < many->count; i++) {
			free(*(char **)many->item[i]);
			free(many->item[i]);
		}
		free(many->item);
		*many = (struct conf_many){ 0 };
	}
	if (t->secret_files != 0)
		conf_value_clear(&list, inside(conf, t->secret_files));
}
