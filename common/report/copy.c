/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy.c - deep copies of records, for a sink that works on them after the
 * pipeline has gone on.
 */
#include "common/report/report.h"

#define COPY(a, to, field) ((to)->field = arena_strdup((a), (to)->field))

static void
copy_source(struct arena *a, struct source *s)
{
	COPY(a, s, ip_address);
	COPY(a, s, country);
	COPY(a, s, reverse_dns);
	COPY(a, s, base_domain);
	COPY(a, s, name);
	COPY(a, s, type);
	COPY(a, s, as_name);
	COPY(a, s, as_domain);
}

static void
copy_lists(struct arena *a, struct record *rec)
{
	struct policy_override *o =
	    arena_alloc(a, rec->override_count * sizeof(*o));
	struct dkim_result *d = arena_alloc(a, rec->dkim_count * sizeof(*d));
	struct spf_result *s = arena_alloc(a, rec->spf_count * sizeof(*s));
	struct extension *x = arena_alloc(a, rec->extension_count * sizeof(*x));
	size_t i;

	for (i = 0; i < rec->override_count; i++) {
		o[i] = rec->overrides[i];
		COPY(a, &o[i], type);
		COPY(a, &o[i], comment);
	}
	for (i = 0; i < rec->dkim_count; i++) {
		d[i] = rec->dkim_results[i];
		COPY(a, &d[i], domain);
		COPY(a, &d[i], selector);
		COPY(a, &d[i], result);
		COPY(a, &d[i], human_result);
	}
	for (i = 0; i < rec->spf_count; i++) {
		s[i] = rec->spf_results[i];
		COPY(a, &s[i], domain);
		COPY(a, &s[i], scope);
		COPY(a, &s[i], result);
		COPY(a, &s[i], human_result);
	}
	for (i = 0; i < rec->extension_count; i++) {
		x[i] = rec->extensions[i];
		COPY(a, &x[i], path);
		COPY(a, &x[i], text);
	}
	rec->extensions = x;
	rec->overrides = o;
	rec->dkim_results = d;
	rec->spf_results = s;
}

struct record *
record_copy(struct arena *a, const struct record *rec)
{
	struct record *copy = arena_alloc(a, sizeof(*copy));

	*copy = *rec;
	copy_source(a, &copy->source);
	COPY(a, copy, disposition);
	COPY(a, copy, policy_dkim);
	COPY(a, copy, policy_spf);
	COPY(a, copy, header_from);
	COPY(a, copy, envelope_from);
	COPY(a, copy, envelope_to);
	copy_lists(a, copy);
	return copy;
}
