/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_mail.c - a report by mail: changes and tables as text, the page
 * attached.
 * in: a report    out: an SMTP server
 */
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "cli/report.h"
#include "cli/table.h"
#include "common/base/curl_setup.h"
#include "common/base/smtp_send.h"
#include "common/base/text.h"
#include "common/sink/sqlite_report.h"

#define WIDTH 100             /* of the tables */
#define BASE64_LINE 57        /* bytes that make a line of 76 characters */
#define PAGE_MAX (64UL << 20) /* mail servers take less */
#define TIMEOUT_MS (240 * 1000)
#define NAME_SIZE 256

static int
add_base64(struct buf *out, const char *p, size_t len, struct err *e)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	char four[5] = "";
	size_t at, i, n;

	for (at = 0; at < len; at += 3) {
		unsigned long bits = 0;

		n = len - at < 3 ? len - at : 3;
		for (i = 0; i < 3; i++)
			bits =
			    bits << 8 | (i < n ? (unsigned char)p[at + i] : 0);
		for (i = 0; i < 4; i++)
			four[i] =
			    i > n ? '=' : digits[bits >> (18 - 6 * i) & 63];
		if (buf_add(out, four, 4, e) < 0)
			return -1;
		if ((at + 3) % BASE64_LINE == 0 &&
		    buf_add(out, "\r\n", 2, e) < 0)
			return -1;
	}
	return buf_add(out, "\r\n", 2, e);
}

static const char *
host_name(char name[NAME_SIZE])
{
	if (gethostname(name, NAME_SIZE) < 0 || *name == '\0')
		(void)snprintf(name, NAME_SIZE, "localhost");
	name[NAME_SIZE - 1] = '\0';
	return name;
}

static const char *
sender_of(const struct conf *conf, struct arena *a)
{
	char host[NAME_SIZE];

	if (conf->intake.forward_from != NULL)
		return conf->intake.forward_from;
	return arena_printf(a, "dmarc-intake@%s", host_name(host));
}

/* RFC 5322, 3.3; the names of days and months are English there. */
static const char *
date_text(int64_t now, struct arena *a)
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu",
		"Fri", "Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May",
		"Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t at = (time_t)now;
	struct tm tm;

	if (gmtime_r(&at, &tm) == NULL)
		return "Thu, 01 Jan 1970 00:00:00 +0000";
	return arena_printf(a, "%s, %02d %s %d %02d:%02d:%02d +0000",
	    days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
	    tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static const char *
random_text(struct arena *a)
{
	unsigned char bytes[12] = { 0 };
	char text[2 * sizeof(bytes) + 1];

	if (getrandom(bytes, sizeof(bytes), 0) < 0)
		abort(); /* short ones never fail once the system is up */
	text_hex(bytes, sizeof(bytes), text);
	return arena_strdup(a, text);
}

/* Header fields are ours: numbers, and addresses that were checked. */
static int
head_put(struct buf *out, const struct report_view *v, const char *from,
    const char *to, const char *boundary, struct err *e)
{
	const struct report_mails *n = &v->r->totals.n;
	char host[NAME_SIZE];

	return buf_printf(out, e,
	    "From: <%s>\r\nTo: <%s>\r\nSubject: DMARC report: %s messages, "
	    "%s pass\r\nDate: %s\r\nMessage-ID: <%s@%s>\r\n"
	    "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n",
	    from, to, table_count(v->arena, n->messages),
	    table_share(v->arena, n->passed, n->messages),
	    date_text(v->now, v->arena), random_text(v->arena), host_name(host),
	    boundary);
}

static int
part_put(struct buf *out, const char *boundary, const char *fields,
    const char *p, size_t len, struct err *e)
{
	if (buf_printf(out, e,
		"--%s\r\n%sContent-Transfer-Encoding: base64\r\n\r\n", boundary,
		fields) < 0)
		return -1;
	return add_base64(out, p, len, e);
}

static int
text_put(struct buf *out, const struct report_view *v, const char *changes,
    const char *boundary, struct err *e)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int rc;

	if (f == NULL)
		return err_set_errno(e, "report: text");
	if (changes != NULL)
		(void)fputs(changes, f);
	report_text(v, WIDTH, f);
	rc = fclose(f) == 0 ? 0 : err_set_errno(e, "report: text");
	if (rc == 0)
		rc = part_put(out, boundary,
		    "Content-Type: text/plain; charset=utf-8\r\n", text, len,
		    e);
	free(text);
	return rc;
}

static int
page_put(struct buf *out, const struct report_view *v, const char *boundary,
    struct err *e)
{
	struct buf page;
	int rc;

	buf_init(&page, PAGE_MAX);
	rc = report_html(v, &page, e);
	if (rc == 0)
		rc = part_put(out, boundary,
		    "Content-Type: text/html; charset=utf-8\r\n"
		    "Content-Disposition: attachment; "
		    "filename=\"dmarc-report.html\"\r\n",
		    page.data, page.len, e);
	buf_clear(&page);
	return rc;
}

static int
mail_put(struct buf *out, const struct report_view *v, const char *changes,
    const char *from, const char *to, struct err *e)
{
	const char *boundary =
	    arena_printf(v->arena, "=_%s", random_text(v->arena));

	if (head_put(out, v, from, to, boundary, e) < 0 ||
	    text_put(out, v, changes, boundary, e) < 0 ||
	    page_put(out, v, boundary, e) < 0)
		return -1;
	return buf_printf(out, e, "--%s--\r\n", boundary);
}

static int
send_bytes(const struct conf *conf, const struct buf *bytes, const char *from,
    const char *to, struct err *e)
{
	struct smtp_mail mail = {
		.from = from, .to = to, .head = "", .timeout_ms = TIMEOUT_MS
	};
	struct spill spill;
	const void *p;
	size_t len;
	int fd, rc;

	spill_init(&spill, NULL, SIZE_MAX); /* all in memory: no pool */
	mail.mail = &spill;
	rc = spill_add(&spill, bytes->data, bytes->len, e);
	if (rc == 0)
		rc = spill_finish(&spill, &p, &len, &fd, e);
	if (rc == 0 && (rc = curl_setup(e)) == 0) {
		rc = smtp_send(&conf->smtp, &mail, e);
		curl_cleanup();
	}
	spill_clear(&spill);
	return rc;
}

int
report_mail(const struct report_view *v, const char *changes,
    const struct conf *conf, const char *to, struct err *e)
{
	const char *from = sender_of(conf, v->arena);
	struct buf bytes;
	int rc;

	buf_init(&bytes, 2 * PAGE_MAX);
	rc = mail_put(&bytes, v, changes, from, to, e);
	if (rc == 0)
		rc = send_bytes(conf, &bytes, from, to, e);
	buf_clear(&bytes);
	return rc < 0 ? err_add(e, "report: mail to %s", to) : 0;
}
