/* SPDX-License-Identifier: Apache-2.0 */
/*
 * charset.c - text in any charset as UTF-8, by iconv(3).
 * in: an attachment, unpacked    out: UTF-8 (report/)
 */
#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/text.h"
#include "common/message/attachment.h"
#include "common/message/charset.h"

#define CHUNK_BYTES (16 * 1024)

struct converting {
	struct reader reader;
	struct reader *in; /* owned */
	struct charset *charset;
	iconv_t cd;
	bool ended;
	size_t len;         /* chunk[0..len) is to be converted */
	size_t at, out_len; /* out[at..out_len) goes out next */
	char chunk[CHUNK_BYTES];
	char out[CHUNK_BYTES];
};

/*
 * iconv loads a module for a name, so a stranger may only ask for these, and
 * for what begins like those that end in "-".
 */
static const char *const known[] = { "iso-8859-", "iso8859-", "latin1",
	"windows-", "cp125", "koi8-", "us-ascii", "macintosh", "gb2312", "gbk",
	"gb18030", "big5", "shift_jis", "euc-jp", "euc-kr", "iso-2022-jp",
	"tis-620", "utf-16" };

static bool
is_known(const char *name)
{
	size_t i;

	for (i = 0; name[i] != '\0'; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '-' &&
		    name[i] != '_')
			return false;
	for (i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (text_starts_nocase(name, known[i]))
			return true;
	return false;
}

/* UTF-16 with a byte order mark or without: the first character tells. */
static const char *
wide_name(const char *p, size_t len)
{
	if (len < 2)
		return NULL;
	if (memcmp(p, "\xff\xfe", 2) == 0 || (p[0] != '\0' && p[1] == '\0'))
		return "utf-16le";
	if (memcmp(p, "\xfe\xff", 2) == 0 || (p[0] == '\0' && p[1] != '\0'))
		return "utf-16be";
	return NULL;
}

/* XML 1.0, 2.8: encoding="name", in the declaration at the start. */
static bool
xml_name(const char *p, size_t len, char *name, size_t size)
{
	const char *end, *at;
	size_t n = 0;

	attachment_skip_lead(&p, &len);
	if (len < 5 || memcmp(p, "<?xml", 5) != 0 ||
	    (end = memmem(p, len, "?>", 2)) == NULL ||
	    (at = memmem(p, (size_t)(end - p), "encoding", 8)) == NULL)
		return false;
	at += 8;
	while (at < end && (text_is_space(*at) || *at == '='))
		at++;
	if (at == end || (*at != '"' && *at != '\''))
		return false;
	for (at++; at < end && *at != '"' && *at != '\'' && n + 1 < size; at++)
		name[n++] = *at;
	name[n] = '\0';
	return n > 0;
}

static bool
is_utf8(const char *name)
{
	return text_equal_nocase(name, "utf-8") ||
	       text_equal_nocase(name, "utf8") ||
	       text_equal_nocase(name, "us-ascii");
}

/* Which charset is it? c->name and c->unknown. */
static void
find_name(struct charset *c, const char *p, size_t len, const char *declared)
{
	const char *wide = wide_name(p, len);
	char name[sizeof(c->name)] = "";

	if (wide != NULL) {
		(void)snprintf(c->name, sizeof(c->name), "%s", wide);
		return;
	}
	if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		return;
	if (!xml_name(p, len, name, sizeof(name)) && declared != NULL)
		(void)snprintf(name, sizeof(name), "%s", declared);
	/* what can be read as bytes is not UTF-16, whatever it says */
	if (*name == '\0' || is_utf8(name) ||
	    text_starts_nocase(name, "utf-16"))
		return;
	(void)snprintf(
	    is_known(name) ? c->name : c->unknown, sizeof(c->name), "%s", name);
}

static int
fill(struct converting *k, struct err *e)
{
	ssize_t n =
	    reader_read(k->in, k->chunk + k->len, sizeof(k->chunk) - k->len, e);

	if (n < 0)
		return -1;
	k->ended = n == 0;
	k->len += (size_t)n;
	return 0;
}

/* Convert what is in chunk into out, as far as it fits. */
static void
convert(struct converting *k)
{
	char *from = k->chunk, *to = k->out;
	size_t left = k->len, room = sizeof(k->out);

	while (
	    left > 0 && iconv(k->cd, &from, &left, &to, &room) == (size_t)-1) {
		if (errno == E2BIG || (errno == EINVAL && !k->ended))
			break; /* more room first, or the rest of it */
		from++;
		left--;
		k->charset->dropped++;
	}
	memmove(k->chunk, from, left);
	k->len = left;
	k->at = 0;
	k->out_len = sizeof(k->out) - room;
}

static ssize_t
converting_read(struct reader *r, void *p, size_t len, struct err *e)
{
	struct converting *k = (struct converting *)r;

	while (k->at == k->out_len) {
		if (k->ended && k->len == 0)
			return 0;
		if (!k->ended && fill(k, e) < 0)
			return -1;
		convert(k);
	}
	if (len > k->out_len - k->at)
		len = k->out_len - k->at;
	memcpy(p, k->out + k->at, len);
	k->at += len;
	return (ssize_t)len;
}

static void
converting_close(struct reader *r)
{
	struct converting *k = (struct converting *)r;

	(void)iconv_close(k->cd);
	reader_close(&k->in);
	free(k);
}

struct reader *
charset_reader(struct reader *in, const char *declared, struct charset *c)
{
	struct reader *peeking = reader_peeking(in);
	struct converting *k;
	const char *head;
	struct err e; /* the one who reads on gets it again */
	ssize_t n = reader_peek(peeking, &head, &e);
	iconv_t cd;

	*c = (struct charset){ 0 };
	if (n > 0)
		find_name(c, head, (size_t)n, declared);
	if (*c->name == '\0')
		return peeking;
	if ((cd = iconv_open("UTF-8", c->name)) == (iconv_t)-1) {
		memcpy(c->unknown, c->name, sizeof(c->unknown));
		*c->name = '\0';
		return peeking;
	}
	k = xmalloc(sizeof(*k));
	memset(k, 0, offsetof(struct converting, chunk));
	k->reader.read = converting_read;
	k->reader.close = converting_close;
	k->in = peeking;
	k->charset = c;
	k->cd = cd;
	return reader_peeking(&k->reader);
}
