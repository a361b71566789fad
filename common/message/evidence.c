/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence.c - was a report meant? What header, structure and names say.
 * evidence_words.c looks for a person's own words.
 */
#include <string.h>

#include "common/base/text.h"
#include "common/message/evidence.h"
#include "common/message/report_name.h"

#define PARTS_MAX 100 /* that a notice is looked for in */
#define FEEDBACK_BYTES 4096
#define CONTENT_BYTES 4096

/* What mail programs put in front of a Subject that they answer. */
static const char *const answer_prefixes[] = { "re:", "re[",
	"aw:", "antw:", "antwort:", "sv:", "vs:", "odp:", "ynt:", "ref:",
	"rif:", "r:", "automatic reply:", "automatische antwort:", "auto:",
	"autoreply:", "auto-reply:", "out of office:", "abwesend:", "accepted:",
	"declined:", "read:", "gelesen:", "undeliverable:", "undelivered mail",
	"delivery status notification", NULL };

/* Packed inside, but never a report. */
static const char *const foreign_endings[] = { ".docx", ".docm", ".dotx",
	".xlsx", ".xlsm", ".pptx", ".pptm", ".vsdx", ".odt", ".ods", ".odp",
	".odg", ".epub", ".jar", ".war", ".apk", ".ipa", ".xpi", ".crx", ".kmz",
	".3mf", ".pages", ".numbers", ".key", ".msix", ".pdf", ".png", ".jpg",
	".jpeg", ".gif", ".webp", ".heic", ".svgz", ".ics", ".vcf", ".p7m",
	".p7s", ".tgz", NULL };

static bool
starts_with_one(const char *text, const char *const *list)
{
	for (; *list != NULL; list++)
		if (text_starts_nocase(text, *list))
			return true;
	return false;
}

/* Ends the name so, or one of the archives that it is in ("a.docx: b.xml")? */
static bool
ends_with_one(const char *name, const char *const *list)
{
	while (*list != NULL) {
		const char *at = strcasestr(name, *list);
		size_t len = strlen(*list++);

		for (; at != NULL; at = strcasestr(at + 1, list[-1]))
			if (at[len] == '\0' || at[len] == ':')
				return true;
	}
	return false;
}

/*
 * "Report Domain: d Submitter: s Report-ID: i", in any case and behind what
 * forwarders and lists put before it; an answer to such a mail is none.
 */
static bool
is_report_subject(const char *subject)
{
	const char *at;

	while (text_is_space(*subject))
		subject++;
	if (starts_with_one(subject, answer_prefixes))
		return false;
	for (at = subject; *at != '\0'; at++)
		if (text_starts_nocase(at, "report domain:"))
			return strcasestr(at, "submitter:") != NULL ||
			       strcasestr(at, "report-id:") != NULL;
	return false;
}

const char *
evidence_field(GMimeMessage *message, const char *name)
{
	const char *text =
	    g_mime_object_get_header(GMIME_OBJECT(message), name);

	while (text != NULL && text_is_space(*text))
		text++;
	return text;
}

/* An answer that nobody wrote (RFC 3834). */
static bool
is_auto_reply(GMimeMessage *message)
{
	const char *text = evidence_field(message, "Auto-Submitted");

	return (text != NULL && text_starts_nocase(text, "auto-replied")) ||
	       evidence_field(message, "X-Autoreply") != NULL ||
	       evidence_field(message, "X-Autorespond") != NULL;
}

const char *
evidence_from(GMimeMessage *message)
{
	InternetAddressList *from = g_mime_message_get_from(message);
	InternetAddress *first;

	if (from == NULL || internet_address_list_length(from) == 0)
		return NULL;
	first = internet_address_list_get_address(from, 0);
	return INTERNET_ADDRESS_IS_MAILBOX(first)
		   ? internet_address_mailbox_get_addr(
			 INTERNET_ADDRESS_MAILBOX(first))
		   : NULL;
}

static bool
is_from_mailer(GMimeMessage *message)
{
	const char *address = evidence_from(message);

	return address != NULL && text_starts_nocase(address, "mailer-daemon@");
}

static bool
is_notice_type(GMimeContentType *type)
{
	return g_mime_content_type_is_type(
		   type, "message", "delivery-status") ||
	       g_mime_content_type_is_type(
		   type, "message", "global-delivery-status") ||
	       g_mime_content_type_is_type(
		   type, "message", "disposition-notification") ||
	       g_mime_content_type_is_type(
		   type, "message", "global-disposition-notification");
}

/* ARF is also used for complaints, which are not about DMARC (RFC 5965). */
static bool
is_complaint(GMimeObject *part)
{
	static const char key[] = "feedback-type:";
	static const char *const ours[] = { "auth-failure", "dmarc", NULL };
	GMimeDataWrapper *content;
	char text[FEEDBACK_BYTES], *at;
	GMimeStream *stream;
	ssize_t n;

	if (!GMIME_IS_PART(part) ||
	    (content = g_mime_part_get_content(GMIME_PART(part))) == NULL)
		return false;
	stream = g_mime_data_wrapper_get_stream(content);
	(void)g_mime_stream_reset(stream);
	n = g_mime_stream_read(stream, text, sizeof(text) - 1);
	(void)g_mime_stream_reset(stream);
	if (n <= 0)
		return false;
	text[n] = '\0';
	if ((at = strcasestr(text, key)) == NULL ||
	    (at > text && at[-1] != '\n'))
		return false; /* encoded, or broken: who knows */
	at += sizeof(key) - 1;
	while (*at == ' ' || *at == '\t')
		at++;
	return !starts_with_one(at, ours);
}

/* A multipart/report: of which kind? */
static void
look_at_report(struct evidence *v, GMimeObject *top)
{
	const char *type =
	    g_mime_object_get_content_type_parameter(top, "report-type");
	GMimeContentType *part_type;
	GMimeObject *part;
	int i, count;

	if (type == NULL)
		type = "";
	v->has_report_type = text_equal_nocase(type, "feedback-report") ||
			     text_equal_nocase(type, "tlsrpt");
	v->is_notice = text_equal_nocase(type, "delivery-status") ||
		       text_equal_nocase(type, "disposition-notification");
	if (!GMIME_IS_MULTIPART(top))
		return;
	count = g_mime_multipart_get_count(GMIME_MULTIPART(top));
	for (i = 0; i < count && i < PARTS_MAX; i++) {
		part = g_mime_multipart_get_part(GMIME_MULTIPART(top), i);
		part_type = g_mime_object_get_content_type(part);
		if (*type == '\0' && !v->has_feedback &&
		    is_notice_type(part_type))
			v->is_notice = true;
		if (!g_mime_content_type_is_type(
			part_type, "message", "feedback-report"))
			continue;
		/* a report whose report-type is wrong */
		v->has_feedback = true;
		v->is_notice = false;
		if (is_complaint(part))
			v->has_report_type = false;
	}
}

/* "application/tlsrpt+json", "application/tlsrpt+gzip" (RFC 8460, 6.4). */
static bool
is_tls_type(GMimeObject *part)
{
	GMimeContentType *type = g_mime_object_get_content_type(part);
	const char *subtype = g_mime_content_type_get_media_subtype(type);

	return g_mime_content_type_is_type(type, "application", "*") &&
	       subtype != NULL && text_starts_nocase(subtype, "tlsrpt+");
}

static bool
is_named_as_report(GMimeObject *part)
{
	const char *name = GMIME_IS_PART(part)
			       ? g_mime_part_get_filename(GMIME_PART(part))
			       : NULL;

	return name != NULL && report_name_is_there(name);
}

/*
 * Is the mail itself such a part, or one of its parts? What is in a mail that
 * came back, or was forwarded, is no part of it.
 */
static bool
has_part(GMimeObject *top, bool (*is_such)(GMimeObject *part))
{
	int i, count;

	if (top == NULL || !GMIME_IS_MULTIPART(top))
		return top != NULL && is_such(top);
	count = g_mime_multipart_get_count(GMIME_MULTIPART(top));
	for (i = 0; i < count && i < PARTS_MAX; i++)
		if (is_such(g_mime_multipart_get_part(GMIME_MULTIPART(top), i)))
			return true;
	return false;
}

/* Some reporters send from there what they want no answer to; so does Exim. */
static bool
is_more_than_notice(const struct evidence *v, const char *subject)
{
	return v->has_feedback || v->has_subject || v->has_report_type ||
	       v->has_tls_header || v->has_file_name ||
	       (subject != NULL && strcasestr(subject, "dmarc") != NULL);
}

void
evidence_of_mail(struct evidence *v, GMimeMessage *message)
{
	const char *subject = g_mime_message_get_subject(message);
	GMimeObject *top = g_mime_message_get_mime_part(message);

	memset(v, 0, sizeof(*v));
	v->has_subject = subject != NULL && is_report_subject(subject) &&
			 !is_auto_reply(message);
	v->has_tls_header =
	    evidence_field(message, "TLS-Report-Domain") != NULL ||
	    evidence_field(message, "TLS-Report-Submitter") != NULL;
	if (top != NULL &&
	    g_mime_content_type_is_type(
		g_mime_object_get_content_type(top), "multipart", "report"))
		look_at_report(v, top);
	if (has_part(top, is_tls_type))
		v->has_report_type = true;
	v->has_file_name = has_part(top, is_named_as_report);
	if (is_from_mailer(message) && !is_more_than_notice(v, subject))
		v->is_notice = true;
}

void
evidence_of_name(struct evidence *v, const char *name)
{
	if (report_name_is_there(name))
		v->has_file_name = true;
}

void
evidence_of_failure(struct evidence *v, const char *name)
{
	if (name == NULL || !ends_with_one(name, foreign_endings))
		v->has_unopened = true;
}

bool
evidence_is_enough(const struct evidence *v)
{
	return !v->is_notice &&
	       (v->has_subject || v->has_tls_header || v->has_report_type ||
		   v->has_file_name || v->has_unopened);
}

bool
evidence_in_content(const char *p, size_t len)
{
	static const char *const words[] = { "<feedback>", "<feedback ",
		"<feedback\n", "<feedback\r", ":feedback>", ":feedback ",
		"report_metadata", "policy_published", "\"organization-name\"",
		"\"report-id\"", "\"contact-info\"", "\"policy-domain\"",
		"\"failed-session-count\"", NULL };
	char text[CONTENT_BYTES];
	const char *const *word;
	size_t i, used = 0;

	if (memchr(p, '\0', len) != NULL) {
		/* UTF-16 has these words too, with a NUL in each letter */
		for (i = 0; i < len && used < sizeof(text); i++)
			if (p[i] != '\0')
				text[used++] = p[i];
		p = text;
		len = used;
	}
	for (word = words; *word != NULL; word++)
		if (memmem(p, len, *word, strlen(*word)) != NULL)
			return true;
	return false;
}
