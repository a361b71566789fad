/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aggregate_elements.h - which element of an aggregate report leads where.
 * Elements are known by the place they stand in. For aggregate*.c only.
 */
#ifndef REPORT_AGGREGATE_ELEMENTS_H
#define REPORT_AGGREGATE_ELEMENTS_H

enum place {
	PLACE_OUTSIDE, /* of <feedback>: also inside a wrapper */
	PLACE_FEEDBACK,
	PLACE_METADATA,
	PLACE_DATE_RANGE,
	PLACE_POLICY,
	PLACE_RECORD,
	PLACE_ROW,
	PLACE_EVALUATED,
	PLACE_IDENTIFIERS,
	PLACE_AUTH_RESULTS,
	PLACE_DKIM,
	PLACE_SPF,
	/* from here on text is of interest */
	PLACE_EXTENSION, /* other people's: whatever it is called */
	PLACE_REASON,    /* has elements, or nothing but text */
	PLACE_META_LEAF, /* text of the report: element.field is a meta_field */
	PLACE_ERROR_LEAF, /* <error>: there may be several */
	PLACE_FIELD_LEAF, /* text of a record: a frame_field */
	PLACE_ENTRY_LEAF, /* text of an entry of a list: its place in it */
	PLACE_SKIP,
};

enum meta_field {
	META_VERSION,
	META_ORG_NAME,
	META_EMAIL,
	META_EXTRA_CONTACT_INFO,
	META_REPORT_ID,
	META_GENERATOR,
	META_BEGIN,
	META_END,
	META_DOMAIN,
	META_ADKIM,
	META_ASPF,
	META_P,
	META_SP,
	META_PCT,
	META_FO,
	META_NP,
	META_TESTING,
	META_DISCOVERY_METHOD,
	META_FIELDS
};

struct element {
	enum place in;
	const char *name;
	enum place to;
	int field;
};

#define ELEMENT_CACHE_SLOTS 128 /* a power of two */

/* Names are the same pointer each time: remember where they lead. */
struct element_cache {
	struct {
		const char *name;
		enum place in;
		const struct element *element;
	} slot[ELEMENT_CACHE_SLOTS];
};

/*
 * Where name leads from the place in. What is not known leads to PLACE_SKIP;
 * outside of <feedback> it is a wrapper, and leads to PLACE_OUTSIDE.
 */
const struct element *element_of(
    struct element_cache *cache, const char *name, enum place in);

/* Leads to PLACE_SKIP. */
extern const struct element element_unknown;
/* Leads to PLACE_EXTENSION. */
extern const struct element element_extension;

#endif
