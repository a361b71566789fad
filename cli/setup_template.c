/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_template.c - the index templates, and the question whether indexes of
 * another prefix, suffix or period are there: an id is unique in one index
 * only, so a report that comes again under another name is stored twice.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"

#include "cli/setup.h"

#define TEMPLATES "/_index_template"
#define OURS "dmarc-intake-"
#define NAMES_TOLD 3

/* What a template of ours is called: "dmarc-intake-dmarc_aggregate". */
static char *
template_name(const struct setup *s, const char *kind)
{
	char *index = body_name(&s->conf->index, kind);
	char *name = xasprintf(OURS "%s", index);

	free(index);
	return name;
}

/* In the answer to GET /_index_template/...; NULL when it is not there. */
static const json_t *
find(const json_t *answer, const char *name)
{
	const json_t *item;
	const char *its;
	size_t i;

	json_array_foreach(json_object_get(answer, "index_templates"), i, item)
	{
		its = json_string_value(json_object_get(item, "name"));
		if (its != NULL && strcmp(its, name) == 0)
			return json_object_get(item, "index_template");
	}
	return NULL;
}

static const json_t *
meta_of(const json_t *template)
{
	return json_object_get(
	    json_object_get(template, "_meta"), "dmarc_intake");
}

static bool
has_our_period(const struct setup *s, const json_t *template)
{
	const char *period =
	    json_string_value(json_object_get(meta_of(template), "period"));

	return period == NULL ||
	       strcmp(period, s->conf->index.monthly ? "month" : "day") == 0;
}

/* Of the indexes that template is for, some names. *names is NULL: none. */
static int
list_indexes(
    struct setup *s, const json_t *template, char **names, struct err *e)
{
	const char *pattern = json_string_value(
	    json_array_get(json_object_get(template, "index_patterns"), 0));
	char *before, *path, *longer;
	json_t *answer = NULL, *index;
	const char *name;
	size_t told = 0;
	int status, rc = 0;

	*names = NULL;
	before = setup_path("", pattern != NULL ? pattern : "-");
	path = xasprintf(
	    "%s/_settings?filter_path=*.settings.index.provided_name", before);
	free(before);
	if (setup_get(s, path, &status, &answer, e) < 0)
		rc = -1;
	else if (status != 200)
		rc = setup_blame(s, "GET", path, status, answer, e);
	free(path);
	if (rc == 0) {
		json_object_foreach(answer, name, index)
		{
			if (told++ >= NAMES_TOLD)
				break;
			longer =
			    xasprintf("%s%s%s", *names != NULL ? *names : "",
				*names != NULL ? ", " : "", name);
			free(*names);
			*names = longer;
		}
	}
	json_decref(answer);
	return rc;
}

static int
check_form(
    struct setup *s, const char *name, const json_t *template, struct err *e)
{
	char *indexes;

	if (list_indexes(s, template, &indexes, e) < 0)
		return -1;
	if (indexes == NULL)
		return 0;
	err_set(e, ERR_CONF,
	    "the template %.80s stands for indexes of another prefix, suffix "
	    "or period, and there are some: %.200s. A report that comes again "
	    "would be stored under both names. If that is meant: --force",
	    name, indexes);
	free(indexes);
	return -1;
}

static bool
is_one_of_ours(const struct setup *s, const char *name)
{
	size_t i;
	bool is_ours = false;
	char *own;

	for (i = 0; i < SETUP_KIND_COUNT; i++) {
		own = template_name(s, setup_kinds[i]);
		is_ours |= strcmp(name, own) == 0;
		free(own);
	}
	return is_ours;
}

/* Is this form installed already? Then others were agreed to. */
static bool
is_installed(const struct setup *s, const json_t *answer)
{
	bool is_there = false;
	char *own;
	size_t i;

	for (i = 0; i < SETUP_KIND_COUNT; i++) {
		own = template_name(s, setup_kinds[i]);
		is_there |= meta_of(find(answer, own)) != NULL;
		free(own);
	}
	return is_there;
}

static int
check_forms(struct setup *s, const json_t *answer, struct err *e)
{
	bool is_there = is_installed(s, answer);
	const json_t *item, *template;
	const char *name;
	size_t i;

	json_array_foreach(json_object_get(answer, "index_templates"), i, item)
	{
		name = json_string_value(json_object_get(item, "name"));
		template = json_object_get(item, "index_template");
		if (name == NULL || meta_of(template) == NULL)
			continue;
		if (is_one_of_ours(s, name) ? has_our_period(s, template)
					    : is_there)
			continue;
		if (check_form(s, name, template, e) < 0)
			return -1;
	}
	return 0;
}

int
setup_check_forms(struct setup *s, struct err *e)
{
	static const char path[] = TEMPLATES "/" OURS "*";
	json_t *answer = NULL;
	int status, rc = 0;

	if (s->options->force)
		return 0;
	if (setup_get(s, path, &status, &answer, e) < 0)
		return -1;
	if (status == 200)
		rc = check_forms(s, answer, e);
	else if (status != 404) /* there are none */
		rc = setup_blame(s, "GET", path, status, answer, e);
	json_decref(answer);
	return rc;
}

/* The lifecycle policy of the template that is installed, or NULL. */
static const char *
policy_of(const json_t *template)
{
	static const char *const way[] = { "template", "settings", "index",
		"lifecycle", "name" };
	size_t i;

	for (i = 0; i < sizeof(way) / sizeof(*way); i++)
		template = json_object_get(template, way[i]);
	return json_string_value(template);
}

static int
install(struct setup *s, const char *name, const char *path, const json_t *have,
    json_t *body, struct err *e)
{
	if (have != NULL && meta_of(have) == NULL && !s->options->force)
		return err_set(e, ERR_CONF,
		    "template %s is there and is not dmarc-intake's; to "
		    "replace it: --force",
		    name);
	if (have != NULL && body_is_template(have, body)) {
		setup_tell(s, SETUP_UNCHANGED, "template %s", name);
		return 0;
	}
	if (setup_put(s, path, body, e) < 0)
		return -1;
	setup_tell(s, have == NULL ? SETUP_CREATED : SETUP_CHANGED,
	    have == NULL ? "template %s"
			 : "template %s: for indexes made from now on",
	    name);
	return 0;
}

static int
setup_template(
    struct setup *s, const char *kind, const char *policy, struct err *e)
{
	char *file = xasprintf("%s.json", kind), *name, *path;
	json_t *body = body_load(s->options->templates_path, file, e);
	json_t *answer = NULL;
	const json_t *have;
	int status, rc = -1;

	free(file);
	if (body == NULL)
		return -1;
	name = template_name(s, kind);
	path = setup_path(TEMPLATES, name);
	if (setup_get(s, path, &status, &answer, e) < 0)
		goto out;
	if (status != 200 && status != 404) {
		setup_blame(s, "GET", path, status, answer, e);
		goto out;
	}
	have = find(answer, name);
	if (s->options->retention_days == SETUP_KEEP_RETENTION)
		policy = policy_of(have);
	body_fit_template(body, s->conf, policy);
	rc = install(s, name, path, have, body, e);
out:
	json_decref(answer);
	json_decref(body);
	free(path);
	free(name);
	return rc;
}

int
setup_templates(struct setup *s, const char *policy, struct err *e)
{
	size_t i;

	for (i = 0; i < SETUP_KIND_COUNT; i++)
		if (setup_template(s, setup_kinds[i], policy, e) < 0)
			return -1;
	return 0;
}
