/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_kibana.c - "dmarc-intake setup kibana": a space (a tenant, in
 * OpenSearch) with our saved objects, and a role that may look at them.
 *
 * The digest of the objects stands in the description of the space: what is
 * there already is not sent again, and what a person changed stays until we
 * have something new.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/sha256.h"
#include "common/base/text.h"

#include "cli/setup.h"

#define OBJECTS_MAX ((size_t)16 * 1024 * 1024)
#define ROLE "dmarc-intake-dashboards"
#define TITLE "DMARC"
#define BOUNDARY "dmarc-intake-objects"
#define DIGEST_SHOWN 16

static const struct {
	const char *objects, *role; /* files in conf/kibana */
	const char *place;          /* what it calls one */
	const char *xsrf;           /* it wants to see this header */
} kinds[] = {
	[SETUP_ELASTICSEARCH] = { "kibana.ndjson", "role-elasticsearch.json",
	    "space", "kbn-xsrf: true" },
	[SETUP_OPENSEARCH] = { "opensearch-dashboards.ndjson",
	    "role-opensearch.json", "tenant", "osd-xsrf: true" },
};

struct kibana {
	struct setup *s;
	struct http *http; /* Kibana itself; s->http is its cluster */
	struct buf objects;
	char *description; /* with the digest of the objects */
	json_t *place;     /* the space or tenant as it is; NULL: none */
};

static int
load_objects(struct kibana *k, struct err *e)
{
	struct setup *s = k->s;
	char *path = xasprintf(
	    "%s/%s", s->options->objects_path, kinds[s->product].objects);
	FILE *f = fopen(path, "re");
	char block[8192];
	size_t len;
	int rc = 0;

	if (f == NULL) {
		rc = err_set_errno(e, "%s", path);
		e->kind = ERR_CONF;
		free(path);
		return rc;
	}
	while (rc == 0 && (len = fread(block, 1, sizeof(block), f)) > 0)
		rc = buf_add(&k->objects, block, len, e);
	if (rc == 0 && ferror(f))
		rc = err_set_errno(e, "%s", path);
	if (rc == 0 && k->objects.len == 0)
		rc = err_set(e, ERR_CONF, "%s: is empty", path);
	(void)fclose(f);
	free(path);
	return rc;
}

static void
describe(struct kibana *k)
{
	unsigned char digest[SHA256_BYTES];
	char hex[SHA256_HEX_SIZE];
	struct sha256 *sha = sha256_new();

	sha256_add(sha, k->objects.data, k->objects.len);
	sha256_end(sha, digest);
	sha256_free(&sha);
	text_hex(digest, sizeof(digest), hex);
	k->description =
	    xasprintf("DMARC and SMTP TLS reports (dmarc-intake %.*s)",
		DIGEST_SHOWN, hex);
}

/* One request to Kibana. A status that is none of success is an error. */
static int
ask(struct kibana *k, const char *method, const char *path,
    const char *content_type, const struct buf *body, int *status,
    json_t **answer, struct err *e)
{
	char *tenant = xasprintf("securitytenant: %s", k->s->options->space);
	const char *headers[] = { kinds[k->s->product].xsrf,
		k->s->product == SETUP_OPENSEARCH ? tenant : NULL, NULL };
	struct http_request q = { .method = method,
		.path = path,
		.content_type = content_type,
		.headers = headers };
	int rc;

	if (body != NULL) {
		q.body = body->data;
		q.body_len = body->len;
	}
	rc = setup_ask(k->s, k->http, &q, status, answer, e);
	free(tenant);
	if (rc < 0 || *status == 404 || (*status >= 200 && *status <= 299))
		return rc;
	(void)setup_blame(k->s, method, path, *status, *answer, e);
	json_decref(*answer);
	*answer = NULL;
	return -1;
}

static char *
place_path(const struct kibana *k)
{
	return setup_path(k->s->product == SETUP_OPENSEARCH
			      ? "/_plugins/_security/api/tenants"
			      : "/api/spaces/space",
	    k->s->options->space);
}

/* A tenant is OpenSearch's, a space Kibana's. 0: k->place is what is there. */
static int
find_place(struct kibana *k, struct err *e)
{
	char *path = place_path(k);
	json_t *answer = NULL;
	int status = 0, rc;

	if (k->s->product == SETUP_OPENSEARCH)
		rc = setup_get(k->s, path, &status, &answer, e);
	else
		rc = ask(k, "GET", path, NULL, NULL, &status, &answer, e);
	if (rc == 0 && status != 200 && status != 404)
		rc = setup_blame(k->s, "GET", path, status, answer, e);
	if (rc == 0 && status == 200) {
		json_decref(k->place);
		k->place = json_incref(
		    k->s->product == SETUP_OPENSEARCH
			? json_object_get(answer, k->s->options->space)
			: answer);
	}
	json_decref(answer);
	free(path);
	return rc;
}

static int
send_space(struct kibana *k, const char *method, const char *path,
    const json_t *body, struct err *e)
{
	char *text = json_dumps(body, JSON_COMPACT);
	struct buf bytes = { .data = text, .len = strlen(text) };
	json_t *answer = NULL;
	int status = 0;
	int rc = ask(
	    k, method, path, "application/json", &bytes, &status, &answer, e);

	if (rc == 0 && status == 404)
		rc = setup_blame(k->s, method, path, status, answer, e);
	json_decref(answer);
	free(text);
	return rc;
}

/* As it is, with this description; made where there is none. */
static int
write_place(struct kibana *k, const char *description, struct err *e)
{
	bool is_new = k->place == NULL;
	json_t *body = is_new ? json_object() : json_copy(k->place);
	char *path = place_path(k);
	int rc = 0;

	json_object_set_new(body, "description", json_string(description));
	if (k->s->product == SETUP_OPENSEARCH) {
		json_object_del(body, "reserved");
		json_object_del(body, "hidden");
		json_object_del(body, "static");
		rc = setup_put(k->s, path, body, e);
	} else {
		json_object_set_new(
		    body, "id", json_string(k->s->options->space));
		if (is_new)
			json_object_set_new(body, "name", json_string(TITLE));
		if (!k->s->options->dry_run)
			rc = is_new ? send_space(k, "POST", "/api/spaces/space",
					  body, e)
				    : send_space(k, "PUT", path, body, e);
	}
	if (rc == 0) {
		json_decref(k->place);
		k->place = json_incref(body);
	}
	json_decref(body);
	free(path);
	return rc;
}

static int
setup_place(struct kibana *k, struct err *e)
{
	const char *what = kinds[k->s->product].place;
	const char *name = k->s->options->space;

	if (find_place(k, e) < 0)
		return -1;
	if (k->place != NULL) {
		setup_tell(k->s, SETUP_UNCHANGED, "%s %s", what, name);
		return 0;
	}
	if (write_place(k, TITLE, e) < 0)
		return -1;
	setup_tell(k->s, SETUP_CREATED, "%s %s", what, name);
	/* with what the server has put into it */
	return k->s->options->dry_run ? 0 : find_place(k, e);
}

/* The body's names are "dmarc" where ours is another. */
static void
fit_role(json_t *role, const struct setup *s)
{
	const char *list = s->product == SETUP_OPENSEARCH ? "tenant_permissions"
							  : "applications";
	const char *member =
	    s->product == SETUP_OPENSEARCH ? "tenant_patterns" : "resources";
	json_t *one = json_array_get(json_object_get(role, list), 0);
	char *name = xasprintf("%s%s",
	    s->product == SETUP_OPENSEARCH ? "" : "space:", s->options->space);

	json_object_set_new(one, member, json_pack("[s]", name));
	free(name);
}

static int
setup_rights(struct kibana *k, struct err *e)
{
	struct setup *s = k->s;
	json_t *role =
	    body_load(s->options->objects_path, kinds[s->product].role, e);
	char *name = body_name(&s->conf->index, ROLE);
	int rc = -1;

	if (role != NULL) {
		fit_role(role, s);
		rc = setup_role(s, name, role, e);
	}
	if (rc > 0)
		rc = setup_viewer(s, name, e);
	else if (rc == 0)
		setup_tell(s, SETUP_SKIPPED,
		    "role and user: this server has no security");
	json_decref(role);
	free(name);
	return rc;
}

/* Kibana takes them as a file in a form (RFC 7578). */
static int
import(struct kibana *k, struct err *e)
{
	char *path = k->s->product == SETUP_OPENSEARCH
			 ? xstrdup("/api/saved_objects/_import?overwrite=true")
			 : xasprintf("/s/%s/api/saved_objects/_import"
				     "?overwrite=true",
			       k->s->options->space);
	struct buf form;
	json_t *answer = NULL;
	int status = 0, rc = -1;

	buf_init(&form, OBJECTS_MAX + 1024);
	if (buf_add_text(&form,
		"--" BOUNDARY "\r\n"
		"Content-Disposition: form-data; name=\"file\"; "
		"filename=\"objects.ndjson\"\r\n"
		"Content-Type: application/ndjson\r\n\r\n",
		e) < 0 ||
	    buf_add(&form, k->objects.data, k->objects.len, e) < 0 ||
	    buf_add_text(&form, "\r\n--" BOUNDARY "--\r\n", e) < 0)
		goto out;
	rc = ask(k, "POST", path, "multipart/form-data; boundary=" BOUNDARY,
	    &form, &status, &answer, e);
	if (rc == 0 && !json_is_true(json_object_get(answer, "success"))) {
		char *text =
		    json_dumps(json_object_get(answer, "errors"), JSON_COMPACT);

		rc = err_set(e, ERR_CONF, "%s: objects are refused: %.300s",
		    k->s->reply.host, text == NULL ? "no reason given" : text);
		free(text);
	}
out:
	json_decref(answer);
	buf_clear(&form);
	free(path);
	return rc;
}

static size_t
count_lines(const struct buf *b)
{
	size_t count = 0, i;

	for (i = 0; i < b->len; i++)
		count += b->data[i] == '\n';
	return count;
}

static int
setup_objects(struct kibana *k, struct err *e)
{
	const char *have =
	    json_string_value(json_object_get(k->place, "description"));
	bool is_new = have == NULL || strcmp(have, TITLE) == 0;

	if (have != NULL && strcmp(have, k->description) == 0) {
		setup_tell(k->s, SETUP_UNCHANGED, "%zu saved objects",
		    count_lines(&k->objects));
		return 0;
	}
	if (!k->s->options->dry_run &&
	    (import(k, e) < 0 || write_place(k, k->description, e) < 0))
		return -1;
	setup_tell(k->s, is_new ? SETUP_CREATED : SETUP_CHANGED,
	    "%zu saved objects", count_lines(&k->objects));
	return 0;
}

int
setup_kibana(
    struct setup *s, const struct conf_elasticsearch *login, struct err *e)
{
	struct conf_elasticsearch there = *login;
	char *hosts[] = { (char *)s->options->url }; /* is copied */
	struct kibana k = { .s = s };
	int rc = -1;

	there.hosts.item = hosts;
	there.hosts.count = 1;
	buf_init(&k.objects, OBJECTS_MAX);
	if (load_objects(&k, e) < 0)
		goto out;
	describe(&k);
	if (http_open(&k.http, &there, e) == 0 && setup_place(&k, e) == 0 &&
	    setup_rights(&k, e) == 0)
		rc = setup_objects(&k, e);
out:
	json_decref(k.place);
	http_close(&k.http);
	free(k.description);
	buf_clear(&k.objects);
	return rc;
}
