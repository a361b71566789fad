/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_changes.c - what is different from the time before, in sentences.
 */
#include <string.h>

#include "cli/report.h"
#include "cli/table.h"
#include "common/base/text.h"
#include "common/sink/sqlite_report.h"

#define NAMED_MAX 10    /* of each kind */
#define NAME_SIZE 256   /* room for a name, escaped */
#define FALL_SHARE 0.05 /* of the mails of a sender: worth a line */

struct changes {
	const struct sqlite_report *now, *before;
	struct arena *arena;
	FILE *out;
	size_t lines;
};

static bool
is_same(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return text_equal_nocase(a, b);
}

static const char *
shown(const struct changes *c, const char *name)
{
	char *text = arena_alloc(c->arena, NAME_SIZE);

	return text_escape(name == NULL ? "-" : name, text, NAME_SIZE);
}

static void
volume(struct changes *c)
{
	const struct report_mails *n = &c->now->totals.n;
	const struct report_mails *b = &c->before->totals.n;

	(void)fprintf(c->out,
	    "%s messages, %s before; %s pass DMARC, %s before\n",
	    table_count(c->arena, n->messages),
	    table_count(c->arena, b->messages),
	    table_share(c->arena, n->passed, n->messages),
	    table_share(c->arena, b->passed, b->messages));
}

static const struct report_domain *
domain_of(const struct sqlite_report *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->domain_count; i++)
		if (is_same(r->domains[i].domain, name))
			return &r->domains[i];
	return NULL;
}

static void
domains(struct changes *c)
{
	size_t i, said = 0;

	for (i = 0; i < c->now->domain_count && said < NAMED_MAX; i++) {
		const struct report_domain *d = &c->now->domains[i];
		const struct report_domain *b = domain_of(c->before, d->domain);

		if (b != NULL && strcmp(b->policy, d->policy) == 0)
			continue;
		said++;
		if (b == NULL)
			(void)fprintf(c->out, "new domain: %s (policy %s)\n",
			    shown(c, d->domain), shown(c, d->policy));
		else
			(void)fprintf(c->out, "policy of %s: %s, before %s\n",
			    shown(c, d->domain), shown(c, d->policy),
			    shown(c, b->policy));
	}
	c->lines += said;
}

static const struct report_sender *
sender_of(const struct sqlite_report *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->sender_count; i++)
		if (is_same(r->senders[i].sender, name))
			return &r->senders[i];
	return NULL;
}

static double
share(const struct report_mails *n)
{
	return n->messages == 0 ? 1 : (double)n->passed / (double)n->messages;
}

static void
senders(struct changes *c)
{
	size_t i, said = 0;

	for (i = 0; i < c->now->sender_count && said < NAMED_MAX; i++) {
		const struct report_sender *s = &c->now->senders[i];
		const struct report_sender *b = sender_of(c->before, s->sender);

		if (b != NULL && share(&s->n) + FALL_SHARE > share(&b->n))
			continue;
		said++;
		(void)fprintf(c->out, "%s: %s, %s messages, %s pass",
		    b == NULL ? "new sender" : "passes less",
		    shown(c, s->sender), table_count(c->arena, s->n.messages),
		    table_share(c->arena, s->n.passed, s->n.messages));
		if (b != NULL)
			(void)fprintf(c->out, ", before %s",
			    table_share(c->arena, b->n.passed, b->n.messages));
		(void)fputc('\n', c->out);
	}
	c->lines += said;
}

static bool
is_heard(const struct sqlite_report *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->reporter_count; i++)
		if (is_same(r->reporters[i].org_name, name))
			return true;
	return false;
}

static void
reporters(struct changes *c)
{
	size_t i, said = 0;

	for (i = 0; i < c->before->reporter_count && said < NAMED_MAX; i++) {
		const char *name = c->before->reporters[i].org_name;

		if (is_heard(c->now, name))
			continue;
		said++;
		(void)fprintf(c->out, "not heard from: %s\n", shown(c, name));
	}
	c->lines += said;
}

void
report_changes(const struct sqlite_report *now,
    const struct sqlite_report *before, struct arena *a, FILE *out)
{
	struct changes c = {
		.now = now, .before = before, .arena = a, .out = out
	};

	(void)fprintf(out, "Changes since the time before\n");
	volume(&c);
	domains(&c);
	senders(&c);
	reporters(&c);
	if (c.lines == 0)
		(void)fprintf(out, "the same domains, policies, senders and "
				   "reporters\n");
	(void)fputc('\n', out);
}
