/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_retention.c - the policy that deletes old indexes: ILM on
 * Elasticsearch, whose template names it; ISM on OpenSearch, which takes the
 * indexes by their names.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/buf.h"

#include "cli/setup.h"

static const struct {
	const char *path, *file, *name;
} kinds[] = {
	[SETUP_ELASTICSEARCH] = { "/_ilm/policy",
	    "retention-elasticsearch.json", "index lifecycle management" },
	[SETUP_OPENSEARCH] = { "/_plugins/_ism/policies",
	    "retention-opensearch.json", "index state management" },
};

/* OpenSearch takes a policy anew only by the version that it replaces. */
static char *
put_path(const struct setup *s, const char *path, const json_t *have)
{
	if (have == NULL || s->product == SETUP_ELASTICSEARCH)
		return xstrdup(path);
	return xasprintf("%s?if_seq_no=%" JSON_INTEGER_FORMAT
			 "&if_primary_term=%" JSON_INTEGER_FORMAT,
	    path, json_integer_value(json_object_get(have, "_seq_no")),
	    json_integer_value(json_object_get(have, "_primary_term")));
}

/* {"NAME": {"policy": ...}} or {"_id": "NAME", "policy": ...} */
static const json_t *
installed(const struct setup *s, const json_t *answer, const char *name)
{
	return s->product == SETUP_ELASTICSEARCH ? json_object_get(answer, name)
						 : answer;
}

static int
put_policy(struct setup *s, const char *name, const char *path,
    const json_t *have, json_t *body, struct err *e)
{
	bool is_off = s->options->retention_days == 0;
	char *to;
	int rc;

	body_fit_retention(
	    body, s->product, &s->conf->index, s->options->retention_days);
	if (is_off) /* only on OpenSearch, where it says which indexes */
		json_object_set_new(json_object_get(body, "policy"),
		    "ism_template", json_array());
	if (have != NULL && body_covers(have, body)) {
		setup_tell(s, SETUP_UNCHANGED, "policy %s", name);
		return 0;
	}
	to = put_path(s, path, have);
	rc = setup_put(s, to, body, e);
	free(to);
	if (rc < 0)
		return -1;
	if (is_off)
		setup_tell(s, SETUP_CHANGED,
		    "policy %s: takes no new indexes, and those that it has "
		    "stay with it",
		    name);
	else
		setup_tell(s, have == NULL ? SETUP_CREATED : SETUP_CHANGED,
		    "policy %s: an index is deleted %" PRId64
		    " days after it was made",
		    name,
		    body_index_days(
			&s->conf->index, s->options->retention_days));
	return 0;
}

static int
install(struct setup *s, const char *name, const char *path, int status,
    const json_t *answer, struct err *e)
{
	const json_t *have = status == 200 ? installed(s, answer, name) : NULL;
	json_t *body;
	int rc;

	if (s->options->retention_days == 0) {
		if (have == NULL)
			return 0;
		if (s->product == SETUP_ELASTICSEARCH) {
			setup_tell(s, SETUP_LEFT,
			    "policy %s: indexes that have it stay with it",
			    name);
			return 0;
		}
	}
	body = body_load(s->options->templates_path, kinds[s->product].file, e);
	if (body == NULL)
		return -1;
	rc = put_policy(s, name, path, have, body, e);
	json_decref(body);
	return rc;
}

int
setup_retention(struct setup *s, char **policy, struct err *e)
{
	char *name, *path;
	json_t *answer = NULL;
	int status, rc = -1;

	if (s->options->retention_days == SETUP_KEEP_RETENTION)
		return 0;
	name = body_name(&s->conf->index, "dmarc-intake");
	path = setup_path(kinds[s->product].path, name);
	if (setup_get(s, path, &status, &answer, e) < 0)
		goto out;
	if (setup_is_unknown_path(status, answer)) {
		setup_tell(s, SETUP_SKIPPED, "retention: no %s on this server",
		    kinds[s->product].name);
		rc = 0;
	} else if (status != 200 && status != 404) {
		rc = setup_blame(s, "GET", path, status, answer, e);
	} else {
		rc = install(s, name, path, status, answer, e);
		if (rc == 0 && s->product == SETUP_ELASTICSEARCH &&
		    s->options->retention_days > 0)
			*policy = xstrdup(name);
	}
out:
	json_decref(answer);
	free(path);
	free(name);
	return rc;
}
