/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_send.c - hand one mail to a server by SMTP, through libcurl.
 * in: bytes of a mail (spill.c)    out: the server's answer, as an err
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "common/base/buf.h"
#include "common/base/curl_setup.h"
#include "common/base/secret.h"
#include "common/base/smtp_send.h"
#include "common/base/text.h"

#define CONNECT_TIMEOUT_MS 10000
#define CHUNK_BYTES (16 * 1024)
#define ANSWER_BYTES 256 /* of the server's line, for the log */

/* What goes out: the head, then the mail with CRLF at the end of each line. */
struct outgoing {
	CURL *easy; /* foreign */
	const struct smtp_mail *mail;
	size_t head_at;
	uint64_t at; /* in the mail */
	char chunk[CHUNK_BYTES];
	size_t chunk_at, chunk_len;
	bool after_cr;
	uint64_t size, given; /* libcurl asks for no more than size */
	struct err trouble;
	char curl_trouble[CURL_ERROR_SIZE];
	const char *secret;        /* foreign */
	char answer[ANSWER_BYTES]; /* the last line that the server said */
};

/* The next byte that is in hand; -1 at the end or when it cannot be read. */
static int
fill(struct outgoing *o)
{
	ssize_t n;

	if (o->chunk_at < o->chunk_len)
		return 0;
	n = spill_read(
	    o->mail->mail, o->at, o->chunk, sizeof(o->chunk), &o->trouble);
	if (n <= 0)
		return -1;
	o->at += (uint64_t)n;
	o->chunk_at = 0;
	o->chunk_len = (size_t)n;
	return 0;
}

/* RFC 5321, 2.3.8: a line ends in CRLF, and nothing else does. */
static size_t
copy_lines(struct outgoing *o, char *p, size_t size)
{
	size_t len = 0;
	char c;

	while (len + 2 <= size && fill(o) == 0) {
		c = o->chunk[o->chunk_at++];
		if (c == '\n' && !o->after_cr)
			p[len++] = '\r';
		p[len++] = c;
		o->after_cr = c == '\r';
	}
	return len;
}

/*
 * A server that has a whole mail may have taken it, and whoever does not wait
 * for its answer sends the mail twice (RFC 5321, 4.5.3.2.6: 10 minutes): only
 * timeout_ms ends this.
 */
static void
wait_for_last(struct outgoing *o)
{
	curl_easy_setopt(o->easy, CURLOPT_SERVER_RESPONSE_TIMEOUT,
	    (long)(o->mail->timeout_ms / 1000 + 1));
	curl_easy_setopt(o->easy, CURLOPT_LOW_SPEED_TIME, 0L);
}

static size_t
on_read(char *p, size_t size, size_t count, void *context)
{
	struct outgoing *o = context;
	const char *head = o->mail->head + o->head_at;
	size_t room = size * count, len = strlen(head);

	if (len > 0) {
		if (len > room)
			len = room;
		memcpy(p, head, len);
		o->head_at += len;
		o->given += len;
		return len;
	}
	len = copy_lines(o, p, room);
	if (o->trouble.kind != ERR_NONE)
		return CURL_READFUNC_ABORT;
	o->given += len;
	if (o->given >= o->size)
		wait_for_last(o);
	return len;
}

/* RFC 1870 wants the size beforehand. */
static int
count_bytes(struct outgoing *o)
{
	char *block = xmalloc(CHUNK_BYTES);
	size_t len;

	o->size = strlen(o->mail->head);
	while ((len = copy_lines(o, block, CHUNK_BYTES)) > 0)
		o->size += len;
	free(block);
	o->at = o->chunk_at = o->chunk_len = 0;
	o->after_cr = false;
	return o->trouble.kind != ERR_NONE ? -1 : 0;
}

static size_t
on_answer(char *p, size_t size, size_t count, void *context)
{
	struct outgoing *o = context;
	const char *line = p;
	size_t len = size * count;

	text_trim(&line, &len);
	if (secret_is_in(line, len, o->secret))
		len = 0;
	if (len >= ANSWER_BYTES)
		len = ANSWER_BYTES - 1;
	if (len >= 3 && memcmp(line, "221", 3) == 0)
		return size * count; /* to our QUIT, behind what went wrong */
	memcpy(o->answer, line, len);
	o->answer[len] = '\0';
	return size * count;
}

/* "smtp://host:25/name": the name is what EHLO says. */
static char *
url_of(const struct conf_smtp *conf)
{
	bool is_ipv6 = strchr(conf->host, ':') != NULL;
	char name[256];

	if (gethostname(name, sizeof(name)) < 0 || *name == '\0' ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")] !=
		'\0')
		(void)snprintf(name, sizeof(name), "localhost");
	return xasprintf("%s://%s%s%s:%llu/%s",
	    conf->tls == CONF_SMTP_TLS_TLS ? "smtps" : "smtp",
	    is_ipv6 ? "[" : "", conf->host, is_ipv6 ? "]" : "",
	    (unsigned long long)conf->port, name);
}

static void
set_security(CURL *easy, const struct conf_smtp *conf)
{
	bool verifies = conf->tls == CONF_SMTP_TLS_STARTTLS ||
			conf->tls == CONF_SMTP_TLS_TLS;
	long use = conf->tls == CONF_SMTP_TLS_NO    ? CURLUSESSL_NONE
		   : conf->tls == CONF_SMTP_TLS_MAY ? CURLUSESSL_TRY
						    : CURLUSESSL_ALL;

	curl_easy_setopt(easy, CURLOPT_USE_SSL, use);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verifies ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verifies ? 2L : 0L);
	if (conf->cert_path != NULL) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, conf->cert_path);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	if (conf->user != NULL) {
		curl_easy_setopt(easy, CURLOPT_USERNAME, conf->user);
		curl_easy_setopt(easy, CURLOPT_PASSWORD, conf->password);
	}
}

static void
set_times(CURL *easy, const struct conf_smtp *conf, int64_t timeout_ms)
{
	int64_t each = conf->timeout_s * 1000;
	int64_t connect = each < CONNECT_TIMEOUT_MS ? each : CONNECT_TIMEOUT_MS;

	if (timeout_ms <= 0)
		timeout_ms = 1;
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect);
	curl_easy_setopt(
	    easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)conf->timeout_s);
	/* a server that takes nothing for so long is away */
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)conf->timeout_s);
}

/*
 * Whose fault is it? A 5xx for MAIL, RCPT, DATA or the mail itself is about
 * this mail; one before (greeting, TLS, login) is about us, and so is one that
 * asks for a login or for encryption (RFC 4954, 6; RFC 3207, 4).
 */
static bool
is_about_mail(CURLcode rc, long code, const struct outgoing *o)
{
	if (code / 100 != 5 || code == 530 || code == 534 || code == 535 ||
	    code == 538)
		return false;
	return rc == CURLE_SEND_ERROR || o->given >= o->size;
}

static int
judge(CURL *easy, CURLcode rc, const struct conf_smtp *conf, struct outgoing *o,
    struct err *e)
{
	const char *trouble = curl_trouble(o->curl_trouble, rc);
	unsigned long long port = conf->port;
	long code = 0;

	if (rc == CURLE_OK)
		return 0;
	if (o->trouble.kind != ERR_NONE) {
		*e = o->trouble;
		return -1;
	}
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
	if (is_about_mail(rc, code, o))
		return err_set(e, ERR_REFUSED, "%s port %llu refuses: %s",
		    conf->host, port, o->answer);
	if (code >= 400 && *o->answer != '\0')
		return err_set(e, ERR_TEMP, "%s port %llu: %s (%s)", conf->host,
		    port, trouble, o->answer);
	return err_set(
	    e, ERR_TEMP, "%s port %llu: %s", conf->host, port, trouble);
}

static struct curl_slist *
recipient_list(const struct smtp_mail *mail)
{
	char *address = xasprintf("<%s>", mail->to);
	struct curl_slist *list = curl_slist_append(NULL, address);

	if (list == NULL)
		abort(); /* out of memory, as xmalloc has it */
	free(address);
	return list;
}

static void
set_mail(CURL *easy, const struct smtp_mail *mail, struct outgoing *o,
    struct curl_slist *to)
{
	char *from = xasprintf("<%s>", mail->from);

	curl_easy_setopt(easy, CURLOPT_MAIL_FROM, from);
	curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, to);
	curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(easy, CURLOPT_READDATA, o);
	curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)o->size);
	free(from);
}

/* Where to, how safely, and what comes back. */
static void
set_server(CURL *easy, const struct conf_smtp *conf, int64_t timeout_ms,
    struct outgoing *o)
{
	char *url = url_of(conf);

	o->secret = conf->password;
	curl_easy_setopt(easy, CURLOPT_URL, url);
	free(url);
	set_security(easy, conf);
	set_times(easy, conf, timeout_ms);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, o->curl_trouble);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_answer);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, o);
}

static int
send_with(CURL *easy, const struct conf_smtp *conf,
    const struct smtp_mail *mail, struct outgoing *o, struct err *e)
{
	struct curl_slist *to;
	int rc;

	if (count_bytes(o) < 0) {
		*e = o->trouble;
		return -1;
	}
	to = recipient_list(mail);
	set_server(easy, conf, mail->timeout_ms, o);
	set_mail(easy, mail, o, to);
	rc = judge(easy, curl_easy_perform(easy), conf, o, e);
	curl_slist_free_all(to);
	return rc;
}

int
smtp_send(
    const struct conf_smtp *conf, const struct smtp_mail *mail, struct err *e)
{
	struct outgoing *o;
	CURL *easy = curl_easy_init();
	int rc;

	if (easy == NULL)
		return err_set(e, ERR_TEMP, "libcurl: out of memory");
	o = xcalloc(1, sizeof(*o));
	o->easy = easy;
	o->mail = mail;
	rc = send_with(easy, conf, mail, o, e);
	curl_easy_cleanup(easy); /* says QUIT, and hears an answer */
	free(o);
	return rc;
}

int
smtp_check(const struct conf_smtp *conf, struct err *e)
{
	struct outgoing *o;
	CURL *easy = curl_easy_init();
	int rc;

	if (easy == NULL)
		return err_set(e, ERR_TEMP, "libcurl: out of memory");
	o = xcalloc(1, sizeof(*o));
	o->size = 1; /* never reached: no answer is about a mail */
	set_server(easy, conf, conf->timeout_s * 1000, o);
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "NOOP");
	curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	rc = judge(easy, curl_easy_perform(easy), conf, o, e);
	curl_easy_cleanup(easy);
	free(o);
	return rc;
}
