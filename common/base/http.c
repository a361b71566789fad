/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - requests to a cluster of equal hosts, through libcurl.
 * in: method, path, body    out: status and body of the answer
 *
 * A connection is a libcurl handle; it keeps its sockets open, one for each
 * host that it has talked to. Idle ones wait in a list, the latest on top.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/curl_setup.h"
#include "common/base/http_internal.h"

#define CONNECT_TIMEOUT_MS 5000
#define REST_MS 10000 /* of a host that could not be reached */

void
http_reply_init(struct http_reply *r, size_t body_max)
{
	*r = (struct http_reply){ 0 };
	buf_init(&r->body, body_max);
}

void
http_reply_clear(struct http_reply *r)
{
	buf_clear(&r->body);
}

static size_t
take_body(char *p, size_t size, size_t count, void *reply)
{
	struct http_reply *r = reply;
	size_t len = size * count;
	size_t room = r->body.max - r->body.len;
	struct err ignored;

	r->is_long = len > room;
	(void)buf_add(&r->body, p, r->is_long ? room : len, &ignored);
	return r->is_long ? 0 : len;
}

/* What all requests of a connection have in common. */
static void
set_up(const struct http *h, struct http_connection *c)
{
	long verify = h->skip_verification ? 0 : 1;

	curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->trouble);
	curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->easy, CURLOPT_NOPROGRESS, 1L);
	curl_easy_setopt(c->easy, CURLOPT_USERAGENT, "dmarc-intake");
	/* each request in flight has its own connection anyway */
	curl_easy_setopt(c->easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c->easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYPEER, verify);
	curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYHOST, verify * 2);
	if (h->cert_path != NULL) {
		curl_easy_setopt(c->easy, CURLOPT_CAINFO, h->cert_path);
		curl_easy_setopt(c->easy, CURLOPT_CAPATH, NULL);
	}
	if (h->client_cert_path != NULL) {
		curl_easy_setopt(c->easy, CURLOPT_SSLCERT, h->client_cert_path);
		curl_easy_setopt(c->easy, CURLOPT_SSLKEY, h->client_key_path);
	}
	if (h->sigv4 != NULL)
		curl_easy_setopt(c->easy, CURLOPT_AWS_SIGV4, h->sigv4);
	else
		curl_easy_setopt(
		    c->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
}

static struct http_connection *
connection_take(struct http *h)
{
	struct http_connection *c;

	pthread_mutex_lock(&h->lock);
	if ((c = h->idle) != NULL)
		h->idle = c->next;
	pthread_mutex_unlock(&h->lock);
	if (c != NULL)
		return c;
	c = xcalloc(1, sizeof(*c));
	if ((c->easy = curl_easy_init()) == NULL) {
		free(c);
		return NULL;
	}
	set_up(h, c);
	return c;
}

static void
connection_give(struct http *h, struct http_connection *c)
{
	pthread_mutex_lock(&h->lock);
	c->next = h->idle;
	h->idle = c;
	pthread_mutex_unlock(&h->lock);
}

/* The next one in turn that was not tried yet; who rests comes last. */
static struct http_host *
host_take(struct http *h, uint64_t *tried)
{
	int64_t now = clock_mono_ms();
	size_t n, at, best = h->host_count;

	pthread_mutex_lock(&h->lock);
	for (n = 0; n < h->host_count; n++) {
		at = (h->next_host + n) % h->host_count;
		if (*tried & (uint64_t)1 << at)
			continue;
		if (best == h->host_count)
			best = at;
		if (h->host[at].rest_until_ms <= now) {
			best = at;
			break;
		}
	}
	h->next_host = (best + 1) % h->host_count;
	pthread_mutex_unlock(&h->lock);
	*tried |= (uint64_t)1 << best;
	return &h->host[best];
}

static void
host_note(struct http *h, struct http_host *host, bool is_well)
{
	pthread_mutex_lock(&h->lock);
	host->rest_until_ms = is_well ? 0 : clock_mono_ms() + REST_MS;
	pthread_mutex_unlock(&h->lock);
}

static struct curl_slist *
add_header(struct curl_slist *list, const char *text)
{
	struct curl_slist *longer = curl_slist_append(list, text);

	if (longer == NULL)
		abort(); /* out of memory, as xmalloc has it */
	return longer;
}

static struct curl_slist *
headers_of(const struct http *h, const struct http_request *q)
{
	struct curl_slist *list = NULL;
	size_t i;
	char *type;

	if (h->authorization != NULL)
		list = add_header(list, h->authorization);
	if (q->is_gzip)
		list = add_header(list, "Content-Encoding: gzip");
	type =
	    xasprintf("Content-Type:%s%s", q->content_type != NULL ? " " : "",
		q->content_type != NULL ? q->content_type : "");
	list = add_header(list, type); /* an empty one takes libcurl's away */
	free(type);
	for (i = 0; q->headers != NULL && q->headers[i] != NULL; i++)
		list = add_header(list, q->headers[i]);
	return list;
}

static void
set_request(const struct http *h, struct http_connection *c,
    const struct http_host *host, const struct http_request *q,
    struct http_reply *r, int64_t timeout_ms)
{
	char *url = xasprintf("%s%s", host->url, q->path);
	const char *user = h->user != NULL ? h->user : host->user;
	const char *password = h->user != NULL ? h->password : host->password;
	int64_t connect_ms =
	    timeout_ms < CONNECT_TIMEOUT_MS ? timeout_ms : CONNECT_TIMEOUT_MS;

	if (h->authorization != NULL)
		user = NULL;
	if (strcmp(q->method, "HEAD") == 0) {
		curl_easy_setopt(c->easy, CURLOPT_NOBODY, 1L);
	} else if (q->body != NULL || strcmp(q->method, "GET") != 0) {
		curl_easy_setopt(c->easy, CURLOPT_NOBODY, 0L);
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)q->body_len);
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS,
		    q->body != NULL ? q->body : "");
	} else {
		curl_easy_setopt(c->easy, CURLOPT_HTTPGET, 1L);
	}
	curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, q->method);
	curl_easy_setopt(c->easy, CURLOPT_URL, url);
	curl_easy_setopt(c->easy, CURLOPT_USERNAME, user);
	curl_easy_setopt(
	    c->easy, CURLOPT_PASSWORD, user != NULL ? password : NULL);
	curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	free(url);
}

static int
fail_certificate(const struct http *h, const struct http_host *host,
    const char *trouble, struct err *e)
{
	return err_set(e, ERR_TEMP,
	    "%s: its certificate is not trusted (%s): %s; cert_path must "
	    "name the CA that signed it",
	    host->name,
	    h->cert_path != NULL ? h->cert_path : "the system's CAs", trouble);
}

static int
fail_connect(const struct http_host *host, struct http_connection *c,
    const char *trouble, struct err *e)
{
	long number = 0;

	curl_easy_getinfo(c->easy, CURLINFO_OS_ERRNO, &number);
	if (number == 0)
		return err_set(
		    e, ERR_TEMP, "%s: no connection: %s", host->name, trouble);
	errno = (int)number;
	err_set_errno(e, "%s: no connection", host->name);
	e->kind = ERR_TEMP;
	return -1;
}

/* A sentence that tells the operator which of the many things it is. */
static int
fail_request(const struct http *h, const struct http_host *host,
    struct http_connection *c, CURLcode rc, struct http_reply *r, struct err *e)
{
	const char *trouble = curl_trouble(c->trouble, rc);
	double connected = 0;

	r->is_lasting = rc == CURLE_PEER_FAILED_VERIFICATION ||
			rc == CURLE_SSL_CACERT_BADFILE ||
			rc == CURLE_SSL_CERTPROBLEM;
	switch (rc) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return err_set(e, ERR_TEMP, "%s: its name is not resolved: %s",
		    host->name, trouble);
	case CURLE_COULDNT_CONNECT:
		return fail_connect(host, c, trouble, e);
	case CURLE_OPERATION_TIMEDOUT:
		r->is_slow = true;
		curl_easy_getinfo(
		    c->easy, CURLINFO_PRETRANSFER_TIME, &connected);
		return err_set(e, ERR_TEMP, "%s: %s: %s", host->name,
		    connected > 0 ? "no answer in time"
				  : "no connection in time",
		    trouble);
	case CURLE_PEER_FAILED_VERIFICATION:
		return fail_certificate(h, host, trouble, e);
	case CURLE_SSL_CACERT_BADFILE:
		return err_set(e, ERR_TEMP, "%s: cert_path %s: %s", host->name,
		    h->cert_path != NULL ? h->cert_path : "", trouble);
	case CURLE_SSL_CERTPROBLEM:
		return err_set(e, ERR_TEMP, "%s: client_cert_path %s: %s",
		    host->name,
		    h->client_cert_path != NULL ? h->client_cert_path : "",
		    trouble);
	case CURLE_SSL_CONNECT_ERROR:
		return err_set(e, ERR_TEMP,
		    "%s: no TLS (is it http there?): %s", host->name, trouble);
	case CURLE_GOT_NOTHING:
		return err_set(e, ERR_TEMP,
		    "%s: closed without an answer (is it https there?)",
		    host->name);
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		return err_set(e, ERR_TEMP, "%s: does not speak HTTP: %s",
		    host->name, trouble);
	default:
		return err_set(e, ERR_TEMP, "%s: connection lost: %s",
		    host->name, trouble);
	}
}

static int
ask_host(struct http *h, struct http_host *host, const struct http_request *q,
    struct http_reply *r, int64_t timeout_ms, struct err *e)
{
	struct http_connection *c = connection_take(h);
	struct curl_slist *headers;
	long status = 0;
	CURLcode rc;
	int result = 0;

	if (c == NULL)
		return err_set(e, ERR_TEMP, "libcurl: out of memory");
	r->status = 0;
	r->is_long = r->is_slow = r->is_lasting = false;
	buf_reset(&r->body);
	(void)snprintf(r->host, sizeof(r->host), "%s", host->name);
	headers = headers_of(h, q);
	set_request(h, c, host, q, r, timeout_ms);
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, headers);
	c->trouble[0] = '\0';
	rc = curl_easy_perform(c->easy);
	if (rc == CURLE_OK || (rc == CURLE_WRITE_ERROR && r->is_long)) {
		curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
		r->status = (int)status;
	} else {
		result = fail_request(h, host, c, rc, r, e);
	}
	/* what they point to is gone */
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, NULL);
	curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, NULL);
	curl_slist_free_all(headers);
	connection_give(h, c);
	return result;
}

/* From a balancer whose server is away, or a server that starts. */
static bool
is_unwell(int status)
{
	return status == 502 || status == 503 || status == 504;
}

int
http_request(struct http *h, const struct http_request *q, struct http_reply *r,
    struct err *e)
{
	int64_t end = clock_mono_ms() + q->timeout_ms, left = q->timeout_ms;
	uint64_t tried = 0;
	struct http_host *host;
	size_t n;
	int rc = -1;

	for (n = 0; n < h->host_count && (n == 0 || left > 0); n++) {
		host = host_take(h, &tried);
		rc = ask_host(h, host, q, r, left > 0 ? left : 1, e);
		host_note(h, host, rc == 0 && !is_unwell(r->status));
		if (rc == 0 && !is_unwell(r->status))
			break;
		left = end - clock_mono_ms();
	}
	return rc;
}
