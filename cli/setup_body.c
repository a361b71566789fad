/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_body.c - the JSON that setup sends: read from conf/elasticsearch,
 * made fit for the configuration, compared with what a server has.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"

#include "cli/setup.h"

#define MONTH_DAYS_MOST 31

const char *const setup_kinds[SETUP_KIND_COUNT] = {
	"dmarc_aggregate",
	"dmarc_failure",
	"smtp_tls",
};

static const char *const bases[] = {
	"dmarc_aggregate",
	"dmarc_failure",
	"dmarc_forensic",
	"smtp_tls",
};

/* Where servers expect names of indexes. */
static const char *const index_keys[] = {
	"index_patterns",
	"names",
	"aliases",
};

json_t *
body_load(const char *folder, const char *name, struct err *e)
{
	char *path = xasprintf("%s/%s", folder, name);
	json_error_t wrong;
	json_t *body = json_load_file(path, JSON_REJECT_DUPLICATES, &wrong);

	if (body == NULL)
		err_set(e, ERR_CONF, "%s: %s", path, wrong.text);
	else if (!json_is_object(body)) {
		err_set(e, ERR_CONF, "%s: no JSON object", path);
		json_decref(body);
		body = NULL;
	}
	free(path);
	return body;
}

char *
body_name(const struct conf_index *index, const char *name)
{
	return xasprintf("%s%s%s%s", index->prefix != NULL ? index->prefix : "",
	    name, index->suffix != NULL ? "_" : "",
	    index->suffix != NULL ? index->suffix : "");
}

char *
body_index(const struct conf_index *index, const char *text)
{
	char *name, *whole;
	size_t i, len;

	for (i = 0; i < sizeof(bases) / sizeof(*bases); i++) {
		len = strlen(bases[i]);
		if (strncmp(text, bases[i], len) != 0 ||
		    (text[len] != '\0' && text[len] != '-'))
			continue;
		name = body_name(index, bases[i]);
		whole = xasprintf("%s%s", name, text + len);
		free(name);
		return whole;
	}
	return xstrdup(text);
}

/* A list of names, or an object whose keys are names. */
static json_t *
named(const json_t *names, const struct conf_index *index)
{
	json_t *list = json_is_object(names) ? json_object() : json_array();
	const char *key;
	json_t *value;
	size_t i;
	char *name;

	json_array_foreach(names, i, value)
	{
		name = body_index(index, json_string_value(value));
		json_array_append_new(list, json_string(name));
		free(name);
	}
	json_object_foreach((json_t *)names, key, value)
	{
		name = body_index(index, key);
		json_object_set(list, name, value);
		free(name);
	}
	return list;
}

static bool
is_index_key(const char *key)
{
	size_t i;

	for (i = 0; i < sizeof(index_keys) / sizeof(*index_keys); i++)
		if (strcmp(key, index_keys[i]) == 0)
			return true;
	return false;
}

/* As deep as the files that we ship are. */
void
body_name_indexes(json_t *body, const struct conf_index *index)
{
	const char *key;
	json_t *value;
	size_t i;

	json_array_foreach(body, i, value) body_name_indexes(value, index);
	json_object_foreach(body, key, value)
	{
		if (is_index_key(key))
			json_object_set_new(body, key, named(value, index));
		else if (strcmp(key, "mappings") != 0)
			body_name_indexes(value, index);
	}
}

/* Servers give settings back as text, whatever they were given as. */
static bool
is_same_scalar(const json_t *a, const json_t *b)
{
	char *x, *y;
	const char *p, *q;
	bool is_same;

	if (json_typeof(a) == json_typeof(b))
		return json_equal(a, b);
	x = json_dumps(a, JSON_ENCODE_ANY);
	y = json_dumps(b, JSON_ENCODE_ANY);
	p = json_is_string(a) ? json_string_value(a) : x;
	q = json_is_string(b) ? json_string_value(b) : y;
	is_same = strcmp(p, q) == 0;
	free(x);
	free(y);
	return is_same;
}

bool
body_covers(const json_t *have, const json_t *want)
{
	const char *key;
	json_t *value;
	size_t i;

	if (have == NULL)
		return false;
	if (json_is_object(want)) {
		json_object_foreach((json_t *)want, key, value)
		{
			if (!body_covers(json_object_get(have, key), value))
				return false;
		}
		return json_is_object(have);
	}
	if (json_is_array(want)) {
		if (json_array_size(have) != json_array_size(want))
			return false;
		json_array_foreach(want, i, value)
		{
			if (!body_covers(json_array_get(have, i), value))
				return false;
		}
		return json_is_array(have);
	}
	if (json_is_object(have) || json_is_array(have))
		return false;
	return is_same_scalar(have, want);
}

static json_t *
below(const json_t *body, const char *a, const char *b)
{
	return json_object_get(json_object_get(body, a), b);
}

static void
set_number(json_t *object, const char *key, uint64_t n)
{
	json_object_set_new(object, key, json_sprintf("%" PRIu64, n));
}

void
body_fit_template(json_t *body, const struct conf *conf, const char *policy)
{
	json_t *index =
	    json_object_get(below(body, "template", "settings"), "index");
	json_t *meta = below(body, "_meta", "dmarc_intake");

	body_name_indexes(body, &conf->index);
	json_object_set_new(
	    meta, "period", json_string(conf->index.monthly ? "month" : "day"));
	if (conf->elasticsearch.serverless) {
		/* the provider decides these, and refuses them */
		json_object_del(index, "number_of_shards");
		json_object_del(index, "number_of_replicas");
		json_object_del(index, "translog");
	} else {
		set_number(
		    index, "number_of_shards", conf->elasticsearch.shards);
		set_number(
		    index, "number_of_replicas", conf->elasticsearch.replicas);
	}
	if (policy != NULL)
		json_object_set_new(
		    index, "lifecycle", json_pack("{s:s}", "name", policy));
}

bool
body_is_template(const json_t *have, const json_t *want)
{
	return body_covers(have, want) &&
	       body_covers(below(want, "template", "settings"),
		   below(have, "template", "settings")) &&
	       body_covers(below(want, "template", "mappings"),
		   below(have, "template", "mappings"));
}

/*
 * Servers count from when an index was made, and its last record can be as
 * much younger as the index is long.
 */
int64_t
body_index_days(const struct conf_index *index, int64_t days)
{
	return days + (index->monthly ? MONTH_DAYS_MOST : 1);
}

void
body_fit_retention(json_t *body, enum setup_product product,
    const struct conf_index *index, int64_t days)
{
	json_t *policy = json_object_get(body, "policy"), *step;
	json_t *age =
	    json_sprintf("%" PRId64 "d", body_index_days(index, days));

	body_name_indexes(body, index);
	if (product == SETUP_ELASTICSEARCH) {
		step = below(policy, "phases", "delete");
		json_object_set_new(step, "min_age", age);
		return;
	}
	step = json_array_get(json_object_get(policy, "states"), 0);
	step = json_array_get(json_object_get(step, "transitions"), 0);
	json_object_set_new(
	    json_object_get(step, "conditions"), "min_index_age", age);
}

void
body_let_read(json_t *role, enum setup_product product)
{
	bool is_elastic = product == SETUP_ELASTICSEARCH;
	json_t *rights = json_array_get(
	    json_object_get(role, is_elastic ? "indices" : "index_permissions"),
	    0);

	json_array_append_new(
	    json_object_get(
		rights, is_elastic ? "privileges" : "allowed_actions"),
	    json_string(is_elastic ? "read" : "indices:data/read/search*"));
}
