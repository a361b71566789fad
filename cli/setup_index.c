/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_index.c - what is there already: indexes that were made without the
 * template, or that acknowledge what is not on disk yet, and fields that have
 * another type in them. A server that maps by the first document takes a
 * report id such as "2026-02-02" for a time, and refuses the next one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"

#include "cli/setup.h"

#define NAMES_TOLD 3

static bool
is_of_template(const json_t *index)
{
	return json_object_get(
		   json_object_get(json_object_get(index, "mappings"), "_meta"),
		   "dmarc_intake") != NULL;
}

static bool
is_async(const json_t *index)
{
	static const char *const way[] = { "settings", "index", "translog",
		"durability" };
	const char *value;
	size_t i;

	for (i = 0; i < sizeof(way) / sizeof(*way); i++)
		index = json_object_get(index, way[i]);
	value = json_string_value(index);
	return value != NULL && strcmp(value, "async") == 0;
}

static void
tell_all(struct setup *s, json_t *answer)
{
	const char *name;
	json_t *index;

	json_object_foreach(answer, name, index)
	{
		if (!is_of_template(index))
			setup_tell(s, SETUP_WARNING,
			    "index %s was made without the template: its "
			    "fields are as its first documents were",
			    name);
		if (is_async(index))
			setup_tell(s, SETUP_WARNING,
			    "index %s: index.translog.durability is async, so "
			    "what is acknowledged can be lost; set it to "
			    "request",
			    name);
	}
}

static int
check_made(struct setup *s, struct err *e)
{
	const struct conf_index *index = &s->conf->index;
	char *aggregate = body_index(index, "dmarc_aggregate-*");
	char *failure = body_index(index, "dmarc_failure-*");
	char *tls = body_index(index, "smtp_tls-*");
	char *names = xasprintf("%s,%s,%s", aggregate, failure, tls);
	char *before = setup_path("", names);
	char *path = xasprintf("%s?filter_path=*.mappings._meta,"
			       "*.settings.index.translog.durability,"
			       "*.settings.index.provided_name",
	    before);
	json_t *answer = NULL;
	int status, rc = 0;

	if (setup_get(s, path, &status, &answer, e) < 0)
		rc = -1;
	else if (status == 200)
		tell_all(s, answer);
	else if (status != 404) /* there is none */
		rc = setup_blame(s, "GET", path, status, answer, e);
	json_decref(answer);
	free(path);
	free(before);
	free(names);
	free(tls);
	free(failure);
	free(aggregate);
	return rc;
}

/* "a, b, c, ..." of a list of texts; the caller frees it. */
static char *
first_names(const json_t *list, const char *pattern)
{
	char *names, *longer;
	const json_t *name;
	size_t i;

	if (json_array_size(list) == 0) /* all of them that have the field */
		return xstrdup(pattern);
	names = xstrdup("");
	json_array_foreach(list, i, name)
	{
		longer = xasprintf("%s%s%s", names, i > 0 ? ", " : "",
		    i < NAMES_TOLD ? json_string_value(name) : "...");
		free(names);
		names = longer;
		if (i == NAMES_TOLD)
			break;
	}
	return names;
}

/* types: {"text": {"indices": [...]}, ...}, as it is in all the indexes */
static void
compare_types(struct setup *s, const char *pattern, const char *field,
    const char *type, json_t *types)
{
	const char *other;
	json_t *where;
	char *names;

	json_object_foreach(types, other, where)
	{
		if (strcmp(other, type) == 0 || strcmp(other, "unmapped") == 0)
			continue;
		names = first_names(json_object_get(where, "indices"), pattern);
		setup_tell(s, SETUP_WARNING,
		    "index %s: the field %s is %s there, not %s: a document "
		    "that does not fit is refused and its mail kept. Reindex "
		    "it under another name",
		    names, field, other, type);
		free(names);
	}
}

/* As deep as the templates are. */
static void
compare_fields(struct setup *s, const char *pattern, const char *before,
    const json_t *properties, const json_t *caps)
{
	const char *key, *type;
	json_t *field;
	char *name, *inner;

	json_object_foreach((json_t *)properties, key, field)
	{
		name = xasprintf("%s%s", before, key);
		type = json_string_value(json_object_get(field, "type"));
		compare_types(s, pattern, name, type != NULL ? type : "object",
		    json_object_get(caps, name));
		inner = xasprintf("%s.", name);
		compare_fields(s, pattern, inner,
		    json_object_get(field, "properties"), caps);
		free(inner);
		free(name);
	}
}

static int
check_types(struct setup *s, const char *kind, struct err *e)
{
	char *file = xasprintf("%s.json", kind);
	json_t *body = body_load(s->options->templates_path, file, e);
	char *name, *pattern, *before, *path;
	json_t *answer = NULL;
	int status, rc = 0;

	free(file);
	if (body == NULL)
		return -1;
	name = body_name(&s->conf->index, kind);
	pattern = xasprintf("%s-*", name);
	before = setup_path("", pattern);
	path = xasprintf("%s/_field_caps?fields=*", before);
	if (setup_get(s, path, &status, &answer, e) < 0)
		rc = -1;
	else if (status == 200)
		compare_fields(s, pattern, "",
		    json_object_get(
			json_object_get(
			    json_object_get(body, "template"), "mappings"),
			"properties"),
		    json_object_get(answer, "fields"));
	else if (status != 404)
		rc = setup_blame(s, "GET", path, status, answer, e);
	json_decref(answer);
	json_decref(body);
	free(path);
	free(before);
	free(pattern);
	free(name);
	return rc;
}

int
setup_check_indexes(struct setup *s, struct err *e)
{
	size_t i;

	if (check_made(s, e) < 0)
		return -1;
	for (i = 0; i < SETUP_KIND_COUNT; i++)
		if (check_types(s, setup_kinds[i], e) < 0)
			return -1;
	return 0;
}
