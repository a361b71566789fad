/* SPDX-License-Identifier: Apache-2.0 */
/*
 * imap_link.c - a connection to an IMAP server that is logged in, through
 * libcurl: it knows TLS, STARTTLS, SASL and proxies, and hands over the
 * connection behind the login (CURLOPT_CONNECT_ONLY).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/curl_setup.h"
#include "common/base/imap_link.h"
#include "common/base/secret.h"
#include "common/base/text.h"

#define CONNECT_TIMEOUT_MS 10000
#define TOKEN_BYTES (64 * 1024)
#define ANSWER_BYTES 256 /* of the server's line, for the log */

struct imap_link {
	CURL *easy;
	int fd;       /* libcurl's */
	int stop_fd;  /* foreign */
	char *secret; /* owned, while it logs in */
	char trouble[CURL_ERROR_SIZE];
	char answer[ANSWER_BYTES]; /* the last line before the login */
};

static bool
is_stopped(const struct imap_link *link)
{
	struct pollfd p = { .fd = link->stop_fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* Called about once a second while libcurl connects. */
static int
on_progress(
    void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)a, (void)b, (void)c, (void)d;
	return is_stopped(context) ? 1 : 0;
}

/* What is wrong with a token comes as a challenge: JSON in base64. */
static size_t
read_challenge(char *line, size_t len)
{
	char text[ANSWER_BYTES];
	size_t end, text_len;

	if (len < 2 || memcmp(line, "+ ", 2) != 0)
		return len;
	end = 2 + text_decode_base64(line + 2, len - 2, text, &text_len);
	while (end < len && line[end] == '=')
		end++;
	if (end < len || text_len == 0)
		return len;
	memcpy(line, text, text_len);
	return text_len;
}

static size_t
on_answer(char *p, size_t size, size_t count, void *context)
{
	struct imap_link *link = context;
	const char *line = p;
	size_t len = size * count;

	text_trim(&line, &len);
	if (secret_is_in(line, len, link->secret))
		len = 0;
	if (len >= ANSWER_BYTES)
		len = ANSWER_BYTES - 1;
	memcpy(link->answer, line, len);
	link->answer[read_challenge(link->answer, len)] = '\0';
	return size * count;
}

/* A token is read anew each time: it lives for an hour or so. */
static int
read_token(const char *path, char **token, struct err *e)
{
	char text[TOKEN_BYTES];
	const char *p = text;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	size_t len;

	if (n < 0)
		err_set_errno(e, "token_path: %s", path);
	if (fd >= 0)
		(void)close(fd);
	if (n < 0)
		return -1;
	len = (size_t)n;
	text_trim(&p, &len);
	if (len == 0 || (size_t)n == sizeof(text))
		err_set(e, ERR_TEMP, "token_path: %s holds no token", path);
	else
		*token = xstrndup(p, len);
	explicit_bzero(text, sizeof(text));
	return *token != NULL ? 0 : -1;
}

static const char *const login_options[] = {
	[CONF_IMAP_AUTH_AUTO] = NULL,
	[CONF_IMAP_AUTH_PLAIN] = "AUTH=PLAIN",
	[CONF_IMAP_AUTH_LOGIN] = "AUTH=LOGIN",
	[CONF_IMAP_AUTH_XOAUTH2] = "AUTH=XOAUTH2",
	[CONF_IMAP_AUTH_OAUTHBEARER] = "AUTH=OAUTHBEARER",
};

static int
set_login(struct imap_link *link, const struct conf_imap *conf, struct err *e)
{
	bool has_token = conf->auth == CONF_IMAP_AUTH_XOAUTH2 ||
			 conf->auth == CONF_IMAP_AUTH_OAUTHBEARER;

	if (!has_token)
		link->secret = xstrdup(conf->password);
	else if (read_token(conf->token_path, &link->secret, e) < 0)
		return -1;
	curl_easy_setopt(link->easy, CURLOPT_USERNAME, conf->user);
	curl_easy_setopt(
	    link->easy, CURLOPT_LOGIN_OPTIONS, login_options[conf->auth]);
	curl_easy_setopt(link->easy,
	    has_token ? CURLOPT_XOAUTH2_BEARER : CURLOPT_PASSWORD,
	    link->secret);
	return 0;
}

static void
forget_secret(struct imap_link *link)
{
	if (link->secret != NULL)
		explicit_bzero(link->secret, strlen(link->secret));
	free(link->secret);
	link->secret = NULL;
}

static void
set_server(CURL *easy, const struct conf_imap *conf)
{
	bool is_ipv6 = strchr(conf->host, ':') != NULL;
	char *url = xasprintf("%s://%s%s%s:%llu/",
	    conf->tls == CONF_IMAP_TLS_TLS ? "imaps" : "imap",
	    is_ipv6 ? "[" : "", conf->host, is_ipv6 ? "]" : "",
	    (unsigned long long)conf->port);
	long verify = conf->skip_certificate_verification ? 0 : 1;

	curl_easy_setopt(easy, CURLOPT_URL, url);
	free(url);
	curl_easy_setopt(easy, CURLOPT_USE_SSL,
	    conf->tls == CONF_IMAP_TLS_NO ? (long)CURLUSESSL_NONE
					  : (long)CURLUSESSL_ALL);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify * 2);
	if (conf->cert_path != NULL) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, conf->cert_path);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
}

static void
set_times(CURL *easy, const struct conf_imap *conf)
{
	int64_t each = conf->timeout_s * 1000;
	int64_t connect = each < CONNECT_TIMEOUT_MS ? each : CONNECT_TIMEOUT_MS;

	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(connect + each));
	curl_easy_setopt(
	    easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)conf->timeout_s);
	/* IDLE is silent for long: a peer that is gone must be noticed */
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 120L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 30L);
}

static void
set_callbacks(CURL *easy, struct imap_link *link)
{
	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, link->trouble);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_answer);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, link);
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(easy, CURLOPT_XFERINFODATA, link);
}

static enum err_kind
kind_of(CURLcode rc)
{
	switch (rc) {
	case CURLE_LOGIN_DENIED:
		return ERR_REFUSED;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_USE_SSL_FAILED:
		return ERR_CONF;
	default:
		return ERR_TEMP;
	}
}

/* Its last line is told where it says more than libcurl does. */
static int
fail(struct imap_link *link, CURLcode rc, struct err *e)
{
	const char *trouble = curl_trouble(link->trouble, rc);
	bool is_told = rc == CURLE_LOGIN_DENIED && *link->answer != '\0';
	char answer[2 * ANSWER_BYTES];

	(void)text_escape(link->answer, answer, sizeof(answer));
	return err_set(e, kind_of(rc), "%s%s%s%s", trouble, is_told ? " (" : "",
	    is_told ? answer : "", is_told ? ")" : "");
}

static int
perform(struct imap_link *link, struct err *e)
{
	CURLcode rc = curl_easy_perform(link->easy);
	curl_socket_t fd;

	if (rc == CURLE_OK)
		rc = curl_easy_getinfo(link->easy, CURLINFO_ACTIVESOCKET, &fd);
	if (rc != CURLE_OK)
		return fail(link, rc, e);
	link->fd = fd;
	return 0;
}

int
imap_link_open(struct imap_link **opened, const struct conf_imap *conf,
    int stop_fd, struct err *e)
{
	struct imap_link *link = xcalloc(1, sizeof(*link));

	link->stop_fd = stop_fd;
	link->fd = -1;
	if ((link->easy = curl_easy_init()) == NULL) {
		free(link);
		return err_set(e, ERR_TEMP, "libcurl: out of memory");
	}
	set_server(link->easy, conf);
	set_times(link->easy, conf);
	set_callbacks(link->easy, link);
	if (set_login(link, conf, e) < 0 || perform(link, e) < 0) {
		imap_link_close(&link);
		return err_add(e, "%s port %llu", conf->host,
		    (unsigned long long)conf->port);
	}
	forget_secret(link);
	*opened = link;
	return 0;
}

/* 1 ready, 0 not within the time or stopped, -1 *e. */
static int
wait_for(struct imap_link *link, short events, int64_t until_ms,
    bool ends_on_stop, struct err *e)
{
	struct pollfd p[2] = { { .fd = link->fd, .events = events },
		{ .fd = ends_on_stop ? link->stop_fd : -1, .events = POLLIN } };
	int64_t left = until_ms - clock_mono_ms();
	int n;

	if (left < 0)
		left = 0;
	n = poll(p, 2, left > INT32_MAX ? INT32_MAX : (int)left);
	if (n < 0 && errno != EINTR)
		return err_set_errno(e, "poll");
	return n > 0 && p[0].revents != 0 ? 1 : 0;
}

int
imap_link_send(struct imap_link *link, const char *p, size_t len,
    int64_t timeout_ms, struct err *e)
{
	size_t n;
	CURLcode rc;
	int ready;

	while (len > 0) {
		n = 0;
		rc = curl_easy_send(link->easy, p, len, &n);
		p += n;
		len -= n;
		if (rc == CURLE_OK)
			continue;
		if (rc != CURLE_AGAIN)
			return fail(link, rc, e);
		ready = wait_for(
		    link, POLLOUT, clock_mono_ms() + timeout_ms, false, e);
		if (ready < 0)
			return -1;
		if (ready == 0)
			return err_set(
			    e, ERR_TEMP, "the server takes no command");
	}
	return 0;
}

ssize_t
imap_link_read(struct imap_link *link, char *p, size_t size, int64_t timeout_ms,
    bool ends_on_stop, struct err *e)
{
	int64_t until_ms = clock_mono_ms() + timeout_ms;
	size_t n;
	CURLcode rc;
	int ready;

	for (;;) {
		n = 0;
		/* TLS may have bytes that poll does not know of */
		rc = curl_easy_recv(link->easy, p, size, &n);
		if (rc == CURLE_OK && n > 0)
			return (ssize_t)n;
		if (rc == CURLE_OK)
			return err_set(
			    e, ERR_TEMP, "the server closed the connection");
		if (rc != CURLE_AGAIN)
			return fail(link, rc, e);
		ready = wait_for(link, POLLIN, until_ms, ends_on_stop, e);
		if (ready < 0)
			return -1;
		if (ready == 0 && (clock_mono_ms() >= until_ms ||
				      (ends_on_stop && is_stopped(link))))
			return 0;
	}
}

void
imap_link_close(struct imap_link **link)
{
	if (*link == NULL)
		return;
	curl_easy_cleanup((*link)->easy);
	forget_secret(*link);
	free(*link);
	*link = NULL;
}
