/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aggregate_elements.c - the elements of an aggregate report (RFC 7489,
 * appendix C; RFC 9990, appendix A), as one table.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/report/aggregate_elements.h"
#include "common/report/frame.h"

static const struct element elements[] = {
	{ PLACE_OUTSIDE, "feedback", PLACE_FEEDBACK, 0 },

	{ PLACE_FEEDBACK, "version", PLACE_META_LEAF, META_VERSION },
	{ PLACE_FEEDBACK, "report_metadata", PLACE_METADATA, 0 },
	{ PLACE_FEEDBACK, "policy_published", PLACE_POLICY, 0 },
	{ PLACE_FEEDBACK, "record", PLACE_RECORD, 0 },

	{ PLACE_METADATA, "org_name", PLACE_META_LEAF, META_ORG_NAME },
	{ PLACE_METADATA, "email", PLACE_META_LEAF, META_EMAIL },
	{ PLACE_METADATA, "extra_contact_info", PLACE_META_LEAF,
	    META_EXTRA_CONTACT_INFO },
	{ PLACE_METADATA, "report_id", PLACE_META_LEAF, META_REPORT_ID },
	{ PLACE_METADATA, "generator", PLACE_META_LEAF, META_GENERATOR },
	{ PLACE_METADATA, "error", PLACE_ERROR_LEAF, 0 },
	{ PLACE_METADATA, "date_range", PLACE_DATE_RANGE, 0 },
	{ PLACE_DATE_RANGE, "begin", PLACE_META_LEAF, META_BEGIN },
	{ PLACE_DATE_RANGE, "end", PLACE_META_LEAF, META_END },

	{ PLACE_POLICY, "domain", PLACE_META_LEAF, META_DOMAIN },
	{ PLACE_POLICY, "adkim", PLACE_META_LEAF, META_ADKIM },
	{ PLACE_POLICY, "aspf", PLACE_META_LEAF, META_ASPF },
	{ PLACE_POLICY, "p", PLACE_META_LEAF, META_P },
	{ PLACE_POLICY, "sp", PLACE_META_LEAF, META_SP },
	{ PLACE_POLICY, "pct", PLACE_META_LEAF, META_PCT },
	{ PLACE_POLICY, "fo", PLACE_META_LEAF, META_FO },
	{ PLACE_POLICY, "np", PLACE_META_LEAF, META_NP },
	{ PLACE_POLICY, "testing", PLACE_META_LEAF, META_TESTING },
	{ PLACE_POLICY, "discovery_method", PLACE_META_LEAF,
	    META_DISCOVERY_METHOD },

	{ PLACE_RECORD, "row", PLACE_ROW, 0 },
	{ PLACE_RECORD, "identifiers", PLACE_IDENTIFIERS, 0 },
	{ PLACE_RECORD, "identities", PLACE_IDENTIFIERS, 0 }, /* old draft */
	{ PLACE_RECORD, "auth_results", PLACE_AUTH_RESULTS, 0 },
	{ PLACE_ROW, "source_ip", PLACE_FIELD_LEAF, FRAME_SOURCE_IP },
	{ PLACE_ROW, "count", PLACE_FIELD_LEAF, FRAME_COUNT },
	{ PLACE_ROW, "policy_evaluated", PLACE_EVALUATED, 0 },
	{ PLACE_EVALUATED, "disposition", PLACE_FIELD_LEAF, FRAME_DISPOSITION },
	{ PLACE_EVALUATED, "dkim", PLACE_FIELD_LEAF, FRAME_DKIM },
	{ PLACE_EVALUATED, "spf", PLACE_FIELD_LEAF, FRAME_SPF },
	{ PLACE_EVALUATED, "reason", PLACE_REASON, 0 },
	{ PLACE_REASON, "type", PLACE_ENTRY_LEAF, 0 },
	{ PLACE_REASON, "comment", PLACE_ENTRY_LEAF, 1 },
	{ PLACE_IDENTIFIERS, "header_from", PLACE_FIELD_LEAF,
	    FRAME_HEADER_FROM },
	{ PLACE_IDENTIFIERS, "envelope_from", PLACE_FIELD_LEAF,
	    FRAME_ENVELOPE_FROM },
	{ PLACE_IDENTIFIERS, "envelope_to", PLACE_FIELD_LEAF,
	    FRAME_ENVELOPE_TO },
	{ PLACE_AUTH_RESULTS, "dkim", PLACE_DKIM, 0 },
	{ PLACE_AUTH_RESULTS, "spf", PLACE_SPF, 0 },
	{ PLACE_DKIM, "domain", PLACE_ENTRY_LEAF, 0 },
	{ PLACE_DKIM, "selector", PLACE_ENTRY_LEAF, 1 },
	{ PLACE_DKIM, "result", PLACE_ENTRY_LEAF, 2 },
	{ PLACE_DKIM, "human_result", PLACE_ENTRY_LEAF, 3 },
	{ PLACE_SPF, "domain", PLACE_ENTRY_LEAF, 0 },
	{ PLACE_SPF, "scope", PLACE_ENTRY_LEAF, 1 },
	{ PLACE_SPF, "result", PLACE_ENTRY_LEAF, 2 },
	{ PLACE_SPF, "human_result", PLACE_ENTRY_LEAF, 3 },
};

const struct element element_unknown = { .to = PLACE_SKIP };
const struct element element_extension = { .to = PLACE_EXTENSION };
static const struct element wrapper_element = { .to = PLACE_OUTSIDE };

static const struct element *
element_search(const char *name, enum place in)
{
	size_t i;

	for (i = 0; i < sizeof(elements) / sizeof(*elements); i++)
		if (elements[i].in == in && strcmp(elements[i].name, name) == 0)
			return &elements[i];
	return in == PLACE_OUTSIDE ? &wrapper_element : &element_unknown;
}

const struct element *
element_of(struct element_cache *cache, const char *name, enum place in)
{
	size_t slot = (((uintptr_t)name >> 3) ^ ((uintptr_t)in << 3)) &
		      (ELEMENT_CACHE_SLOTS - 1);

	if (cache->slot[slot].name != name || cache->slot[slot].in != in) {
		cache->slot[slot].name = name;
		cache->slot[slot].in = in;
		cache->slot[slot].element = element_search(name, in);
	}
	return cache->slot[slot].element;
}
