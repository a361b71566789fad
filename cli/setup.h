/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup.h - inside of "dmarc-intake setup": what its files share. The bodies
 * that are sent lie in conf/elasticsearch; here they get the names, numbers
 * and days that the configuration says.
 */
#ifndef CLI_SETUP_H
#define CLI_SETUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/base/http.h"

#define SETUP_KEEP_RETENTION (-1) /* as it is installed */

#define SETUP_KIND_COUNT 3
/* A template for each, and as its indexes are called. */
extern const char *const setup_kinds[SETUP_KIND_COUNT];

struct setup_options {
	const char *admin_user;          /* NULL: as the configuration says */
	const char *admin_password_file; /* "-" is stdin */
	const char *password_file;       /* NULL: beside the configuration */
	const char *templates_path;      /* folder of the bodies */
	int64_t retention_days;          /* 0: none; SETUP_KEEP_RETENTION */
	bool dry_run, force, new_passwords;
	/* of "setup kibana" */
	const char *url;          /* of Kibana or OpenSearch Dashboards */
	const char *space;        /* its id; the tenant's name */
	const char *objects_path; /* folder of the saved objects */
};

enum setup_product {
	SETUP_ELASTICSEARCH,
	SETUP_OPENSEARCH,
};

struct setup {
	const struct conf *conf;             /* foreign */
	const struct setup_options *options; /* foreign */
	struct http *http;
	struct http_reply reply;
	enum setup_product product;
	size_t created, changed, unchanged, warnings;
};

enum setup_did {
	SETUP_CREATED,
	SETUP_CHANGED,
	SETUP_UNCHANGED,
	SETUP_LEFT,
	SETUP_SKIPPED,
	SETUP_WARNING,
};

/* One line for one thing; with --dry-run, what would be done. */
void setup_tell(struct setup *s, enum setup_did did, const char *fmt, ...)
    ATTR_PRINTF(3, 4);

/* --- setup_rest.c: one request and its JSON --- */

/*
 * 0: an answer, whatever *status; *body is NULL when it is no JSON, and the
 * caller's json_decref. ERR_CONF: the login is refused.
 */
int setup_get(struct setup *s, const char *path, int *status, json_t **body,
    struct err *e);
/* Sent and taken. Never with --dry-run: then nothing is sent, and 0. */
int setup_put(
    struct setup *s, const char *path, const json_t *body, struct err *e);
/* The status is no good: fill *e with what the server says. Returns -1. */
int setup_blame(struct setup *s, const char *method, const char *path,
    int status, const json_t *body, struct err *e);
/* Does the server not know this path (a plugin that is not there)? */
bool setup_is_unknown_path(int status, const json_t *body);
/*
 * One request to whoever http is, with what setup_get and setup_put do not
 * have: another method, headers, a body that is no JSON. 0 and an answer.
 */
int setup_ask(struct setup *s, struct http *http, struct http_request *q,
    int *status, json_t **body, struct err *e);
/* "/a/b", the last part percent-encoded. The caller frees it. */
char *setup_path(const char *before, const char *name);

/* --- setup_body.c: bodies, without a server --- */

/* Read name out of the folder. NULL and *e. */
json_t *body_load(const char *folder, const char *name, struct err *e);
/*
 * "dmarc_aggregate", "dmarc_aggregate-*" with prefix and suffix in their
 * places; all other text as it is. The caller frees it.
 */
char *body_index(const struct conf_index *index, const char *text);
/* Of our own things: prefix "dmarc-intake-viewer" "_" suffix. */
char *body_name(const struct conf_index *index, const char *name);
/* body_index on all that stands where a server expects indexes. */
void body_name_indexes(json_t *body, const struct conf_index *index);
/* Does have say all that want says? Numbers and texts are the same. */
bool body_covers(const json_t *have, const json_t *want);
/*
 * The template made fit for this configuration. policy is the name of the
 * retention's, NULL for none.
 */
void body_fit_template(
    json_t *body, const struct conf *conf, const char *policy);
/* Is the installed template all that want is, with no settings besides? */
bool body_is_template(const json_t *have, const json_t *want);
/* Days that an index lives, counted from when it was made. */
int64_t body_index_days(const struct conf_index *index, int64_t days);
void body_fit_retention(json_t *body, enum setup_product product,
    const struct conf_index *index, int64_t days);
/* The ingest role may look for what parsedmarc has stored. */
void body_let_read(json_t *role, enum setup_product product);

/* --- setup_password.c --- */

/* The first line of the file, "-" is stdin. NULL and *e. */
char *password_read(const char *path, struct err *e);
/* A new one, of 192 random bits. The caller frees it. */
char *password_new(void);
/*
 * Into the file, mode 0640, with the group of the state folder; replaces
 * what is there only as a whole.
 */
int password_write(const char *path, const char *password,
    const char *state_path, struct err *e);

/* --- the steps --- */

/* setup_retention.c; policy is NULL when there is none, else the caller's. */
int setup_retention(struct setup *s, char **policy, struct err *e);
/* setup_template.c */
int setup_check_forms(struct setup *s, struct err *e);
int setup_templates(struct setup *s, const char *policy, struct err *e);
/* setup_index.c: a warning for each index that is not as it should be. */
int setup_check_indexes(struct setup *s, struct err *e);
/* setup_security.c */
int setup_security(struct setup *s, struct err *e);
/* setup_kibana.c: space or tenant, role, saved objects. */
int setup_kibana(
    struct setup *s, const struct conf_elasticsearch *login, struct err *e);
/* Make this role as it shall be. 1 done, 0 no security here, -1 and *e. */
int setup_role(struct setup *s, const char *name, json_t *want, struct err *e);
/* The viewer gets this role as well, and is made if it is not there. */
int setup_viewer(struct setup *s, const char *role, struct err *e);

#endif
