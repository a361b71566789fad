/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_rest.c - one request of setup, and its JSON.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"

#include "cli/setup.h"

#define TIMEOUT_MS (60 * 1000)

int
setup_ask(struct setup *s, struct http *http, struct http_request *q,
    int *status, json_t **body, struct err *e)
{
	q->timeout_ms = TIMEOUT_MS;
	if (http_request(http, q, &s->reply, e) < 0)
		return -1;
	if (s->reply.is_long)
		return err_set(e, ERR_LIMIT, "%s %s: the answer is too long",
		    q->method, q->path);
	*status = s->reply.status;
	*body = s->reply.body.len == 0 ? NULL
				       : json_loadb(s->reply.body.data,
					     s->reply.body.len, 0, NULL);
	return 0;
}

static int
ask(struct setup *s, const char *method, const char *path, const char *text,
    int *status, json_t **body, struct err *e)
{
	struct http_request q = { .method = method, .path = path };

	if (text != NULL) {
		q.content_type = "application/json";
		q.body = text;
		q.body_len = strlen(text);
	}
	return setup_ask(s, s->http, &q, status, body, e);
}

/* What a server says is wrong: Elasticsearch, OpenSearch, its security. */
static const char *
reason_of(const json_t *body)
{
	const json_t *error = json_object_get(body, "error");
	const char *text;

	if ((text = json_string_value(error)) != NULL ||
	    (text = json_string_value(json_object_get(error, "reason"))) !=
		NULL ||
	    (text = json_string_value(json_object_get(body, "message"))) !=
		NULL ||
	    (text = json_string_value(json_object_get(body, "reason"))) != NULL)
		return text;
	return "no reason given";
}

int
setup_blame(struct setup *s, const char *method, const char *path, int status,
    const json_t *body, struct err *e)
{
	const char *login = http_login(s->http);

	if (status == 401)
		return err_set(e, ERR_CONF,
		    "%s: %s is refused (401): wrong name or password",
		    s->reply.host, login);
	if (status == 403)
		return err_set(e, ERR_CONF,
		    "%s: %s may not %s %.200s (403): %.200s", s->reply.host,
		    login, method, path, reason_of(body));
	return err_set(e, status == 429 || status >= 500 ? ERR_TEMP : ERR_CONF,
	    "%s: %s %.150s: %d: %.200s", s->reply.host, method, path, status,
	    reason_of(body));
}

bool
setup_is_unknown_path(int status, const json_t *body)
{
	const char *reason = reason_of(body);
	const char *type = json_string_value(
	    json_object_get(json_object_get(body, "error"), "type"));

	/*
	 * To Elasticsearch 7 it is the name of an index then. Elasticsearch
	 * without security has the paths, and says so.
	 */
	return status == 405 ||
	       (status == 404 && type != NULL &&
		   strcmp(type, "index_not_found_exception") == 0) ||
	       ((status == 400 || status == 500) &&
		   (strstr(reason, "no handler found") != NULL ||
		       strstr(reason, "must be explicitly enabled") != NULL ||
		       strstr(reason, "ecurity is not enabled") != NULL));
}

int
setup_get(struct setup *s, const char *path, int *status, json_t **body,
    struct err *e)
{
	if (ask(s, "GET", path, NULL, status, body, e) < 0)
		return -1;
	if (*status != 401)
		return 0;
	(void)setup_blame(s, "GET", path, *status, *body, e);
	json_decref(*body);
	*body = NULL;
	return -1;
}

int
setup_put(struct setup *s, const char *path, const json_t *body, struct err *e)
{
	json_t *answer = NULL;
	char *text;
	int status = 0, rc;

	if (s->options->dry_run)
		return 0;
	text = json_dumps(body, JSON_COMPACT);
	rc = ask(s, "PUT", path, text, &status, &answer, e);
	free(text);
	if (rc < 0)
		return -1;
	if (status < 200 || status > 299)
		rc = setup_blame(s, "PUT", path, status, answer, e);
	json_decref(answer);
	return rc;
}

char *
setup_path(const char *before, const char *name)
{
	char *escaped = http_escape(name);
	char *path = xasprintf("%s/%s", before, escaped);

	free(escaped);
	return path;
}
