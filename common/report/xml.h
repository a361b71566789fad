/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xml.h - read XML as a stream of events, forgiving what can be forgiven. The
 * one place that knows libxml2. No DTD, no entities but the five and numeric
 * ones, no network, no file.
 */
#ifndef REPORT_XML_H
#define REPORT_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/reader.h"

/*
 * Called for each event, in document order. name is the local name: the same
 * pointer for the same name within one xml_read. A handler ends the reading by
 * returning -1 with *e, or 1 for "enough".
 */
struct xml_handler {
	/*
	 * namespace_uri: the namespace it stands in, NULL for none; of the
	 * root else the first one that is declared on it
	 */
	int (*start)(void *context, const char *name, const char *namespace_uri,
	    struct err *e);
	/*
	 * by_its_tag: ended by an end tag of its name. Else something is wrong
	 * with one of its tags, and what seems to stand behind it may be inside
	 */
	int (*end)(void *context, bool by_its_tag, struct err *e);
	int (*text)(void *context, const char *p, size_t len, struct err *e);
};

struct xml_repair {
	unsigned long count; /* errors that were stepped over */
	char first[256];     /* "line 5: what was wrong" */
	bool is_followed;    /* one more document begins behind this one */
};

/* Once in a process, before the first xml_read. */
void xml_setup(void);

/*
 * Read in to its end, or until a handler has enough. Elements nested deeper
 * than depth_max are ERR_LIMIT, and so is what no report has: tags and
 * comments of 128 KiB, 100 attributes, 10,000 different names. A DOCTYPE is
 * ERR_MALFORMED, that of HTML only at the end, if no handler had enough: its
 * root may be one that nobody wants. Broken XML is read on as far as it goes,
 * and *repair tells. in is UTF-8.
 */
int xml_read(struct reader *in, const struct xml_handler *handler,
    void *context, unsigned depth_max, struct xml_repair *repair,
    struct err *e);

#endif
