/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plain.c - the mails that nearly all reporters send, taken apart at a tenth
 * of what a tree of their parts costs. Strict: what is not surely understood
 * is left to GMime.
 * in: the mail's bytes (part.c)    out: its parts, still encoded
 */
#include <stdint.h>
#include <string.h>

#include "common/base/text.h"
#include "common/message/outside.h"
#include "common/message/plain.h"

#define VALUE_BYTES 1024 /* of a field that is looked at */

/* The fields that tell how a mail or a part is to be read. */
struct content {
	bool is_multipart, has_type, has_encoding, has_disposition;
	GMimeContentEncoding encoding;
	char boundary[PLAIN_VALUE_SIZE];
	char charset[PLAIN_VALUE_SIZE];
	char name[PLAIN_VALUE_SIZE];
	char filename[PLAIN_VALUE_SIZE];
};

/* What is learned of a header. */
struct header {
	struct content content;
	bool has_subject, has_message_id;
	char message_id[PLAIN_VALUE_SIZE];
};

static const char *const part_types[] = { "application/gzip",
	"application/x-gzip", "application/zip", "application/x-zip-compressed",
	"application/octet-stream", "text/plain", "text/html", "text/xml",
	"application/xml" };

static const struct {
	const char *name;
	GMimeContentEncoding encoding;
} encodings[] = {
	{ "base64", GMIME_CONTENT_ENCODING_BASE64 },
	{ "7bit", GMIME_CONTENT_ENCODING_7BIT },
	{ "8bit", GMIME_CONTENT_ENCODING_8BIT },
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_line_end(char c)
{
	return c == '\r' || c == '\n';
}

static const char *
skip_blanks(const char *p)
{
	while (is_blank(*p))
		p++;
	return p;
}

/* RFC 2045, 5.1: token; no "*", "'" or "%", which RFC 2231 gives a meaning */
static size_t
token_length(const char *p)
{
	size_t n = 0;

	while (p[n] > ' ' && p[n] < 0x7f &&
	       strchr("()<>@,;:\\\"/[]?=*'%", p[n]) == NULL)
		n++;
	return n;
}

/* len bytes at p into an empty out; false: no room, or twice. */
static bool
set_value(char out[PLAIN_VALUE_SIZE], const char *p, size_t len)
{
	if (*out != '\0' || len == 0 || len >= PLAIN_VALUE_SIZE ||
	    is_blank(p[0]) || is_blank(p[len - 1]) ||
	    memchr(p, '\t', len) != NULL)
		return false;
	memcpy(out, p, len);
	out[len] = '\0';
	return true;
}

/* The value of a parameter, quoted or not; NULL, or behind it. */
static const char *
take_value(const char *p, char out[PLAIN_VALUE_SIZE])
{
	size_t len;

	if (*p != '"') {
		len = token_length(p);
		return set_value(out, p, len) ? p + len : NULL;
	}
	len = strcspn(++p, "\"\\");
	return p[len] == '"' && set_value(out, p, len) ? p + len + 1 : NULL;
}

/* Where the parameter called so goes; other: it tells us nothing. */
static char *
place_of(struct content *c, const char *name, size_t len, bool is_disposition,
    char *other)
{
	const struct {
		const char *name;
		bool is_disposition;
		char *place;
	} places[] = {
		{ "boundary", false, c->boundary },
		{ "charset", false, c->charset },
		{ "name", false, c->name },
		{ "filename", true, c->filename },
	};
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (places[i].is_disposition == is_disposition &&
		    strlen(places[i].name) == len &&
		    text_equal_nocase_n(places[i].name, name, len))
			return places[i].place;
	*other = '\0';
	return other;
}

/* ";name=value" as often as it is there, and nothing else. */
static bool
take_parameters(struct content *c, const char *p, bool is_disposition)
{
	char other[PLAIN_VALUE_SIZE];
	const char *name;
	size_t len;

	for (p = skip_blanks(p); *p == ';'; p = skip_blanks(p)) {
		name = skip_blanks(p + 1);
		len = token_length(name);
		if (len == 0 || name[len] != '=')
			return false;
		p = take_value(name + len + 1,
		    place_of(c, name, len, is_disposition, other));
		if (p == NULL)
			return false;
	}
	return *p == '\0';
}

static bool
on_type(struct header *h, const char *value)
{
	struct content *c = &h->content;
	size_t len = strcspn(value, "; \t"), i;

	if (c->has_type)
		return false;
	c->has_type = true;
	c->is_multipart =
	    len == 15 && text_starts_nocase(value, "multipart/mixed");
	for (i = 0; i < sizeof(part_types) / sizeof(*part_types); i++)
		if (strlen(part_types[i]) == len &&
		    text_starts_nocase(value, part_types[i]))
			break;
	if (!c->is_multipart && i == sizeof(part_types) / sizeof(*part_types))
		return false;
	return take_parameters(c, value + len, false);
}

static bool
on_encoding(struct header *h, const char *value)
{
	struct content *c = &h->content;
	size_t i;

	if (c->has_encoding)
		return false;
	c->has_encoding = true;
	for (i = 0; i < sizeof(encodings) / sizeof(*encodings); i++)
		if (text_equal_nocase(value, encodings[i].name)) {
			c->encoding = encodings[i].encoding;
			return true;
		}
	return false;
}

static bool
on_disposition(struct header *h, const char *value)
{
	size_t len = token_length(value);

	if (h->content.has_disposition || len == 0)
		return false;
	h->content.has_disposition = true;
	return take_parameters(&h->content, value + len, true);
}

/* Behind "Report domain:" no answer is meant, and no person forwards it. */
static bool
on_subject(struct header *h, const char *value)
{
	if (h->has_subject)
		return false;
	h->has_subject = true;
	return text_starts_nocase(value, "report domain:") &&
	       (strcasestr(value, "submitter:") != NULL ||
		   strcasestr(value, "report-id:") != NULL);
}

/* RFC 5322, 3.2.3: dot-atom-text */
static bool
is_dot_atom(const char *p, size_t len)
{
	bool after_dot = true;
	size_t i;

	for (i = 0; i < len; i++) {
		if (strchr("<>()\"\\[]@,;: \t", p[i]) != NULL ||
		    (p[i] == '.' && after_dot))
			return false;
		after_dot = p[i] == '.';
	}
	return !after_dot;
}

/* "<left@right>": of anything else GMime makes something of its own. */
static bool
on_message_id(struct header *h, const char *value)
{
	const char *at = strchr(value, '@');
	size_t len = strlen(value);

	if (h->has_message_id || at == NULL || *value != '<' ||
	    value[len - 1] != '>')
		return false;
	h->has_message_id = true;
	value++;
	len -= 2;
	return is_dot_atom(value, (size_t)(at - value)) &&
	       is_dot_atom(at + 1, (size_t)(value + len - (at + 1))) &&
	       set_value(h->message_id, value, len);
}

static bool
on_foreign(struct header *h, const char *value)
{
	(void)h;
	(void)value;
	return false;
}

static const struct field {
	const char *name;
	bool (*take)(struct header *h, const char *value);
	bool is_of_mail; /* and not of a part */
} fields[] = {
	{ "Content-Type", on_type, false },
	{ "Content-Transfer-Encoding", on_encoding, false },
	{ "Content-Disposition", on_disposition, false },
	{ "Subject", on_subject, true },
	{ "Message-ID", on_message_id, true },
	/* what evidence.c would have to look at */
	{ "Auto-Submitted", on_foreign, true },
	{ "X-Autoreply", on_foreign, true },
	{ "X-Autorespond", on_foreign, true },
	{ "TLS-Report-Domain", on_foreign, true },
	{ "TLS-Report-Submitter", on_foreign, true },
};

/*
 * Unfolded and trimmed, what stands between p and end; false: not ASCII, too
 * long, or an encoded word (RFC 2047) in it.
 */
static bool
unfold(const char *p, const char *end, char out[VALUE_BYTES])
{
	size_t len = 0;

	while (p < end && (is_blank(*p) || is_line_end(*p)))
		p++;
	while (end > p && (is_blank(end[-1]) || is_line_end(end[-1])))
		end--;
	for (; p < end; p++) {
		if (is_line_end(*p))
			continue;
		if ((*p < ' ' && *p != '\t') || *p >= 0x7f ||
		    len + 1 == VALUE_BYTES)
			return false;
		out[len++] = *p;
	}
	out[len] = '\0';
	return strstr(out, "=?") == NULL;
}

/* One field: name, colon, value. Those of no interest may be as they like. */
static bool
take_field(struct header *h, const char *p, const char *end, bool is_of_mail)
{
	const char *colon = p;
	char value[VALUE_BYTES];
	size_t i;

	while (colon<end && * colon> ' ' && *colon < 0x7f && *colon != ':')
		colon++;
	if (colon == p || colon == end || *colon != ':')
		return false;
	for (i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		if ((fields[i].is_of_mail && !is_of_mail) ||
		    strlen(fields[i].name) != (size_t)(colon - p) ||
		    !text_equal_nocase_n(
			p, fields[i].name, (size_t)(colon - p)))
			continue;
		return unfold(colon + 1, end, value) &&
		       fields[i].take(h, value);
	}
	return true;
}

/* The byte behind the line at p, or NULL: it has no end, or a CR or NUL in it
 */
static const char *
line_end(const char *p, const char *end)
{
	const char *stop = memchr(p, '\n', (size_t)(end - p)), *cr;

	if (stop == NULL || memchr(p, '\0', (size_t)(stop - p)) != NULL)
		return NULL;
	cr = memchr(p, '\r', (size_t)(stop - p));
	return cr != NULL && cr + 1 != stop ? NULL : stop + 1;
}

/* Take the fields up to the empty line; in becomes what is behind it. */
static bool
take_header(struct header *h, struct bytes *in, bool is_of_mail)
{
	const char *p = in->data, *end = p + in->len, *field = p, *stop;

	memset(h, 0, sizeof(*h));
	h->content.encoding = GMIME_CONTENT_ENCODING_DEFAULT;
	for (; (stop = line_end(p, end)) != NULL; p = stop) {
		if (is_blank(*p)) {
			if (p == in->data || text_is_space(*skip_blanks(p)))
				return false;
			continue;
		}
		if (p > field && !take_field(h, field, p, is_of_mail))
			return false;
		field = p;
		if (!is_line_end(*p))
			continue;
		*in = (struct bytes){ stop, (size_t)(end - stop) };
		return true;
	}
	return false;
}

static bool
add_part(struct plain *p, const struct content *c, const struct bytes *content)
{
	struct plain_part *part = &p->part[p->count];

	if (c->is_multipart || *c->boundary != '\0' ||
	    p->count++ == PLAIN_PARTS_MAX)
		return false;
	memcpy(part->filename, *c->filename != '\0' ? c->filename : c->name,
	    PLAIN_VALUE_SIZE);
	memcpy(part->charset, c->charset, PLAIN_VALUE_SIZE);
	part->encoding = c->encoding;
	part->content = *content;
	return true;
}

/* One line end with CR and one without: what is before, the line up to stop. */
static bool
ends_differ(const struct bytes *before, const char *stop)
{
	const char *p = before->data;

	return before->len > 0 &&
	       (before->len > 1 && p[before->len - 2] == '\r') !=
		   (stop[-2] == '\r');
}

/*
 * The next line of the boundary in *rest: *before is what stands before it.
 * False without one, or where something else stands on its line.
 */
static bool
next_boundary(const char *boundary, struct bytes *rest, struct bytes *before,
    bool *is_last)
{
	const char *start = rest->data, *end = start + rest->len, *at = start;
	const char *stop;
	size_t len = strlen(boundary);

	while ((at = memmem(at, (size_t)(end - at), boundary, len)) != NULL &&
	       (at - start < 2 || memcmp(at - 2, "--", 2) != 0 ||
		   (at - 2 > start && at[-3] != '\n')))
		at++;
	if (at == NULL)
		return false;
	*before = (struct bytes){ start, (size_t)(at - 2 - start) };
	at += len;
	*is_last = end - at >= 2 && memcmp(at, "--", 2) == 0;
	at += *is_last ? 2 : 0;
	stop = line_end(at, end);
	if (stop == NULL
		? at != end || !*is_last
		: !is_line_end(*skip_blanks(at)) || ends_differ(before, stop))
		return false;
	*rest = stop == NULL ? (struct bytes){ end, 0 }
			     : (struct bytes){ stop, (size_t)(end - stop) };
	return true;
}

/* The line end before a boundary belongs to it (RFC 2046, 5.1.1). */
static bool
drop_line_end(struct bytes *b)
{
	const char *p = b->data;

	if (b->len == 0 || p[b->len - 1] != '\n')
		return false;
	b->len--;
	if (b->len > 0 && p[b->len - 1] == '\r')
		b->len--;
	return true;
}

static bool
take_multipart(struct plain *p, const char *boundary, struct bytes rest)
{
	struct bytes body;
	struct header h;
	bool is_last = false;

	if (*boundary == '\0' || boundary[strlen(boundary) - 1] == ' ' ||
	    !next_boundary(boundary, &rest, &body, &is_last) || is_last ||
	    outside_may_be_part(body.data, body.len))
		return false;
	while (!is_last)
		if (!next_boundary(boundary, &rest, &body, &is_last) ||
		    !take_header(&h, &body, false) || !drop_line_end(&body) ||
		    !add_part(p, &h.content, &body))
			return false;
	return !outside_may_be_part(rest.data, rest.len);
}

bool
plain_read(
    struct plain *p, const struct bytes *mail, const struct conf_limits *limits)
{
	struct bytes rest = *mail;
	struct header h;

	p->count = 0;
	/* what is near a limit is for those who count to it */
	if (limits->parts < PLAIN_PARTS_MAX + 2 || limits->part_depth < 2 ||
	    mail->len == 0 || !take_header(&h, &rest, true) || !h.has_subject ||
	    !h.content.has_type || mail->len - rest.len > limits->header)
		return false;
	memcpy(p->message_id, h.message_id, sizeof(p->message_id));
	if (!h.content.is_multipart)
		return add_part(p, &h.content, &rest);
	return (!h.content.has_encoding ||
		   h.content.encoding != GMIME_CONTENT_ENCODING_BASE64) &&
	       take_multipart(p, h.content.boundary, rest);
}
