/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xml.c - read XML as a stream of events.
 * in: UTF-8 (xml_text.c)    out: elements and text (aggregate.c)
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/xmlerror.h>

#include "common/report/xml.h"

/*
 * What libxml2 does with a token before it tells anybody takes memory for the
 * whole of it, and for attributes time by the square of their number.
 */
#define GAP_MAX (128 * 1024) /* bytes without an event */
#define ATTRIBUTES_MAX 100   /* of an element, declarations too */
#define TAIL_CHUNK 4096
#define NAMES_MAX 10000    /* different ones; they are all kept */
#define REPAIRS_MAX 200000 /* each takes a microsecond or two */

struct xml {
	const struct xml_handler *handler;
	void *context;
	struct reader *in; /* foreign */
	struct xml_repair *repair;
	struct err *e;
	xmlParserCtxtPtr parser;
	unsigned depth, depth_max;
	size_t gap;         /* bytes read since the last event */
	bool is_begun;      /* there was a root */
	bool is_page;       /* the DOCTYPE is that of HTML */
	bool is_mismatched; /* the end tag that comes next has another name */
	int rc; /* of the handler: 0 until something ends the reading */
};

void
xml_setup(void)
{
	xmlInitParser();
}

/* Take a handler's answer; past the first that is not 0 nothing is asked. */
static void
answered(struct xml *x, int rc)
{
	if (rc == 0 || x->rc != 0)
		return;
	x->rc = rc;
	xmlStopParser(x->parser);
}

/*
 * A start tag that turns out to be broken is taken back by libxml2 without an
 * end event: tell the handler of those that are not open any more.
 */
static void
catch_up(struct xml *x)
{
	unsigned open = (unsigned)x->parser->nameNr;

	while (x->rc == 0 && x->depth > open) {
		x->depth--;
		answered(x, x->handler->end(x->context, false, x->e));
	}
}

/* libxml2 gives five pointers for an attribute and two for a namespace. */
static void
on_start(void *context, const xmlChar *name, const xmlChar *prefix,
    const xmlChar *uri, int namespace_count, const xmlChar **namespaces,
    int attribute_count, int defaulted_count, const xmlChar **attributes)
{
	struct xml *x = context;

	(void)prefix;
	(void)defaulted_count;
	(void)attributes;
	x->gap = 0;
	x->is_begun = true;
	catch_up(x);
	if (x->rc != 0)
		return;
	if (attribute_count + namespace_count > ATTRIBUTES_MAX) {
		answered(
		    x, err_set(x->e, ERR_LIMIT, "XML: more than %d attributes",
			   ATTRIBUTES_MAX));
		return;
	}
	if (x->depth++ == x->depth_max) {
		answered(x,
		    err_set(x->e, ERR_LIMIT,
			"XML: elements nested deeper than %u", x->depth_max));
		return;
	}
	if (uri == NULL && x->depth == 1 && namespace_count > 0)
		uri = namespaces[1];
	answered(x, x->handler->start(x->context, (const char *)name,
			(const char *)uri, x->e));
}

static void
on_end(void *context, const xmlChar *name, const xmlChar *prefix,
    const xmlChar *uri)
{
	struct xml *x = context;

	(void)name;
	(void)prefix;
	(void)uri;
	x->gap = 0;
	catch_up(x);
	if (x->rc != 0)
		return;
	x->depth--;
	answered(x, x->handler->end(x->context, !x->is_mismatched, x->e));
	x->is_mismatched = false;
}

static void
on_text(void *context, const xmlChar *p, int len)
{
	struct xml *x = context;

	x->gap = 0;
	catch_up(x);
	if (x->rc == 0 && len > 0)
		answered(x, x->handler->text(x->context, (const char *)p,
				(size_t)len, x->e));
}

/* "html", and nothing behind its names: above all no internal subset. */
static bool
is_of_page(const struct xml *x, const xmlChar *name)
{
	return xmlStrcasecmp(name, BAD_CAST "html") == 0 &&
	       *x->parser->input->cur == '>';
}

static int
has_doctype(struct xml *x)
{
	return err_set(x->e, ERR_MALFORMED, "XML: has a DOCTYPE");
}

/* Called before the internal subset is read: none of it ever is. */
static void
on_doctype(void *context, const xmlChar *name, const xmlChar *public_id,
    const xmlChar *system_id)
{
	struct xml *x = context;

	(void)public_id;
	(void)system_id;
	if (x->rc != 0)
		return;
	if (is_of_page(x, name))
		x->is_page = true; /* its root will tell whose it is */
	else
		answered(x, has_doctype(x));
}

static void
on_error(void *context, xmlErrorPtr error)
{
	struct xml *x = context;
	struct xml_repair *r = x->repair;
	size_t len;

	if (x->rc != 0 || error->level < XML_ERR_ERROR ||
	    error->domain == XML_FROM_NAMESPACE)
		return; /* an undeclared prefix is no harm */
	if (error->code == XML_ERR_TAG_NAME_MISMATCH)
		x->is_mismatched = true; /* told before the end event */
	if (r->count++ > 0) {
		if (r->count > REPAIRS_MAX)
			answered(
			    x, err_set(x->e, ERR_LIMIT,
				   "XML: more than %d errors", REPAIRS_MAX));
		return;
	}
	(void)snprintf(r->first, sizeof(r->first), "line %d: %s", error->line,
	    error->message == NULL ? "broken" : error->message);
	len = strlen(r->first);
	while (len > 0 && r->first[len - 1] == '\n')
		r->first[--len] = '\0';
}

/*
 * All that is asked for: libxml2 looks ahead in what it has, and takes a
 * short read in the middle of "<![CDATA[" for something else.
 */
static bool
is_closed(const struct xml *x)
{
	return x->is_begun && x->depth == 0;
}

/* Before more is read: has libxml2 taken too much of it already? */
static int
check_appetite(struct xml *x)
{
	if (x->gap > GAP_MAX && !is_closed(x))
		return err_set(x->e, ERR_LIMIT,
		    "XML: more than %d bytes in a tag or comment", GAP_MAX);
	if (x->parser != NULL && xmlDictSize(x->parser->dict) > NAMES_MAX)
		return err_set(x->e, ERR_LIMIT,
		    "XML: more than %d different names", NAMES_MAX);
	return 0;
}

static int
on_read(void *context, char *p, int len)
{
	struct xml *x = context;
	ssize_t n;

	if (x->rc == 0)
		x->rc = check_appetite(x);
	if (x->rc != 0 || (x->gap > GAP_MAX && is_closed(x)))
		return 0; /* padding behind the end is nobody's loss */
	if ((n = reader_read_full(x->in, p, (size_t)len, x->e)) < 0) {
		x->rc = -1;
		return 0;
	}
	x->gap += (size_t)n;
	return (int)n;
}

/*
 * What follows the end of the document is no part of it. Is it another one, as
 * where a broken mail makes one part of two? 1, 0, or -1 and *e.
 */
static int
is_followed(struct xml *x)
{
	static const char word[] = "<feedback";
	const size_t overlap = sizeof(word) - 2;
	const xmlParserInput *input = x->parser->input;
	char chunk[TAIL_CHUNK];
	size_t len, seen = 0;
	struct err why;
	ssize_t n;

	if (x->rc != 0 || !is_closed(x) || input == NULL || input->cur == NULL)
		return 0;
	len = (size_t)(input->end - input->cur);
	if (memmem(input->cur, len, word, sizeof(word) - 1) != NULL)
		return 1;
	if (len > overlap)
		len = overlap;
	memcpy(chunk, input->end - len, len);
	do {
		n = reader_read_full(
		    x->in, chunk + len, sizeof(chunk) - len, &why);
		if (n < 0 && err_is_temporary(&why)) {
			*x->e = why;
			return -1;
		}
		if (n < 0) /* a bomb of padding is nobody's loss either */
			return 0;
		len += (size_t)n;
		seen += (size_t)n;
		if (memmem(chunk, len, word, sizeof(word) - 1) != NULL)
			return 1;
		if (len > overlap) {
			memmove(chunk, chunk + len - overlap, overlap);
			len = overlap;
		}
	} while (n > 0 && seen < GAP_MAX);
	return 0;
}

static const xmlSAXHandler events = {
	.initialized = XML_SAX2_MAGIC,
	.internalSubset = on_doctype,
	.characters = on_text,
	.ignorableWhitespace = on_text,
	.cdataBlock = on_text,
	.startElementNs = on_start,
	.endElementNs = on_end,
	.serror = on_error,
};

int
xml_read(struct reader *in, const struct xml_handler *handler, void *context,
    unsigned depth_max, struct xml_repair *repair, struct err *e)
{
	struct xml x = { .handler = handler,
		.context = context,
		.in = in,
		.repair = repair,
		.e = e,
		.depth_max = depth_max };
	xmlSAXHandler sax = events; /* libxml2 wants it writable */
	int followed;

	memset(repair, 0, sizeof(*repair));
	x.parser = xmlCreateIOParserCtxt(
	    &sax, &x, on_read, NULL, &x, XML_CHAR_ENCODING_UTF8);
	if (x.parser == NULL)
		return err_set(e, ERR_TEMP, "XML: cannot start");
	(void)xmlCtxtUseOptions(x.parser,
	    XML_PARSE_RECOVER | XML_PARSE_NONET | XML_PARSE_IGNORE_ENC);
	(void)xmlParseDocument(x.parser);
	if (x.is_page && x.rc == 0) /* the handler did not refuse the root */
		x.rc = has_doctype(&x);
	if ((followed = is_followed(&x)) < 0)
		x.rc = -1;
	repair->is_followed = followed == 1;
	xmlFreeParserCtxt(x.parser);
	return x.rc < 0 ? -1 : 0;
}
