/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline_reporter.c - whose report is it? What the report says of its
 * reporter, against what our mail servers say of who sent the mail, and the
 * names in it against each other.
 * in: a report, and facts of its mail    out: intake.*, or a reason to keep it
 *
 * The reporter is the organization of org_name where that is a domain, else
 * of the address to contact; a failure report does not say whose it is, and
 * is of whom its mail is From.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "common/message/auth_results.h"
#include "common/message/report_name.h"
#include "common/pipeline_reporter.h"

#define DISCREPANCIES_MAX 8

void
reporter_claims(const struct conf *conf, const struct envelope *env,
    struct spill *mail, struct arena *a, struct auth_claims *claims)
{
	struct auth_trust trust = { .authserv_ids = &conf->intake.authserv_ids,
		.mta_name = env->mta_name,
		.own_received = conf->intake.authserv_hops,
		.results_max = conf->limits.auth_results };

	/* a milter is not shown the field that its MTA adds */
	if (envelope_is_of(env, "milter") && trust.own_received > 0)
		trust.own_received--;
	*claims = (struct auth_claims){ 0 };
	if (trust.authserv_ids->count > 0)
		message_claims(mail, &trust, a, claims);
}

struct judgement {
	const struct reporter_case *c;
	struct intake *intake;
	const char *org;     /* domain of org_name; NULL: it is none */
	const char *contact; /* domain of the address to contact, or NULL */
	const char *reporter;
	const char **discrepancies;
};

/* A text as a domain; NULL: it is a name for people. */
static const char *
name_domain(const struct reporter_case *c, const char *text)
{
	if (text == NULL || strchr(text, '.') == NULL ||
	    strchr(text, '@') != NULL)
		return NULL;
	return auth_results_domain(text, c->arena);
}

static const char *
address_domain(const struct reporter_case *c, const char *text)
{
	if (text == NULL || strchr(text, '@') == NULL)
		return NULL;
	return auth_results_domain(text, c->arena);
}

static void
find_reporter(struct judgement *j)
{
	const struct report *r = j->c->report;

	switch (r->kind) {
	case REPORT_AGGREGATE:
		j->org = name_domain(j->c, r->aggregate.org_name);
		j->contact = address_domain(j->c, r->aggregate.org_email);
		break;
	case REPORT_TLS:
		j->org = name_domain(j->c, r->tls.org_name);
		j->contact = address_domain(j->c, r->tls.contact_info);
		if (j->contact == NULL)
			j->contact = name_domain(j->c, j->c->tls_submitter);
		break;
	case REPORT_FAILURE:
		j->contact = address_domain(j->c, j->c->from);
		break;
	}
	j->reporter = j->org != NULL ? j->org : j->contact;
}

/*
 * How much a claim tells: 3 it authenticates the reporter, 2 somebody, 1 that
 * it was looked at. RFC 8460, 3: a TLS report needs a signature.
 */
static int
weight_of(const struct judgement *j, const struct auth_claim *claim)
{
	if (strcmp(claim->result, "pass") != 0 || claim->domain == NULL)
		return 1;
	if (j->c->report->kind == REPORT_TLS && claim->method != AUTH_DKIM)
		return 2;
	return suffix_is_same_org(j->c->suffixes, claim->domain, j->reporter)
		   ? 3
		   : 2;
}

/* The server has found that this very domain was forged. */
static bool
is_denied(const struct judgement *j)
{
	const struct auth_claim *claim = j->c->claims->first;

	for (; claim != NULL; claim = claim->next)
		if (claim->method == AUTH_DMARC &&
		    strcmp(claim->result, "fail") == 0 &&
		    suffix_is_same_org(
			j->c->suffixes, claim->domain, j->reporter))
			return true;
	return false;
}

static void
judge_auth(struct judgement *j)
{
	struct reporter_auth *auth = &j->intake->reporter_auth;
	const char **words[AUTH_METHODS] = { [AUTH_DKIM] = &auth->dkim,
		[AUTH_DMARC] = &auth->dmarc,
		[AUTH_SPF] = &auth->spf };
	int of_word[AUTH_METHODS] = { 0 }, best = 1, weight;
	enum auth_method method = AUTH_METHODS;
	const struct auth_claim *claim = j->c->claims->first;

	auth->is_asked = true;
	auth->reporter = j->reporter;
	for (; claim != NULL; claim = claim->next) {
		weight = weight_of(j, claim);
		if (weight > of_word[claim->method]) {
			*words[claim->method] = claim->result;
			of_word[claim->method] = weight;
		}
		if (weight < best || weight < 2 ||
		    (weight == best && claim->method >= method))
			continue;
		best = weight;
		method = claim->method;
		auth->method = auth_method_name(method);
		auth->domain = claim->domain;
	}
	auth->aligned = best == 3 && !is_denied(j);
}

static void
note(struct judgement *j, const char *text)
{
	if (j->intake->discrepancy_count < DISCREPANCIES_MAX)
		j->discrepancies[j->intake->discrepancy_count++] = text;
}

static void
check_names(struct judgement *j)
{
	if (j->org != NULL && j->contact != NULL &&
	    !suffix_is_same_org(j->c->suffixes, j->org, j->contact))
		note(j, arena_printf(j->c->arena,
			    "org_name is %s, the address to contact is of %s",
			    j->org, j->contact));
}

/* Does the report speak of this domain? */
static bool
is_about(const struct report *r, const char *domain)
{
	const char *about = NULL;
	size_t i;

	switch (r->kind) {
	case REPORT_AGGREGATE:
		about = r->aggregate.policy.domain;
		break;
	case REPORT_FAILURE:
		about = r->failure.domain;
		break;
	case REPORT_TLS:
		for (i = 0; i < r->tls.policy_count; i++) {
			about = r->tls.policies[i].policy_domain;
			if (about != NULL && text_equal_nocase(about, domain))
				return true;
		}
		return false;
	}
	return about != NULL && text_equal_nocase(about, domain);
}

static void
check_file_name(struct judgement *j)
{
	const struct reporter_case *c = j->c;
	struct report_name name;

	if (c->file == NULL || !report_name_parse(&name, c->file, c->arena))
		return;
	if (!is_about(c->report, name.domain))
		note(j, arena_printf(c->arena,
			    "the file name says %s, the report is not about it",
			    name.domain));
	if (*name.receiver != '\0' && j->reporter != NULL &&
	    !suffix_is_same_org(c->suffixes, name.receiver, j->org) &&
	    !suffix_is_same_org(c->suffixes, name.receiver, j->contact))
		note(j,
		    arena_printf(c->arena,
			"the file name says it is from %s, the report from %s",
			name.receiver, j->reporter));
}

static void
check_tls_fields(struct judgement *j)
{
	const struct reporter_case *c = j->c;
	const char *domain = name_domain(c, c->tls_domain);
	const char *submitter = name_domain(c, c->tls_submitter);

	if (c->report->kind != REPORT_TLS)
		return;
	if (domain != NULL && !is_about(c->report, domain))
		note(j,
		    arena_printf(c->arena,
			"TLS-Report-Domain is %s, the report is not about it",
			domain));
	if (submitter != NULL && j->reporter != NULL &&
	    !suffix_is_same_org(c->suffixes, submitter, j->org) &&
	    !suffix_is_same_org(c->suffixes, submitter, j->contact))
		note(j, arena_printf(c->arena,
			    "TLS-Report-Submitter is %s, the report is from %s",
			    submitter, j->reporter));
}

/* RFC 6591, 3.1: the domain is that of the mail's From. */
static void
check_sample(struct judgement *j)
{
	const struct failure *f = &j->c->report->failure;

	if (j->c->report->kind == REPORT_FAILURE && f->domain != NULL &&
	    f->sample.from_domain != NULL &&
	    !suffix_is_same_org(
		j->c->suffixes, f->domain, f->sample.from_domain))
		note(j,
		    arena_printf(j->c->arena,
			"the mail that failed is from %.253s, not from %.253s",
			f->sample.from_domain, f->domain));
}

void
reporter_judge(const struct reporter_case *c, struct intake *intake)
{
	struct judgement j = { .c = c, .intake = intake };

	j.discrepancies =
	    arena_alloc(c->arena, DISCREPANCIES_MAX * sizeof(*j.discrepancies));
	intake->discrepancies = j.discrepancies;
	intake->discrepancy_count = 0;
	find_reporter(&j);
	if (c->claims != NULL) {
		judge_auth(&j);
		if (c->claims->trouble != NULL)
			note(&j, c->claims->trouble);
	}
	check_names(&j);
	check_file_name(&j);
	check_tls_fields(&j);
	check_sample(&j);
}
