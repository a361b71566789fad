/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_json.c - one JSON object out of a stream.
 * in: an attachment, decoded (message/)    out: a tree (tls_fill.c)
 *
 * jansson pulls the text through a scanner that knows strings from structure:
 * it counts what will become the tree before jansson builds it, sees where
 * the object ends, and remembers which names of a report it met, so that
 * something that cannot be read is known for a report all the same.
 */
#include <inttypes.h>
#include <string.h>

#include "common/base/text.h"
#include "common/report/tls_json.h"
#include "common/report/tls_text.h"

#define NAME_BYTES 32
#define VALUES_PER_ENTRY 16 /* a failure has 9 */
#define VALUES_BESIDE 1000

static const char *const names[] = { "organization-name", "date-range",
	"contact-info", "report-id", "policies" };

struct scanner {
	struct reader *in; /* foreign */
	struct tls_json *told;
	uint64_t bytes_max, bytes;
	uint64_t values_max, values;
	unsigned depth;
	unsigned names_seen; /* bits of names */
	bool in_string, is_escaped, is_done;
	char name[NAME_BYTES]; /* the last string of the object itself */
	size_t name_len;
	struct err err; /* why it gave up */
	char chunk[4096];
	size_t at, len; /* of the chunk */
};

/* A colon: what stood before it is the name of a member. */
static void
see_name(struct scanner *s)
{
	size_t i;

	if (s->depth != 1)
		return;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strlen(names[i]) == s->name_len &&
		    memcmp(names[i], s->name, s->name_len) == 0 &&
		    (s->names_seen & 1u << i) == 0) {
			s->names_seen |= 1u << i;
			s->told->known_names++;
		}
}

static void
scan_string(struct scanner *s, char c)
{
	if (s->is_escaped)
		s->is_escaped = false;
	else if (c == '\\')
		s->is_escaped = true;
	else if (c == '"')
		s->in_string = false;
	if (s->in_string && s->depth == 1 && s->name_len < NAME_BYTES)
		s->name[s->name_len++] = c;
}

static int
count_value(struct scanner *s)
{
	if (++s->values > s->values_max)
		return err_set(&s->err, ERR_LIMIT,
		    "JSON: more than %" PRIu64 " values", s->values_max);
	return 0;
}

static int
scan_structure(struct scanner *s, char c)
{
	switch (c) {
	case '"':
		s->in_string = true;
		s->name_len = 0;
		return 0;
	case ':':
		see_name(s);
		return 0;
	case '{':
	case '[':
		if (++s->depth > TLS_DEPTH_MAX)
			return err_set(&s->err, ERR_LIMIT,
			    "JSON: nested deeper than %d", TLS_DEPTH_MAX);
		return count_value(s);
	case '}':
	case ']':
		s->is_done = s->depth <= 1;
		s->depth -= s->depth > 0;
		return 0;
	case ',':
		return count_value(s);
	default:
		return 0;
	}
}

/* More text; false at the end or after a failure. */
static bool
fill(struct scanner *s)
{
	ssize_t n;

	if (s->at < s->len)
		return true;
	n = reader_read(s->in, s->chunk, sizeof(s->chunk), &s->err);
	s->told->is_broken |= n < 0;
	s->at = 0;
	s->len = n > 0 ? (size_t)n : 0;
	s->bytes += s->len;
	if (s->bytes > s->bytes_max && s->err.kind == ERR_NONE)
		err_set(&s->err, ERR_LIMIT, "JSON: more than %" PRIu64 " bytes",
		    s->bytes_max);
	return s->len > 0 && s->err.kind == ERR_NONE;
}

/* json_load_callback_t: up to size bytes, none behind the object. */
static size_t
scan(void *to, size_t size, void *context)
{
	struct scanner *s = context;
	size_t n = 0;
	char c;
	int rc;

	while (n < size && !s->is_done && s->err.kind == ERR_NONE && fill(s)) {
		c = s->chunk[s->at++];
		rc = 0;
		if (s->in_string)
			scan_string(s, c);
		else
			rc = scan_structure(s, c);
		if (rc < 0)
			return 0;
		((char *)to)[n++] = c;
	}
	return n;
}

/*
 * What follows the object: white space and NULs say nothing, the foot of a
 * mailing list is let go, but a second object would be lost.
 */
static int
scan_tail(struct scanner *s)
{
	char c;

	while (fill(s)) {
		c = s->chunk[s->at++];
		if (text_is_space(c) || c == '\0')
			continue;
		if (c == '{' && !s->told->has_tail)
			return err_set(&s->err, ERR_MALFORMED,
			    "JSON: a second object follows the first");
		s->told->has_tail = true;
	}
	return s->err.kind == ERR_NONE ? 0 : -1;
}

static int
fail(const struct scanner *s, const json_error_t *why, struct err *e)
{
	enum err_kind kind = ERR_MALFORMED;

	if (s->err.kind != ERR_NONE) {
		*e = s->err;
		return -1;
	}
	if (json_error_code(why) == json_error_out_of_memory) {
		s->told->is_broken = true;
		kind = ERR_TEMP;
	}
	return err_set(e, kind, "JSON: line %d: %s", why->line, why->text);
}

int
tls_json_read(json_t **root, struct reader *in,
    const struct conf_limits *limits, struct tls_json *told, struct err *e)
{
	struct scanner s = { .told = told,
		.bytes_max = limits->tls_report,
		.values_max =
		    limits->tls_entries * VALUES_PER_ENTRY + VALUES_BESIDE };
	json_error_t why = { 0 };
	json_t *tree;
	int rc = 0;

	memset(told, 0, sizeof(*told));
	s.in = tls_text_reader(in, &told->replaced);
	/* the last one of several members of a name counts, as everywhere */
	tree = json_load_callback(
	    scan, &s, JSON_ALLOW_NUL | JSON_DISABLE_EOF_CHECK, &why);
	if (tree == NULL || s.err.kind != ERR_NONE || scan_tail(&s) < 0)
		rc = fail(&s, &why, e);
	else if (!json_is_object(tree))
		rc = err_set(e, ERR_MALFORMED, "JSON: no object");
	reader_close(&s.in);
	if (rc < 0)
		json_decref(tree);
	else
		*root = tree;
	return rc;
}
