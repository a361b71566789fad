/* SPDX-License-Identifier: Apache-2.0 */
/*
 * part_check.c - what a mail would cost GMime, before GMime sees it: it
 * builds the whole tree first, and no limit of its own is low enough.
 * in: the mail's bytes    out: within the limits or not
 *
 * Header blocks and the boundaries they declare are followed (RFC 2046, 5.1),
 * and nothing else is understood. In doubt more is counted than there is, so
 * parts and depth have twice their limit here: part.c counts them exactly.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/text.h"
#include "common/message/part.h"

#define DEPTH_MAX 208    /* conf cannot ask for more than half of it */
#define FIELDS_MAX 10000 /* GMime takes half a KiB for each */
#define BLANKS_MAX 4096
#define BOUNDARY_MAX 256 /* RFC 2046, 5.1.1 has 70 */
#define CHUNK_BYTES (16 * 1024)

struct level {
	bool is_digest; /* RFC 2046, 5.1.5: its parts are mails */
	size_t len;     /* 0: a mail in a mail, which nothing but the next */
	char boundary[BOUNDARY_MAX]; /* outside of it ends */
};

struct check {
	const struct conf_limits *limits;
	uint64_t header; /* bytes in all header blocks */
	uint64_t fields, parts;
	size_t depth;
	bool in_header;
	bool is_odd;                 /* blanks that nobody writes */
	bool had_cr;                 /* before the LF of the line before */
	bool ends_differ;            /* at a boundary */
	struct buf block;            /* the fields of this block */
	char line[BOUNDARY_MAX + 2]; /* the start of this line */
	size_t line_len;             /* of it */
	char line_last;              /* its last byte so far */
	bool line_is_long;           /* it has more bytes than that */
	struct level level[DEPTH_MAX];
};

/* Behind white space and comments (RFC 5322, 3.2.2), if they are short. */
static const char *
skip_blanks(struct check *c, const char *p)
{
	const char *start = p;
	unsigned depth = 0;

	for (; *p != '\0'; p++) {
		if (p - start > BLANKS_MAX) {
			c->is_odd = true;
			break;
		}
		if (*p == '(')
			depth++;
		else if (depth > 0 && *p == ')')
			depth--;
		else if (depth > 0 && *p == '\\' && p[1] != '\0')
			p++;
		else if (depth == 0 && strchr(" \t\r\n", *p) == NULL)
			break;
	}
	return p;
}

/* The next field of this name in the block: where its value begins, or NULL. */
static const char *
next_field(struct check *c, const char *block, const char *at, const char *name)
{
	const char *value;

	while ((at = strcasestr(at, name)) != NULL) {
		value = at + strlen(name);
		value += strspn(value, " \t");
		if ((at == block || at[-1] == '\n') && *value == ':')
			return skip_blanks(c, value + 1);
		at++;
	}
	return NULL;
}

/* Does a value begin with this word, whatever is between it and "/"? */
static bool
is_type(
    struct check *c, const char *value, const char *type, const char *subtype)
{
	if (!text_starts_nocase(value, type))
		return false;
	value = skip_blanks(c, value + strlen(type));
	return *value == '/' &&
	       text_starts_nocase(skip_blanks(c, value + 1), subtype);
}

static bool
has_type(
    struct check *c, const char *block, const char *type, const char *subtype)
{
	const char *at = block;

	while ((at = next_field(c, block, at, "content-type")) != NULL)
		if (is_type(c, at, type, subtype))
			return true;
	return false;
}

/* GMime reads on in a mail, but only where it stands as it is. */
static bool
is_encoded(struct check *c, const char *block)
{
	const char *at =
	    next_field(c, block, block, "content-transfer-encoding");

	return at != NULL && (text_starts_nocase(at, "base64") ||
				 text_starts_nocase(at, "quoted-printable") ||
				 text_starts_nocase(at, "x-uuencode") ||
				 text_starts_nocase(at, "uuencode"));
}

/* What stands behind this header: a mail in the mail? */
static bool
is_mail(struct check *c, const char *block)
{
	if (next_field(c, block, block, "content-type") == NULL)
		return c->depth > 0 && c->level[c->depth - 1].is_digest;
	return has_type(c, block, "message", "") && !is_encoded(c, block);
}

/*
 * The value behind "boundary", quoted or not; BOUNDARY_MAX bytes are too many
 * of them.
 */
static size_t
boundary_value(struct check *c, const char *p, char *boundary)
{
	size_t n = 0;
	bool quoted;

	p = skip_blanks(c, p);
	if (*p != '=')
		return 0;
	p = skip_blanks(c, p + 1);
	if ((quoted = *p == '"'))
		p++;
	for (; *p != '\0' && n < BOUNDARY_MAX; p++) {
		if (quoted ? *p == '"' : strchr("; \t\r\n", *p) != NULL)
			break;
		if (quoted && *p == '\\' && p[1] != '\0')
			p++;
		boundary[n++] = *p;
	}
	return n;
}

static int
push(struct check *c, const char *boundary, size_t len, struct err *e)
{
	struct level *level = &c->level[c->depth];

	if (c->depth >= 2 * c->limits->part_depth || c->depth == DEPTH_MAX)
		return err_set(e, ERR_LIMIT,
		    "parts nested deeper than %" PRIu64, c->limits->part_depth);
	memcpy(level->boundary, boundary, len);
	level->len = len;
	level->is_digest = false;
	c->depth++;
	return 0;
}

/* All that may be boundaries; those that GMime would put together are not. */
static int
push_boundaries(struct check *c, const char *block, struct err *e)
{
	const bool is_digest = has_type(c, block, "multipart", "digest");
	const char *at = block;
	char boundary[BOUNDARY_MAX];
	size_t len;

	while ((at = strcasestr(at, "boundary")) != NULL) {
		at += strlen("boundary");
		len = boundary_value(c, at, boundary);
		if (*at == '*' || len == BOUNDARY_MAX ||
		    (len > 2 && memcmp(boundary, "=?", 2) == 0))
			return err_set(
			    e, ERR_LIMIT, "boundary long or in pieces");
		if (len == 0)
			continue;
		if (push(c, boundary, len, e) < 0)
			return -1;
		c->level[c->depth - 1].is_digest = is_digest;
	}
	return 0;
}

static int
count_part(struct check *c, struct err *e)
{
	if (c->parts++ <= 2 * c->limits->parts)
		return 0;
	return err_set(
	    e, ERR_LIMIT, "more than %" PRIu64 " parts", c->limits->parts);
}

/* The header of a part is over: what begins behind it? */
static int
block_end(struct check *c, struct err *e)
{
	const char *block = c->block.len > 0 ? c->block.data : "";

	c->in_header = is_mail(c, block);
	if (c->in_header && (count_part(c, e) < 0 || push(c, "", 0, e) < 0))
		return -1;
	if (push_boundaries(c, block, e) < 0)
		return -1;
	if (c->is_odd)
		return err_set(e, ERR_LIMIT,
		    "comment of more than %d bytes in a header", BLANKS_MAX);
	buf_reset(&c->block);
	return 0;
}

/*
 * Does this line begin or end a part? Then what is inside of it is over, but
 * not the multipart itself: who knows what GMime takes for its end.
 */
static bool
is_delimiter(struct check *c)
{
	const char *line = c->line + 2;
	size_t len = c->line_len - 2, i = c->depth;

	while (i > 0) {
		const struct level *level = &c->level[--i];

		if (level->len == 0 || len < level->len ||
		    memcmp(line, level->boundary, level->len) != 0)
			continue;
		c->depth = i + 1;
		c->in_header = len < level->len + 2 ||
			       memcmp(line + level->len, "--", 2) != 0;
		buf_reset(&c->block);
		return true;
	}
	return false;
}

static int
header_line(struct check *c, struct err *e)
{
	if (c->line_len == 0)
		return block_end(c, e);
	if (!text_is_space(c->line[0]) && ++c->fields > FIELDS_MAX)
		return err_set(
		    e, ERR_LIMIT, "more than %d header fields", FIELDS_MAX);
	return 0;
}

/* A line is over; c->line is its start, without the CR. */
static int
line_end(struct check *c, struct err *e)
{
	bool has_cr = c->line_last == '\r';
	int rc = 0;

	if (!c->line_is_long && has_cr)
		c->line_len--;
	if (c->line_len > 2 && memcmp(c->line, "--", 2) == 0 &&
	    is_delimiter(c)) {
		c->ends_differ |= has_cr != c->had_cr;
		rc = count_part(c, e);
	} else if (c->in_header) {
		rc = header_line(c, e);
	}
	c->had_cr = has_cr;
	c->line_len = 0;
	c->line_last = '\0';
	c->line_is_long = false;
	return rc;
}

static int
block_add(struct check *c, const char *p, size_t len, struct err *e)
{
	char *at, *end;

	/* the line end of the empty line is not one of the header's bytes */
	if ((c->header += len) > c->limits->header + 1)
		return err_set(e, ERR_LIMIT,
		    "header of more than %" PRIu64 " bytes", c->limits->header);
	if (buf_add(&c->block, p, len, e) < 0)
		return -1;
	end = c->block.data + c->block.len;
	for (at = end - len; (at = memchr(at, '\0', (size_t)(end - at)));)
		*at = ' '; /* searched as text, and to its end */
	return 0;
}

/* A piece of a line, with its end or not. */
static int
line_add(struct check *c, const char *p, size_t len, struct err *e)
{
	size_t n = sizeof(c->line) - c->line_len;

	if (c->in_header && block_add(c, p, len, e) < 0)
		return -1;
	if (p[len - 1] == '\n')
		len--;
	if (len > 0)
		c->line_last = p[len - 1];
	c->line_is_long = c->line_is_long || len > n;
	memcpy(c->line + c->line_len, p, len < n ? len : n);
	c->line_len += len < n ? len : n;
	return 0;
}

static int
check_chunk(struct check *c, const char *p, size_t len, struct err *e)
{
	const char *end = p + len, *stop;

	for (; p < end; p = stop) {
		stop = memchr(p, '\n', (size_t)(end - p));
		stop = stop != NULL ? stop + 1 : end;
		if (line_add(c, p, (size_t)(stop - p), e) < 0)
			return -1;
		if (stop[-1] == '\n' && line_end(c, e) < 0)
			return -1;
	}
	return 0;
}

int
parts_check(struct spill *raw, const struct conf_limits *limits,
    bool *ends_differ, struct err *e)
{
	char chunk[CHUNK_BYTES];
	struct check c = { .limits = limits, .in_header = true };
	uint64_t at = 0;
	ssize_t n;
	int rc = 0;

	buf_init(&c.block, (size_t)limits->header + 2);
	while (rc == 0 &&
	       (n = spill_read(raw, at, chunk, sizeof(chunk), e)) != 0) {
		rc = n < 0 ? -1 : check_chunk(&c, chunk, (size_t)n, e);
		at += (uint64_t)(n > 0 ? n : 0);
	}
	buf_clear(&c.block);
	*ends_differ = c.ends_differ;
	return rc;
}
