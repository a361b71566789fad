/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence_words.c - did a person forward a mail and say something about it?
 * Looked for in the texts beside what was forwarded, above the mark that mail
 * programs put there, without quotes and signature.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/text.h"
#include "common/message/evidence.h"

#define TEXT_BYTES (64 * 1024)
#define PARTS_MAX 1000
/* "For your archive." is nothing to answer; "Why does this fail?" is */
#define WORDS_LEAST 4
#define LETTERS_LEAST 12

static const char *const forward_prefixes[] = { "fwd:", "fw:", "wg:", "tr:",
	"rv:", "i:", "doorst:", "vs:", "vb:", "enc:", "[fwd:", NULL };

/* What stands above a mail that is forwarded in the text. */
static const char *const marks[] = { "forwarded message", "original message",
	"weitergeleitete nachricht", "ursprüngliche nachricht",
	"begin forwarded message", "message transféré", "message d'origine",
	"mensaje reenviado", "mensaje original", "messaggio inoltrato",
	"doorgestuurd bericht", "gmail_quote", "divrplyfwdmsg",
	"moz-forward-container", NULL };

/* What a mail program says when its owner says nothing. */
static const char *const boilerplate[] = { "sent from my", "get outlook for",
	"von meinem", "gesendet von", "envoyé de", "enviado desde", NULL };

struct words {
	unsigned words, letters;
};

static bool
has_mark(const char *line)
{
	const char *const *mark;

	for (mark = marks; *mark != NULL; mark++)
		if (strcasestr(line, *mark) != NULL)
			return true;
	return false;
}

static bool
is_boilerplate(const char *line)
{
	const char *const *start;

	for (start = boilerplate; *start != NULL; start++)
		if (text_starts_nocase(line, *start))
			return true;
	return false;
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (unsigned char)c >= 0x80;
}

static void
count_line(struct words *w, const char *line)
{
	bool in_word = false;

	for (; *line != '\0'; line++) {
		if (is_letter(*line))
			w->letters++;
		if (is_letter(*line) && !in_word)
			w->words++;
		in_word = is_letter(*line);
	}
}

/* The end of the tag at <, and of what is not text behind it. */
static char *
end_of_tag(char *tag)
{
	static const char *const dropped[][2] = { { "style", "</style" },
		{ "title", "</title" }, { "script", "</script" } };
	char *end = strchr(tag, '>'), *last = tag + strlen(tag) - 1;
	size_t i;

	for (i = 0; i < sizeof(dropped) / sizeof(*dropped); i++)
		if (text_starts_nocase(tag + 1, dropped[i][0]))
			end = strcasestr(tag, dropped[i][1]);
	return end != NULL ? end : last;
}

/* Tags become spaces; the text ends at one that has a mark in it. */
static void
strip_tags(char *text)
{
	char *at = text, *end, saved;
	bool is_end;

	while ((at = strchr(at, '<')) != NULL) {
		end = end_of_tag(at);
		saved = *end;
		*end = '\0';
		is_end = has_mark(at);
		*end = saved;
		if (is_end) {
			*at = '\0';
			return;
		}
		memset(at, ' ', (size_t)(end - at) + (saved == '>'));
		if (end == at)
			at++;
	}
}

/* Up to the mark or the signature. */
static void
count_text(struct words *w, char *text)
{
	char *line = text, *next;

	for (; line != NULL; line = next) {
		if ((next = strchr(line, '\n')) != NULL)
			*next++ = '\0';
		while (text_is_space(*line))
			line++;
		if (has_mark(line) || strcmp(line, "--") == 0 ||
		    text_starts_nocase(line, "-- "))
			return;
		if (*line != '>' && !is_boilerplate(line))
			count_line(w, line);
	}
}

static size_t
read_part(GMimePart *part, char *text, size_t size)
{
	GMimeDataWrapper *wrapper = g_mime_part_get_content(part);
	GMimeStream *stream, *decoded;
	GMimeFilter *filter;
	size_t len = 0;
	ssize_t n;

	if (wrapper == NULL)
		return 0;
	stream = g_mime_data_wrapper_get_stream(wrapper);
	(void)g_mime_stream_reset(stream);
	decoded = g_mime_stream_filter_new(stream);
	filter = g_mime_filter_basic_new(
	    g_mime_data_wrapper_get_encoding(wrapper), FALSE);
	g_mime_stream_filter_add(GMIME_STREAM_FILTER(decoded), filter);
	g_object_unref(filter);
	while (len < size &&
	       (n = g_mime_stream_read(decoded, text + len, size - len)) > 0)
		len += (size_t)n;
	g_object_unref(decoded);
	(void)g_mime_stream_reset(stream);
	return len;
}

static void
count_part(struct words *w, GMimePart *part, bool is_html, char *text)
{
	size_t len = read_part(part, text, TEXT_BYTES), i;

	text[len] = '\0';
	for (i = 0; i < len; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	if (is_html)
		strip_tags(text);
	count_text(w, text);
}

/* A text to be read, not one that was attached. */
static bool
is_text(GMimeObject *object, bool *is_html)
{
	GMimeContentType *type = g_mime_object_get_content_type(object);
	GMimePart *part;

	if (!GMIME_IS_PART(object))
		return false;
	part = GMIME_PART(object);
	*is_html = g_mime_content_type_is_type(type, "text", "html");
	return (*is_html ||
		   g_mime_content_type_is_type(type, "text", "plain")) &&
	       !g_mime_part_is_attachment(part) &&
	       g_mime_part_get_filename(part) == NULL;
}

/* Is path below outside, the path of a mail in the mail? */
static bool
is_inside(const char *path, const char *outside)
{
	size_t len = outside != NULL ? strlen(outside) : 0;

	return outside != NULL && strncmp(path, outside, len) == 0 &&
	       path[len] == '.';
}

/* Words in the texts that are not in a mail in the mail. */
static void
count_parts(GMimeMessage *message, struct words *w, char *text)
{
	GMimePartIter *iter = g_mime_part_iter_new(GMIME_OBJECT(message));
	struct words plain = { 0 }, html = { 0 };
	char *path, *outside = NULL;
	GMimeObject *object;
	unsigned count = 0;
	bool is_html;

	if (g_mime_part_iter_is_valid(iter)) {
		do {
			object = g_mime_part_iter_get_current(iter);
			path = g_mime_part_iter_get_path(iter);
			if (path == NULL || is_inside(path, outside)) {
				g_free(path);
				continue;
			}
			if (GMIME_IS_MESSAGE_PART(object)) {
				g_free(outside);
				outside = path;
				continue;
			}
			if (is_text(object, &is_html))
				count_part(is_html ? &html : &plain,
				    GMIME_PART(object), is_html, text);
			g_free(path);
		} while (++count < PARTS_MAX && g_mime_part_iter_next(iter));
	}
	g_free(outside);
	g_mime_part_iter_free(iter);
	/* two forms of one text: the one that says more */
	*w = plain.letters >= html.letters ? plain : html;
}

static bool
has_mail(GMimeMessage *message)
{
	GMimePartIter *iter = g_mime_part_iter_new(GMIME_OBJECT(message));
	unsigned count = 0;
	bool has = false;

	if (g_mime_part_iter_is_valid(iter)) {
		do {
			has = GMIME_IS_MESSAGE_PART(
			    g_mime_part_iter_get_current(iter));
		} while (
		    !has && ++count < PARTS_MAX && g_mime_part_iter_next(iter));
	}
	g_mime_part_iter_free(iter);
	return has;
}

static bool
is_forward_subject(GMimeMessage *message)
{
	const char *subject = g_mime_message_get_subject(message);
	const char *const *prefix;

	if (subject == NULL)
		return false;
	while (text_is_space(*subject))
		subject++;
	for (prefix = forward_prefixes; *prefix != NULL; prefix++)
		if (text_starts_nocase(subject, *prefix))
			return true;
	return false;
}

bool
evidence_of_words(GMimeMessage *message)
{
	GMimeObject *top = g_mime_message_get_mime_part(message);
	struct words w = { 0 };
	char *text;

	if (top == NULL ||
	    g_mime_content_type_is_type(
		g_mime_object_get_content_type(top), "multipart", "report") ||
	    (!is_forward_subject(message) && !has_mail(message)))
		return false;
	text = xmalloc(TEXT_BYTES + 1);
	count_parts(message, &w, text);
	free(text);
	return w.words >= WORDS_LEAST && w.letters >= LETTERS_LEAST;
}
