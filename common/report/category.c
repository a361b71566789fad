/* SPDX-License-Identifier: Apache-2.0 */
/*
 * category.c - where the mails of an aggregate record come from: the decision
 * table of doc/record-schema.md.
 * in: a record with its source    out: a word for intake.category
 *
 * Whether DKIM and SPF are aligned is what the reporter says; it has seen the
 * mails. What is asked here is how they came to it.
 */
#include <stdbool.h>
#include <string.h>

#include "common/base/text.h"
#include "common/report/category.h"

enum fact {
	SPF_ALIGNED = 1,
	DKIM_ALIGNED = 2,
	/* the reporter knows that somebody passed them on */
	TOLD_FORWARDED = 4,
	/* SPF was asked for a domain of ours, and the address is none of its */
	SPF_BROKEN = 8,
	/* authenticated by a domain of ours, but not the one of From */
	OURS = 16,
	/* the source is somebody who has a name in the map */
	KNOWN = 32,
};

/* The first row whose facts are all there decides. */
static const struct {
	unsigned facts;
	const char *category;
} rows[] = {
	{ SPF_ALIGNED, "aligned" },
	{ DKIM_ALIGNED | TOLD_FORWARDED, "forwarded" },
	{ DKIM_ALIGNED | SPF_BROKEN, "forwarded" },
	{ DKIM_ALIGNED, "aligned" },
	{ TOLD_FORWARDED, "forwarded" },
	{ OURS, "misconfigured" },
	{ KNOWN, "misconfigured" },
	{ 0, "unknown" },
};

static bool
is_one_of(const char *text, const char *const *words)
{
	for (; text != NULL && *words != NULL; words++)
		if (text_equal_nocase(text, *words))
			return true;
	return false;
}

/*
 * RFC 7489, appendix C, and RFC 9990. The others (sampled_out,
 * policy_test_mode, other, local_policy) say why a policy was not applied and
 * nothing of the way; but a local policy that speaks of ARC (RFC 8617) has
 * found the seal of who passed the mail on.
 */
static bool
is_told_forwarded(const struct record *rec)
{
	static const char *const forwarded[] = { "forwarded",
		"trusted_forwarder", "mailing_list", NULL };
	const struct policy_override *o = rec->overrides;
	const struct policy_override *end = o + rec->override_count;

	for (; o < end; o++)
		if (is_one_of(o->type, forwarded) ||
		    (o->type != NULL && o->comment != NULL &&
			text_equal_nocase(o->type, "local_policy") &&
			strcasestr(o->comment, "arc=pass") != NULL))
			return true;
	return false;
}

/* No record, or a resolver that was away, is no sign of another way. */
static bool
is_spf_broken(const struct record *rec, const struct suffix_list *suffixes)
{
	static const char *const broken[] = { "fail", "hardfail", "softfail",
		"neutral", NULL };
	const struct spf_result *s = rec->spf_results;
	const struct spf_result *end = s + rec->spf_count;

	for (; s < end; s++)
		if (is_one_of(s->result, broken) &&
		    text_equal_nocase(s->scope, "mfrom") &&
		    suffix_is_same_org(suffixes, s->domain, rec->header_from))
			return true;
	return false;
}

static bool
is_ours(const struct record *rec, const struct suffix_list *suffixes)
{
	size_t i;

	for (i = 0; i < rec->dkim_count; i++)
		if (text_equal_nocase(rec->dkim_results[i].result, "pass") &&
		    suffix_is_same_org(suffixes, rec->dkim_results[i].domain,
			rec->header_from))
			return true;
	for (i = 0; i < rec->spf_count; i++)
		if (text_equal_nocase(rec->spf_results[i].result, "pass") &&
		    suffix_is_same_org(
			suffixes, rec->spf_results[i].domain, rec->header_from))
			return true;
	return false;
}

/*
 * A type comes with a name in the map only; other names are the source's own.
 * Networks in which anybody has a line or a machine are no service. Nor is a
 * host that only says to be of one: anybody writes any name into the reverse
 * zone of an address of his own.
 */
static bool
is_known(const struct source *s)
{
	static const char *const networks[] = { "ISP", "Web Host", "IaaS",
		NULL };

	return s->name != NULL && s->type != NULL &&
	       s->confirmed != SOURCE_NO && !is_one_of(s->type, networks);
}

/* As far as they are asked: what the row that decides says is there. */
static unsigned
facts_of(const struct record *rec, const struct suffix_list *suffixes)
{
	unsigned facts = 0;

	if (rec->spf_aligned)
		return SPF_ALIGNED;
	if (rec->dkim_aligned)
		facts |= DKIM_ALIGNED;
	if (is_told_forwarded(rec))
		return facts | TOLD_FORWARDED;
	if (rec->dkim_aligned)
		return is_spf_broken(rec, suffixes) ? facts | SPF_BROKEN
						    : facts;
	if (is_ours(rec, suffixes))
		return OURS;
	return is_known(&rec->source) ? KNOWN : 0;
}

const char *
category_of(const struct record *rec, const struct suffix_list *suffixes)
{
	unsigned facts = facts_of(rec, suffixes);
	size_t i = 0;

	while ((rows[i].facts & facts) != rows[i].facts)
		i++;
	return rows[i].category;
}
