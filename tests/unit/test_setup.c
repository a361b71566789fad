/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_setup.c - the bodies that setup sends, without a server: those of
 * conf/elasticsearch with the names and days of a configuration, and how
 * they compare with what servers give back. Passwords too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#include "common/base/buf.h"

#include "cli/setup.h"

#define BODIES "conf/elasticsearch"

static char *
bodies(void)
{
	const char *top = getenv("srcdir");

	return xasprintf("%s/" BODIES, top != NULL ? top : ".");
}

static json_t *
load(const char *name)
{
	char *folder = bodies();
	struct err e = { 0 };
	json_t *body = body_load(folder, name, &e);

	free(folder);
	if (body == NULL)
		fail_msg("%s", e.text);
	return body;
}

/* text is JSON with ' for " */
static json_t *
json_of(const char *text)
{
	char *copy = xstrdup(text), *p;
	json_error_t wrong;
	json_t *body;

	for (p = copy; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	body = json_loads(copy, JSON_DECODE_ANY, &wrong);
	if (body == NULL)
		fail_msg("%s: %s", text, wrong.text);
	free(copy);
	return body;
}

/* The text at a way of members, and of positions: "a/b/0/c". */
static const char *
text_at(const json_t *body, const char *way)
{
	char name[64];
	size_t len;

	while (*way != '\0') {
		len = strcspn(way, "/");
		(void)snprintf(name, sizeof(name), "%.*s", (int)len, way);
		way += len + (way[len] == '/');
		body =
		    json_is_array(body)
			? json_array_get(body, (size_t)strtoul(name, NULL, 10))
			: json_object_get(body, name);
	}
	return json_string_value(body);
}

/* --- names --- */

static const struct {
	const char *name;
	char *prefix, *suffix;
	const char *text, *expected;
} names[] = {
	{ "as it is", NULL, NULL, "dmarc_aggregate-*", "dmarc_aggregate-*" },
	{ "prefix", (char *)"t_", NULL, "smtp_tls-*", "t_smtp_tls-*" },
	{ "suffix goes before the date", NULL, (char *)"x", "dmarc_failure-*",
	    "dmarc_failure_x-*" },
	{ "both, no date", (char *)"t_", (char *)"x", "dmarc_forensic",
	    "t_dmarc_forensic_x" },
	{ "another name", (char *)"t_", (char *)"x", "dmarc_aggregates-*",
	    "dmarc_aggregates-*" },
	{ "no name at all", (char *)"t_", (char *)"x", "", "" },
};

static void
test_name(void **state)
{
	const __typeof__(*names) *row = *state;
	const struct conf_index index = { .prefix = row->prefix,
		.suffix = row->suffix };
	char *got = body_index(&index, row->text);

	assert_string_equal(got, row->expected);
	free(got);
}

/* --- comparing --- */

static const struct {
	const char *name, *have, *want;
	bool covers;
} compared[] = {
	{ "the same", "{'a':[1,{'b':'c'}]}", "{'a':[1,{'b':'c'}]}", true },
	{ "a server adds members", "{'a':{'b':1,'c':2},'d':3}", "{'a':{'b':1}}",
	    true },
	{ "one is missing", "{'a':1}", "{'a':1,'b':2}", false },
	{ "another value", "{'a':'x'}", "{'a':'y'}", false },
	{ "a number as text", "{'n':'2','b':'false'}", "{'n':2,'b':false}",
	    true },
	{ "another number as text", "{'n':'2'}", "{'n':3}", false },
	{ "longer list", "{'a':['x','y']}", "{'a':['x']}", false },
	{ "shorter list", "{'a':['x']}", "{'a':['x','y']}", false },
	{ "other order", "{'a':['y','x']}", "{'a':['x','y']}", false },
	{ "text where an object was", "{'a':'x'}", "{'a':{}}", false },
	{ "object where a text was", "{'a':{}}", "{'a':'{}'}", false },
	{ "list where an object was", "{'a':[]}", "{'a':{}}", false },
	{ "null is no text", "{'a':null}", "{'a':'x'}", false },
};

static void
test_covers(void **state)
{
	const __typeof__(*compared) *row = *state;
	json_t *have = json_of(row->have), *want = json_of(row->want);

	assert_int_equal(body_covers(have, want), row->covers);
	json_decref(have);
	json_decref(want);
}

static void
test_nothing_covers_nothing(void **state)
{
	json_t *want = json_of("{}");

	(void)state;
	assert_false(body_covers(NULL, want));
	json_decref(want);
}

static void
test_setting_too_many(void **state)
{
	json_t *have = json_of("{'template':{'settings':{'index':{'a':'1',"
			       "'lifecycle':{'name':'x'}}},'mappings':{}},"
			       "'composed_of':[]}");
	json_t *want = json_of("{'template':{'settings':{'index':{'a':1}},"
			       "'mappings':{}}}");

	(void)state;
	assert_true(body_covers(have, want));
	assert_false(body_is_template(have, want));
	json_object_del(
	    json_object_get(
		json_object_get(json_object_get(have, "template"), "settings"),
		"index"),
	    "lifecycle");
	assert_true(body_is_template(have, want));
	json_decref(have);
	json_decref(want);
}

/* --- templates --- */

static const struct {
	const char *name;
} templates[] = {
	{ "dmarc_aggregate.json" },
	{ "dmarc_failure.json" },
	{ "smtp_tls.json" },
};

/* Fields may be of these types, with what lets them take anything. */
static void
check_properties(const json_t *properties, const char *file)
{
	const char *key, *type;
	json_t *field, *keyword;

	json_object_foreach((json_t *)properties, key, field)
	{
		type = json_string_value(json_object_get(field, "type"));
		if (type == NULL) {
			assert_true(json_is_object(
			    json_object_get(field, "properties")));
			assert_null(json_object_get(field, "dynamic"));
			check_properties(
			    json_object_get(field, "properties"), file);
		} else if (strcmp(type, "text") == 0) {
			keyword = json_object_get(
			    json_object_get(field, "fields"), "keyword");
			assert_string_equal(
			    text_at(keyword, "type"), "keyword");
			assert_in_range(json_integer_value(json_object_get(
					    keyword, "ignore_above")),
			    256, 8191);
		} else if (strcmp(type, "boolean") != 0) {
			assert_true(strcmp(type, "date") == 0 ||
				    strcmp(type, "long") == 0);
			if (!json_is_true(
				json_object_get(field, "ignore_malformed")))
				fail_msg("%s: %s", file, key);
		}
	}
}

static void
test_template(void **state)
{
	const char *file = *(const char *const *)*state;
	struct conf conf = { .index = { (char *)"t_", (char *)"x", false },
		.elasticsearch = { .shards = 3, .replicas = 2 } };
	json_t *body = load(file), *again = load(file), *mappings;
	char *base = xstrndup(file, strlen(file) - strlen(".json"));
	char *pattern = xasprintf("t_%s_x-*", base);

	body_fit_template(body, &conf, "some policy");
	assert_string_equal(text_at(body, "index_patterns/0"), pattern);
	assert_string_equal(text_at(body, "_meta/dmarc_intake/period"), "day");
	assert_string_equal(
	    text_at(body, "template/settings/index/number_of_shards"), "3");
	assert_string_equal(
	    text_at(body, "template/settings/index/number_of_replicas"), "2");
	assert_string_equal(
	    text_at(body, "template/settings/index/translog/durability"),
	    "request");
	assert_string_equal(
	    text_at(body, "template/settings/index/lifecycle/name"),
	    "some policy");
	mappings =
	    json_object_get(json_object_get(body, "template"), "mappings");
	assert_true(json_is_false(json_object_get(mappings, "dynamic")));
	check_properties(json_object_get(mappings, "properties"), file);
	/* the mappings are as they were shipped */
	assert_true(json_equal(mappings,
	    json_object_get(json_object_get(again, "template"), "mappings")));
	json_decref(body);
	json_decref(again);
	free(pattern);
	free(base);
}

static void
test_alias_of_failures(void **state)
{
	const struct conf conf = { .index = {
				       (char *)"t_", (char *)"x", true } };
	json_t *body = load("dmarc_failure.json"), *aliases;

	(void)state;
	body_fit_template(body, &conf, NULL);
	aliases = json_object_get(json_object_get(body, "template"), "aliases");
	assert_int_equal(json_object_size(aliases), 1);
	assert_non_null(json_object_get(aliases, "t_dmarc_forensic_x"));
	assert_null(text_at(body, "template/settings/index/lifecycle/name"));
	json_decref(body);
}

static void
test_serverless(void **state)
{
	const struct conf conf = { .index = { .monthly = true },
		.elasticsearch = { .serverless = true } };
	json_t *body = load("smtp_tls.json"), *index;

	(void)state;
	body_fit_template(body, &conf, NULL);
	index = json_object_get(
	    json_object_get(json_object_get(body, "template"), "settings"),
	    "index");
	assert_null(json_object_get(index, "number_of_shards"));
	assert_null(json_object_get(index, "number_of_replicas"));
	assert_null(json_object_get(index, "translog"));
	assert_non_null(json_object_get(index, "mapping"));
	json_decref(body);
}

/* --- retention --- */

static void
test_ilm(void **state)
{
	const struct conf_index index = { .monthly = true };
	json_t *body = load("retention-elasticsearch.json");
	json_t *want =
	    json_of("{'policy':{'phases':{'hot':{'min_age':'0ms','actions':{}},"
		    "'delete':{'min_age':'396d','actions':{'delete':{}}}}}}");

	(void)state;
	body_fit_retention(body, SETUP_ELASTICSEARCH, &index, 365);
	assert_true(json_equal(body, want));
	json_decref(body);
	json_decref(want);
}

static void
test_ism(void **state)
{
	const struct conf_index index = { (char *)"t_", NULL, false };
	json_t *body = load("retention-opensearch.json");

	(void)state;
	body_fit_retention(body, SETUP_OPENSEARCH, &index, 30);
	assert_string_equal(text_at(body, "policy/default_state"), "keep");
	assert_string_equal(
	    text_at(body, "policy/states/0/transitions/0/conditions/"
			  "min_index_age"),
	    "31d");
	assert_string_equal(
	    text_at(body, "policy/states/0/transitions/0/state_name"),
	    "delete");
	assert_string_equal(text_at(body, "policy/states/1/name"), "delete");
	assert_string_equal(
	    text_at(body, "policy/ism_template/0/index_patterns/0"),
	    "t_dmarc_aggregate-*");
	assert_string_equal(
	    text_at(body, "policy/ism_template/0/index_patterns/2"),
	    "t_smtp_tls-*");
	json_decref(body);
}

/* --- roles --- */

static const struct {
	const char *name;
	enum setup_product product;
	const char *way;     /* to the rights of the ingest role */
	const char *indexes; /* and to its indexes */
} roles[] = {
	{ "roles-elasticsearch.json", SETUP_ELASTICSEARCH,
	    "indices/0/privileges", "indices/0/names" },
	{ "roles-opensearch.json", SETUP_OPENSEARCH,
	    "index_permissions/0/allowed_actions",
	    "index_permissions/0/index_patterns" },
};

static void
test_roles(void **state)
{
	static const char *const never[] = { "write", "all", "delete", "manage",
		"*", "crud", "indices_all", "unlimited", "indices:*",
		"indices:data/write/*", "indices:data/write/delete" };
	const struct conf_index index = { (char *)"t_", NULL, true };
	const __typeof__(*roles) *row = *state;
	json_t *body = load(row->name), *role;
	const char *right;
	char way[80];
	size_t i, k, before;

	body_name_indexes(body, &index);
	role = json_object_get(body, "dmarc-intake-ingest");
	(void)snprintf(way, sizeof(way), "%s/2", row->indexes);
	assert_string_equal(text_at(role, way), "t_smtp_tls-*");
	for (i = 0;; i++) {
		(void)snprintf(way, sizeof(way), "%s/%zu", row->way, i);
		if ((right = text_at(role, way)) == NULL)
			break;
		for (k = 0; k < sizeof(never) / sizeof(*never); k++)
			assert_string_not_equal(right, never[k]);
		assert_null(strstr(right, "read"));
	}
	assert_true(i >= 3);
	before = i;
	body_let_read(role, row->product);
	(void)snprintf(way, sizeof(way), "%s/%zu", row->way, before);
	assert_non_null(strstr(text_at(role, way), "read"));
	json_decref(body);
}

/* --- files that are not there --- */

static void
test_missing_body(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_null(body_load("/nonexistent", "smtp_tls.json", &e));
	assert_int_equal(e.kind, ERR_CONF);
	assert_non_null(strstr(e.text, "/nonexistent/smtp_tls.json"));
}

/* --- passwords --- */

static char folder[] = "/tmp/test_setup.XXXXXX";

static void
test_password_file(void **state)
{
	char *path = xasprintf("%s/password", folder);
	char *first = password_new(), *second = password_new(), *got;
	struct err e = { 0 };
	struct stat st;

	(void)state;
	assert_int_equal(strlen(first), 32);
	assert_string_not_equal(first, second);
	assert_int_equal(password_write(path, first, folder, &e), 0);
	assert_int_equal(password_write(path, second, folder, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	got = password_read(path, &e);
	assert_string_equal(got, second);
	assert_int_equal(unlink(path), 0);
	free(got);
	free(first);
	free(second);
	free(path);
}

static void
test_password_has_no_place(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    password_write("/nonexistent/x", "secret", folder, &e), -1);
	assert_non_null(strstr(e.text, "/nonexistent/x"));
	assert_null(strstr(e.text, "secret"));
}

static const struct {
	const char *name, *content, *expected;
} files[] = {
	{ "one line", "abc\n", "abc" },
	{ "no line end", "abc", "abc" },
	{ "DOS line end", "abc\r\n", "abc" },
	{ "more lines", "a b c\nd\n", "a b c" },
	{ "empty", "", NULL },
	{ "empty line", "\nabc\n", NULL },
};

static void
test_password_read(void **state)
{
	const __typeof__(*files) *row = *state;
	char *path = xasprintf("%s/read", folder), *got;
	struct err e = { 0 };
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(row->content, f) >= 0);
	assert_int_equal(fclose(f), 0);
	got = password_read(path, &e);
	if (row->expected == NULL) {
		assert_null(got);
		assert_int_equal(e.kind, ERR_CONF);
	} else {
		assert_non_null(got);
		assert_string_equal(got, row->expected);
	}
	assert_int_equal(unlink(path), 0);
	free(got);
	free(path);
}

static void
test_password_read_long(void **state)
{
	char *path = xasprintf("%s/long", folder);
	struct err e = { 0 };
	FILE *f = fopen(path, "w");
	size_t i;

	(void)state;
	assert_non_null(f);
	for (i = 0; i < 3000; i++)
		(void)fputc('x', f);
	assert_int_equal(fclose(f), 0);
	assert_null(password_read(path, &e));
	assert_int_equal(e.kind, ERR_CONF);
	assert_int_equal(unlink(path), 0);
	free(path);
}

int
main(void)
{
	static struct unit u;
	int failed;

	if (mkdtemp(folder) == NULL)
		return 1;
	UNIT_ROWS(&u, names, test_name);
	UNIT_ROWS(&u, compared, test_covers);
	UNIT_ONE(&u, test_nothing_covers_nothing);
	UNIT_ONE(&u, test_setting_too_many);
	UNIT_ROWS(&u, templates, test_template);
	UNIT_ONE(&u, test_alias_of_failures);
	UNIT_ONE(&u, test_serverless);
	UNIT_ONE(&u, test_ilm);
	UNIT_ONE(&u, test_ism);
	UNIT_ROWS(&u, roles, test_roles);
	UNIT_ONE(&u, test_missing_body);
	UNIT_ONE(&u, test_password_file);
	UNIT_ONE(&u, test_password_has_no_place);
	UNIT_ROWS(&u, files, test_password_read);
	UNIT_ONE(&u, test_password_read_long);
	failed = unit_run("setup", &u);
	(void)rmdir(folder);
	return failed;
}
