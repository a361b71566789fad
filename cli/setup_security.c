/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_security.c - roles with the least rights, and users that have them:
 * the _security API of Elasticsearch, the security plugin's of OpenSearch.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"

#include "cli/setup.h"

#define ROLE_INGEST "dmarc-intake-ingest"
#define ROLE_VIEWER "dmarc-intake-viewer"
#define USER_INGEST "dmarc-intake"
#define USER_VIEWER "dmarc-intake-viewer"
#define PASSWORD_FILE "elasticsearch.password"
#define VIEWER_ENDING ".viewer"

static const struct {
	const char *role_path, *user_path;
	const char *roles;      /* member of a user that lists them */
	const char *roles_file; /* in conf/elasticsearch */
} apis[] = {
	[SETUP_ELASTICSEARCH] = { "/_security/role", "/_security/user", "roles",
	    "roles-elasticsearch.json" },
	[SETUP_OPENSEARCH] = { "/_plugins/_security/api/roles",
	    "/_plugins/_security/api/internalusers",
	    "opendistro_security_roles", "roles-opensearch.json" },
};

/* 1: *have is what is there, NULL for nothing. 0: there is no security. */
static int
get_one(struct setup *s, const char *path, const char *name, json_t **have,
    struct err *e)
{
	json_t *answer = NULL;
	int status, rc = 1;

	*have = NULL;
	if (setup_get(s, path, &status, &answer, e) < 0)
		return -1;
	if (setup_is_unknown_path(status, answer))
		rc = 0;
	else if (status == 200)
		*have = json_incref(json_object_get(answer, name));
	else if (status != 404)
		rc = setup_blame(s, "GET", path, status, answer, e);
	json_decref(answer);
	return rc;
}

int
setup_role(struct setup *s, const char *name, json_t *want, struct err *e)
{
	char *path = setup_path(apis[s->product].role_path, name);
	json_t *have = NULL;
	int rc = get_one(s, path, name, &have, e);

	if (rc <= 0)
		goto out;
	if (body_covers(have, want)) {
		setup_tell(s, SETUP_UNCHANGED, "role %s", name);
		goto out;
	}
	if (setup_put(s, path, want, e) < 0)
		rc = -1;
	else
		setup_tell(s, have == NULL ? SETUP_CREATED : SETUP_CHANGED,
		    "role %s", name);
out:
	json_decref(have);
	free(path);
	return rc;
}

static int
setup_roles(struct setup *s, struct err *e)
{
	json_t *roles = body_load(
	    s->options->templates_path, apis[s->product].roles_file, e);
	const char *key;
	json_t *role;
	char *name;
	int rc = 1;

	if (roles == NULL)
		return -1;
	json_object_foreach(roles, key, role)
	{
		body_name_indexes(role, &s->conf->index);
		if (strcmp(key, ROLE_INGEST) == 0 &&
		    s->conf->elasticsearch.skip_saved_by_parsedmarc)
			body_let_read(role, s->product);
		name = body_name(&s->conf->index, key);
		rc = setup_role(s, name, role, e);
		free(name);
		if (rc <= 0)
			break;
	}
	json_decref(roles);
	return rc;
}

/* Is the password in the file the user's? 1 yes, 0 no, -1 nobody answers. */
static int
password_works(struct setup *s, const char *user, const char *password)
{
	struct conf_elasticsearch login = s->conf->elasticsearch;
	struct http_request q = {
		.method = "GET", .path = "/", .timeout_ms = 30 * 1000
	};
	struct http_reply reply;
	struct http *http = NULL;
	struct err e = { 0 };
	int rc = -1;

	login.user = (char *)user; /* is copied */
	login.password = (char *)password;
	login.api_key = NULL;
	login.bearer_token = NULL;
	http_reply_init(&reply, 64 * 1024);
	if (http_open(&http, &login, &e) == 0 &&
	    http_request(http, &q, &reply, &e) == 0)
		rc = reply.status != 401;
	http_close(&http);
	http_reply_clear(&reply);
	return rc;
}

static bool
has_role(const struct setup *s, const json_t *user, const char *role)
{
	const json_t *value;
	size_t i;

	json_array_foreach(
	    json_object_get(user, apis[s->product].roles), i, value)
	{
		if (json_is_string(value) &&
		    strcmp(json_string_value(value), role) == 0)
			return true;
	}
	return false;
}

/* The user as it is, with that role as well; a password only if given. */
static json_t *
user_body(const struct setup *s, const json_t *have, const char *role,
    const char *password)
{
	static const char *const kept[] = { "full_name", "email", "metadata",
		"enabled", "backend_roles", "attributes", "description" };
	const char *key = apis[s->product].roles;
	json_t *body = json_object(), *roles = json_array(), *value;
	size_t i;

	for (i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		value = json_object_get(have, kept[i]);
		if (value != NULL && !json_is_null(value))
			json_object_set(body, kept[i], value);
	}
	if (json_is_array(json_object_get(have, key)))
		json_array_extend(roles, json_object_get(have, key));
	if (!has_role(s, have, role))
		json_array_append_new(roles, json_string(role));
	json_object_set_new(body, key, roles);
	if (password != NULL)
		json_object_set_new(body, "password", json_string(password));
	return body;
}

static int
put_user(struct setup *s, const char *name, const json_t *have,
    const char *role, const char *password, struct err *e)
{
	char *path = setup_path(apis[s->product].user_path, name);
	json_t *body = user_body(s, have, role, password);
	int rc = setup_put(s, path, body, e);

	json_decref(body);
	free(path);
	return rc;
}

/*
 * The password is in its file before the server knows it: a crash in between
 * is mended by the next run, which takes what the file holds.
 */
static int
create_user(struct setup *s, const char *name, const char *role,
    const char *file, struct err *e)
{
	bool is_there = access(file, F_OK) == 0;
	char *password = is_there ? password_read(file, e) : password_new();
	int rc = -1;

	if (password == NULL)
		return -1;
	if (is_there || s->options->dry_run ||
	    password_write(file, password, s->conf->intake.state_path, e) == 0)
		rc = put_user(s, name, NULL, role, password, e);
	if (rc == 0)
		setup_tell(s, SETUP_CREATED, "user %s with the password %s %s",
		    name, is_there ? "that is in" : "in", file);
	explicit_bzero(password, strlen(password));
	free(password);
	return rc;
}

static int
renew_password(struct setup *s, const char *name, const json_t *have,
    const char *role, const char *file, struct err *e)
{
	char *password = password_new(), *aside = xasprintf("%s.new", file);
	int rc = 0;

	if (!s->options->dry_run)
		rc = password_write(
		    aside, password, s->conf->intake.state_path, e);
	if (rc == 0)
		rc = put_user(s, name, have, role, password, e);
	if (rc == 0 && !s->options->dry_run && rename(aside, file) < 0)
		rc = err_set_errno(
		    e, "the new password is in %s, not in %s", aside, file);
	if (rc == 0)
		setup_tell(s, SETUP_CHANGED, "user %s: a new password is in %s",
		    name, file);
	explicit_bzero(password, strlen(password));
	free(password);
	free(aside);
	return rc;
}

static void
check_password(struct setup *s, const char *name, const char *file)
{
	struct err e = { 0 };
	char *password = NULL;

	if (access(file, F_OK) != 0)
		setup_tell(s, SETUP_LEFT,
		    "user %s: its password is not in %s; --new-passwords "
		    "makes another",
		    name, file);
	else if ((password = password_read(file, &e)) == NULL)
		setup_tell(s, SETUP_WARNING, "user %s: %s", name, e.text);
	else if (password_works(s, name, password) == 0)
		setup_tell(s, SETUP_WARNING,
		    "user %s: the server refuses the password in %s; "
		    "--new-passwords makes another",
		    name, file);
	else
		setup_tell(s, SETUP_UNCHANGED, "user %s", name);
	if (password != NULL)
		explicit_bzero(password, strlen(password));
	free(password);
}

static int
setup_user(struct setup *s, const char *name, const char *role,
    const char *file, struct err *e)
{
	char *path = setup_path(apis[s->product].user_path, name);
	json_t *have = NULL;
	int rc = get_one(s, path, name, &have, e);

	free(path);
	if (rc == 0)
		return err_set(e, ERR_CONF,
		    "this server has roles, and no users of its own");
	if (rc < 0)
		return -1;
	rc = 0;
	if (have == NULL)
		rc = create_user(s, name, role, file, e);
	else if (s->options->new_passwords)
		rc = renew_password(s, name, have, role, file, e);
	else if (has_role(s, have, role))
		check_password(s, name, file);
	else if ((rc = put_user(s, name, have, role, NULL, e)) == 0)
		setup_tell(
		    s, SETUP_CHANGED, "user %s: has the role %s", name, role);
	json_decref(have);
	return rc;
}

/* Beside the configuration when nothing is said. */
static char *
password_file(const struct setup *s)
{
	const char *conf =
	    s->conf->path != NULL ? s->conf->path : CONF_PATH_DEFAULT;
	const char *slash = strrchr(conf, '/');

	if (s->options->password_file != NULL)
		return xstrdup(s->options->password_file);
	return xasprintf("%.*s" PASSWORD_FILE,
	    slash == NULL ? 0 : (int)(slash - conf) + 1, conf);
}

static void
print_keys(const struct setup *s, const char *user, const char *file)
{
	const struct conf_elasticsearch *c = &s->conf->elasticsearch;
	char *whole;

	if (c->user != NULL && strcmp(c->user, user) == 0)
		return;
	whole = realpath(file, NULL);
	(void)printf("\nTo store as this user, set in [elasticsearch] of %s:\n"
		     "  user = %s\n  password_file = %s\n\n",
	    s->conf->path != NULL ? s->conf->path : CONF_PATH_DEFAULT, user,
	    whole != NULL ? whole : file);
	free(whole);
}

static int
setup_users(struct setup *s, struct err *e)
{
	const struct conf_index *index = &s->conf->index;
	char *file = password_file(s);
	char *viewer_file = xasprintf("%s" VIEWER_ENDING, file);
	char *user = body_name(index, USER_INGEST);
	char *role = body_name(index, ROLE_INGEST);
	char *viewer = body_name(index, USER_VIEWER);
	char *viewer_role = body_name(index, ROLE_VIEWER);
	int rc;

	rc = setup_user(s, user, role, file, e);
	if (rc == 0)
		rc = setup_user(s, viewer, viewer_role, viewer_file, e);
	if (rc == 0)
		print_keys(s, user, file);
	free(viewer_role);
	free(viewer);
	free(role);
	free(user);
	free(viewer_file);
	free(file);
	return rc;
}

int
setup_viewer(struct setup *s, const char *role, struct err *e)
{
	char *file = password_file(s);
	char *viewer_file = xasprintf("%s" VIEWER_ENDING, file);
	char *viewer = body_name(&s->conf->index, USER_VIEWER);
	int rc = setup_user(s, viewer, role, viewer_file, e);

	free(viewer);
	free(viewer_file);
	free(file);
	return rc;
}

int
setup_security(struct setup *s, struct err *e)
{
	int rc;

	if (s->conf->elasticsearch.serverless) {
		setup_tell(s, SETUP_SKIPPED,
		    "roles and users: serverless has API keys; make one with "
		    "the rights in %s/%s",
		    s->options->templates_path, apis[s->product].roles_file);
		return 0;
	}
	rc = setup_roles(s, e);
	if (rc == 0)
		setup_tell(s, SETUP_SKIPPED,
		    "roles and users: this server has no security");
	return rc <= 0 ? rc : setup_users(s, e);
}
