/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline_admit.c - may a report that was read be stored? It must be of a
 * time when there was DMARC, about domains of ours where these are named, and
 * of a reporter who is authenticated where that is asked for.
 * in: a report with intake.* (pipeline_reporter.c)    out: yes, or why not
 */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/pipeline_admit.h"

#define BEGIN_LEAST INT64_C(1325376000) /* 2012-01-01: DMARC began */
#define BEGIN_AHEAD (2 * CLOCK_DAY_S)   /* a reporter's clock may be wrong */

/* A stranger must not choose which of hundreds of months are indexed. */
static int
check_range(const struct report *report, struct err *e)
{
	char text[CLOCK_TEXT_SIZE];
	const char *what = "begin of the report";
	int64_t at;

	switch (report->kind) {
	case REPORT_FAILURE:
		what = "date of the failure report";
		at = report->failure.arrival_date;
		if (at == INT64_MIN)
			return 0; /* undated has an index of its own */
		break;
	case REPORT_TLS:
		at = report->tls.begin;
		break;
	default:
		at = report->aggregate.begin;
		break;
	}
	if (at >= BEGIN_LEAST && at <= clock_now() + BEGIN_AHEAD)
		return 0;
	clock_iso(at, text);
	return err_set(e, ERR_MALFORMED, "%s is %s", what, text);
}

/* "example.org", or "*.example.org" for what is below it. */
static bool
is_one_of(const struct conf_list *patterns, const char *domain)
{
	size_t len = strlen(domain), want, i;
	const char *pattern;

	if (len > 0 && domain[len - 1] == '.')
		len--;
	for (i = 0; i < patterns->count; i++) {
		pattern = patterns->item[i];
		if (*pattern == '*')
			pattern++; /* ".example.org" */
		want = strlen(pattern);
		if ((*pattern == '.' ? len > want : len == want) &&
		    text_equal_nocase_n(domain + len - want, pattern, want))
			return true;
	}
	return false;
}

static int
check_domain(
    const struct conf_list *patterns, const char *domain, struct err *e)
{
	if (domain == NULL || *domain == '\0')
		return err_set(e, ERR_MALFORMED,
		    "a report about no domain, and reports_for is set");
	if (is_one_of(patterns, domain))
		return 0;
	return err_set(e, ERR_MALFORMED,
	    "a report about %.253s, which is not in reports_for", domain);
}

/* All of it must be about us: one foreign policy, and it is kept apart. */
static int
check_domains(
    const struct conf_list *patterns, const struct report *r, struct err *e)
{
	size_t i;

	if (patterns->count == 0)
		return 0;
	if (r->kind == REPORT_AGGREGATE)
		return check_domain(patterns, r->aggregate.policy.domain, e);
	if (r->kind == REPORT_FAILURE)
		return check_domain(patterns, r->failure.domain, e);
	if (r->tls.policy_count == 0)
		return check_domain(patterns, NULL, e);
	for (i = 0; i < r->tls.policy_count; i++)
		if (check_domain(
			patterns, r->tls.policies[i].policy_domain, e) < 0)
			return -1;
	return 0;
}

static bool
is_required(enum conf_reporter_auth which, enum report_kind kind)
{
	static const bool required[][3] = {
		[CONF_REPORTER_AUTH_NO] = { false },
		[CONF_REPORTER_AUTH_AGGREGATE] = { [REPORT_AGGREGATE] = true },
		[CONF_REPORTER_AUTH_TLS] = { [REPORT_TLS] = true },
		[CONF_REPORTER_AUTH_ALL] = { [REPORT_AGGREGATE] = true,
		    [REPORT_FAILURE] = true,
		    [REPORT_TLS] = true },
	};

	return required[which][kind];
}

static const char *
word(const char *text)
{
	return text != NULL ? text : "none";
}

static int
check_auth(enum conf_reporter_auth which, const struct report *r, struct err *e)
{
	const struct reporter_auth *auth = &r->intake.reporter_auth;

	if (auth->aligned || !is_required(which, r->kind))
		return 0;
	return err_set(e, ERR_MALFORMED,
	    "the reporter %.253s is not authenticated: dkim=%.20s "
	    "dmarc=%.20s spf=%.20s%s%.253s",
	    auth->reporter != NULL ? auth->reporter : "(not named)",
	    word(auth->dkim), word(auth->dmarc), word(auth->spf),
	    auth->domain != NULL ? ", of " : "",
	    auth->domain != NULL ? auth->domain : "");
}

int
pipeline_admit(const struct conf_intake *conf, const struct envelope *env,
    const struct message *m, const struct report *r, struct err *e)
{
	if (check_range(r, e) < 0 ||
	    check_domains(&conf->reports_for, r, e) < 0)
		return -1;
	/* a file that is no mail is what an administrator has at hand */
	if (envelope_is_of(env, "file") && message_is_bare(m))
		return 0;
	return check_auth(conf->require_reporter_auth, r, e);
}
