/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feedback.c - feedback about a mail, and that mail: as parts of their own
 * (RFC 5965), in a text that says so, or as the text that Exim sends.
 * in: a part (part.c)    out: two streams
 */
#include <string.h>

#include "common/base/text.h"
#include "common/message/attachment.h"
#include "common/message/feedback.h"

/* What Exim writes before and behind the fields. */
#define EXIM_START "A message claiming to be from you has failed"
#define EXIM_END "detected."

static bool
is_base64(const char *p, size_t len)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz0123456789"
				       "+/= \t\r\n";
	size_t i;

	for (i = 0; i < len; i++)
		if (memchr(alphabet, p[i], sizeof(alphabet) - 1) == NULL)
			return false;
	return len > 0;
}

static bool
starts_with_field(const char *p, size_t len)
{
	static const char name[] = "Feedback-Type:";

	text_trim(&p, &len);
	return len >= sizeof(name) - 1 &&
	       text_equal_nocase_n(p, name, sizeof(name) - 1);
}

/* Some send the part in base64 and do not say so. */
static int
take_part(struct feedback *f, struct parts *parts, struct reader **in,
    const char *p, size_t len)
{
	if (is_base64(p, len))
		*in = attachment_base64(*in, NULL);
	f->sample = parts_sample(parts);
	return 1;
}

/* One text: the fields, then words of Exim's, then the header of the mail. */
static int
take_exim(struct feedback *f, struct reader **in, const char *p, size_t len,
    struct err *e)
{
	const char *end = memmem(p, len, EXIM_END, sizeof(EXIM_END) - 1);
	size_t front;

	if (end == NULL)
		return 1; /* no mail behind it */
	front = (size_t)(end - p) + sizeof(EXIM_END) - 1;
	while (front < len && text_is_space(p[front]))
		front++;
	if (reader_read_full(*in, f->front, front, e) < 0)
		return -1;
	f->sample = *in;
	*in = reader_of_bytes(f->front, front);
	return 1;
}

int
feedback_take(
    struct feedback *f, struct parts *parts, struct reader **in, struct err *e)
{
	const char *p;
	ssize_t n;
	int rc;

	reader_close(&f->sample);
	*in = reader_peeking(*in);
	if ((n = reader_peek(*in, &p, e)) < 0)
		return -1;
	if (parts_is_feedback(parts) || starts_with_field(p, (size_t)n))
		rc = take_part(f, parts, in, p, (size_t)n);
	else if (memmem(p, (size_t)n, EXIM_START, sizeof(EXIM_START) - 1))
		rc = take_exim(f, in, p, (size_t)n, e);
	else
		return 0;
	f->was_seen = true;
	return rc;
}

void
feedback_clear(struct feedback *f)
{
	reader_close(&f->sample);
}
