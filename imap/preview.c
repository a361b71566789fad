/* SPDX-License-Identifier: Apache-2.0 */
/*
 * preview.c - may a mail be a report, told before the mail is fetched?
 * in: what FETCH tells of it (reply.c)    out: yes or no
 *
 * A mail of one text, perhaps with pictures and documents beside it, is none
 * unless its Subject or the start of the text says something that reports say.
 */
#include <string.h>

#include "common/base/text.h"
#include "imap/preview.h"

/* Of Subject, Content-Type and TLS-Report-Domain, also of their names. */
static const char *const header_words[] = { "report", "dmarc", "dkim",
	"smtp-tls", "tlsrpt", "submitter", "feedback", NULL };

/* Of the start of a text, as it stands in the mail. */
static const char *const text_words[] = { "<?xml", "<feedback", ":feedback",
	"feedback-type", "dmarc", "\"organization-name\"", "\"report-id\"",
	"\"policies\"", "\"date-range\"", "\nbegin 6", "\nbegin 7",
	/* base64 of gzip, zip, "<?xm", "<feed", a BOM, "{" and a quote */
	"h4si", "uesdb", "pd94bw", "pgzlzwri", "77u/p", "eyJv", "eyJy", "eyJk",
	"eyJj", "eyJw", "ewo", "ew0k", NULL };

static bool
has_word(const struct bytes *text, const char *const words[])
{
	const char *p = text->data;
	size_t i, at, len;

	for (i = 0; words[i] != NULL; i++) {
		len = strlen(words[i]);
		for (at = 0; at + len <= text->len; at++)
			if (text_equal_nocase_n(p + at, words[i], len))
				return true;
	}
	return false;
}

bool
imap_preview_may_be_report(const struct imap_fetch *f)
{
	const struct imap_structure *s = &f->structure;

	if (!f->has_structure || s->may_hold || s->parts == 0 || s->texts > 1)
		return true;
	return has_word(&f->header, header_words) ||
	       has_word(&f->start, text_words);
}
