/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_open.c - hosts and credentials out of the configuration.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/curl_setup.h"
#include "common/base/http_internal.h"

#define PORT_DEFAULT "9200"

static char *
copy_of(const char *text)
{
	return text != NULL ? xstrdup(text) : NULL;
}

static void
free_secret(char **text)
{
	if (*text != NULL)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

/* A part of the URL as memory of ours; NULL when it has none. */
static char *
part_of(CURLU *url, CURLUPart what, unsigned flags)
{
	char *part = NULL, *copy = NULL;

	if (curl_url_get(url, what, &part, flags) == CURLUE_OK)
		copy = xstrdup(part);
	curl_free(part);
	return copy;
}

static void
host_fill(struct http_host *host, CURLU *url)
{
	char *scheme = part_of(url, CURLUPART_SCHEME, 0);
	char *name = part_of(url, CURLUPART_HOST, 0);
	char *port = part_of(url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
	char *path = part_of(url, CURLUPART_PATH, 0);
	size_t len = path != NULL ? strlen(path) : 0;

	while (len > 0 && path[len - 1] == '/')
		len--;
	host->user = part_of(url, CURLUPART_USER, CURLU_URLDECODE);
	host->password = part_of(url, CURLUPART_PASSWORD, CURLU_URLDECODE);
	host->name = xasprintf("%s://%s:%s", scheme, name, port);
	host->url =
	    xasprintf("%s%.*s", host->name, (int)len, path != NULL ? path : "");
	free(scheme);
	free(name);
	free(port);
	free(path);
}

/* "https://user:password@host:9200/path", "host:9200" or "host". */
static int
host_parse(struct http_host *host, const char *text, struct err *e)
{
	bool is_bare = strstr(text, "://") == NULL;
	char *whole = xasprintf("%s%s", is_bare ? "http://" : "", text);
	CURLU *url = curl_url();
	CURLUcode rc = curl_url_set(url, CURLUPART_URL, whole, 0);
	char *port = NULL;

	if (rc == CURLUE_OK && is_bare &&
	    (port = part_of(url, CURLUPART_PORT, 0)) == NULL)
		rc = curl_url_set(url, CURLUPART_PORT, PORT_DEFAULT, 0);
	if (rc == CURLUE_OK)
		host_fill(host, url);
	else /* the text may hold a password */
		err_set(e, ERR_CONF, "a host in hosts cannot be read: %s",
		    curl_url_strerror(rc));
	free(port);
	free_secret(&whole);
	curl_url_cleanup(url);
	return rc == CURLUE_OK ? 0 : -1;
}

static int
check_file(const char *path, const char *key, struct err *e)
{
	if (path == NULL || access(path, R_OK) == 0)
		return 0;
	err_set_errno(e, "%s: %s", key, path);
	e->kind = ERR_CONF;
	return -1;
}

static void
set_login(struct http *h, const struct conf_elasticsearch *conf)
{
	const char *user = conf->user != NULL ? conf->user : h->host[0].user;

	if (conf->auth_type == CONF_AUTH_AWSSIGV4) {
		h->sigv4 = xasprintf(
		    "aws:amz:%s:%s", conf->aws_region, conf->aws_service);
		h->login = xasprintf(
		    "the AWS access key %s", user != NULL ? user : "(none)");
	} else if (conf->bearer_token != NULL) {
		h->authorization =
		    xasprintf("Authorization: Bearer %s", conf->bearer_token);
		h->login = xstrdup("the bearer token");
	} else if (conf->api_key != NULL) {
		h->authorization =
		    xasprintf("Authorization: ApiKey %s", conf->api_key);
		h->login = xstrdup("the API key");
	} else if (user != NULL) {
		h->login = xasprintf("user %s", user);
	} else if (conf->client_cert_path != NULL) {
		h->login = xstrdup("the client certificate");
	} else {
		h->login = xstrdup("nobody (no user is configured)");
	}
	h->user = copy_of(conf->user);
	h->password = copy_of(conf->password);
}

int
http_open(
    struct http **opened, const struct conf_elasticsearch *conf, struct err *e)
{
	struct http *h;
	size_t i;

	if (conf->hosts.count == 0 || conf->hosts.count > HTTP_HOSTS_MAX)
		return err_set(
		    e, ERR_CONF, "hosts: must be 1 to %d", HTTP_HOSTS_MAX);
	if (check_file(conf->cert_path, "cert_path", e) < 0 ||
	    check_file(conf->client_cert_path, "client_cert_path", e) < 0 ||
	    check_file(conf->client_key_path, "client_key_path", e) < 0)
		return -1;
	if (curl_setup(e) < 0)
		return -1;
	h = xcalloc(1, sizeof(*h));
	pthread_mutex_init(&h->lock, NULL);
	for (i = 0; i < conf->hosts.count; i++) {
		if (host_parse(&h->host[i], conf->hosts.item[i], e) < 0) {
			http_close(&h);
			return -1;
		}
		h->host_count++;
	}
	set_login(h, conf);
	h->cert_path = copy_of(conf->cert_path);
	h->client_cert_path = copy_of(conf->client_cert_path);
	h->client_key_path = copy_of(conf->client_key_path);
	h->skip_verification = conf->skip_certificate_verification;
	*opened = h;
	return 0;
}

static void
connection_free(struct http_connection *c)
{
	curl_easy_cleanup(c->easy);
	free(c);
}

void
http_close(struct http **opened)
{
	struct http *h = *opened;
	struct http_connection *c;
	size_t i;

	*opened = NULL;
	if (h == NULL)
		return;
	while ((c = h->idle) != NULL) {
		h->idle = c->next;
		connection_free(c);
	}
	for (i = 0; i < h->host_count; i++) {
		free(h->host[i].url);
		free(h->host[i].name);
		free(h->host[i].user);
		free_secret(&h->host[i].password);
	}
	free(h->user);
	free_secret(&h->password);
	free_secret(&h->authorization);
	free(h->sigv4);
	free(h->cert_path);
	free(h->client_cert_path);
	free(h->client_key_path);
	free(h->login);
	pthread_mutex_destroy(&h->lock);
	free(h);
	curl_cleanup();
}

const char *
http_login(const struct http *h)
{
	return h->login;
}

char *
http_escape(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~";
	char *out = xmalloc(3 * strlen(text) + 1), *at = out;

	for (; *text != '\0'; text++) {
		if (strchr(plain, *text) != NULL) {
			*at++ = *text;
			continue;
		}
		*at++ = '%';
		*at++ = "0123456789ABCDEF"[(unsigned char)*text >> 4];
		*at++ = "0123456789ABCDEF"[*text & 15];
	}
	*at = '\0';
	return out;
}
