/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sender_rate.c - whose mail counts with whose, and which does not count
 * at all.
 */
#include <string.h>

#include "common/pipeline_rate.h"
#include "tests/unit/unit.h"

#define MOST 2 /* mails of a sender, and of all that nobody proves */

static struct suffix_list *suffixes;
static const char *const recipients[] = { "rua@example.org" };

/* A claim: method, result, domain. */
struct said {
	enum auth_method method;
	const char *result, *domain;
};

/* Two senders, and whether what one sends counts for the other. */
static const struct sender_case {
	const char *name;
	struct said left[3], right[3]; /* result NULL: the end */
	bool is_same;
} sender_cases[] = {
	{ "nobody proves either", { { 0 } }, { { 0 } }, true },
	{ "one is proved", { { AUTH_DKIM, "pass", "a.example" } }, { { 0 } },
	    false },
	{ "the same domain", { { AUTH_DKIM, "pass", "a.example" } },
	    { { AUTH_DKIM, "pass", "a.example" } }, true },
	{ "another domain", { { AUTH_DKIM, "pass", "a.example" } },
	    { { AUTH_DKIM, "pass", "b.example" } }, false },
	{ "names below a domain are free",
	    { { AUTH_DKIM, "pass", "1.a.example" } },
	    { { AUTH_DKIM, "pass", "2.x.a.example" } }, true },
	{ "so are they for SPF", { { AUTH_SPF, "pass", "1.a.example" } },
	    { { AUTH_SPF, "pass", "a.example" } }, true },
	{ "two below a public suffix", { { AUTH_DKIM, "pass", "a.co.uk" } },
	    { { AUTH_DKIM, "pass", "b.co.uk" } }, false },
	{ "a public suffix is nobody", { { AUTH_DKIM, "pass", "co.uk" } },
	    { { 0 } }, true },
	{ "what failed proves nothing", { { AUTH_SPF, "fail", "a.example" } },
	    { { 0 } }, true },
	{ "nor does a trouble", { { AUTH_DKIM, "temperror", "a.example" } },
	    { { 0 } }, true },
	{ "a pass of nobody", { { AUTH_DKIM, "pass", NULL } }, { { 0 } },
	    true },
	{ "DMARC alone", { { AUTH_DMARC, "pass", "a.example" } },
	    { { AUTH_DMARC, "pass", "b.example" } }, false },
	{ "a signed mail sent again by another host",
	    { { AUTH_DKIM, "pass", "a.example" },
		{ AUTH_SPF, "pass", "a.example" } },
	    { { AUTH_DKIM, "pass", "a.example" },
		{ AUTH_SPF, "pass", "evil.example" } },
	    false },
	{ "the same, by one that SPF says nothing of",
	    { { AUTH_DKIM, "pass", "a.example" },
		{ AUTH_SPF, "pass", "a.example" } },
	    { { AUTH_DKIM, "pass", "a.example" },
		{ AUTH_SPF, "none", "evil.example" } },
	    false },
	{ "more signatures are no other sender",
	    { { AUTH_SPF, "pass", "a.example" },
		{ AUTH_DKIM, "pass", "b.example" } },
	    { { AUTH_DKIM, "pass", "c.example" },
		{ AUTH_SPF, "pass", "a.example" } },
	    true },
	{ "SPF of a public suffix, and a signature",
	    { { AUTH_SPF, "pass", "co.uk" },
		{ AUTH_DKIM, "pass", "a.example" } },
	    { { AUTH_DKIM, "pass", "a.example" } }, true },
};

static int
one(struct rate *rate, const struct conf_intake *conf, const char *transport,
    size_t recipient_count, const struct said said[3], struct err *e)
{
	const struct envelope env = { .transport = transport,
		.recipients = recipients,
		.recipient_count = recipient_count };
	struct auth_claims claims = { 0 };
	const struct auth_claim **last = &claims.first;
	struct auth_claim made[3];
	size_t i;

	for (i = 0; i < 3 && said[i].result != NULL; i++) {
		made[i] = (struct auth_claim){ said[i].method, said[i].result,
			said[i].domain, NULL };
		*last = &made[i];
		last = &made[i].next;
	}
	return pipeline_rate(rate, suffixes, conf, &env, &claims, e);
}

static void
sender(void **state)
{
	const struct conf_intake conf = { .sender_rate = MOST,
		.unproved_rate = MOST };
	const struct sender_case *c = *state;
	struct rate *rate = rate_new(16);
	struct err e = { 0 };
	int i;

	for (i = 0; i < MOST; i++)
		assert_int_equal(one(rate, &conf, "lmtp", 1, c->left, &e), 0);
	assert_int_equal(one(rate, &conf, "lmtp", 1, c->left, &e), -1);
	assert_int_equal(e.kind, ERR_RATE);
	assert_non_null(strstr(e.text, "more than 2 mails an hour from "));
	assert_int_equal(
	    one(rate, &conf, "milter", 1, c->right, &e), c->is_same ? -1 : 0);
	rate_free(&rate);
}

static const struct subject_case {
	const char *name;
	const char *transport;
	size_t recipient_count;
	uint64_t sender_rate, unproved_rate;
	int proved, unproved; /* of the second mail */
} subject_cases[] = {
	{ "LMTP", "lmtp", 1, 1, 1, -1, -1 },
	{ "the milter", "milter", 3, 1, 1, -1, -1 },
	{ "mail to others", "milter", 0, 1, 1, 0, 0 },
	{ "a mailbox", "imap", 1, 1, 1, 0, 0 },
	{ "a folder", "file", 1, 1, 1, 0, 0 },
	{ "no limit", "lmtp", 1, 0, 0, 0, 0 },
	{ "for senders only", "lmtp", 1, 1, 0, -1, 0 },
	{ "for what nobody proves only", "lmtp", 1, 0, 1, 0, -1 },
};

static void
subject(void **state)
{
	static const struct said proved[3] = { { AUTH_SPF, "pass",
	    "a.example" } };
	static const struct said unproved[3] = { { 0 } };
	const struct subject_case *c = *state;
	const struct conf_intake conf = { .sender_rate = c->sender_rate,
		.unproved_rate = c->unproved_rate };
	struct rate *rate = rate_new(16);
	struct err e = { 0 };
	int i;

	for (i = 0; i < 2; i++) {
		assert_int_equal(one(rate, &conf, c->transport,
				     c->recipient_count, proved, &e),
		    i == 0 ? 0 : c->proved);
		if (i == 1 && c->proved < 0)
			assert_string_equal(e.text,
			    "more than 1 mails an hour from spf a.example");
		assert_int_equal(one(rate, &conf, c->transport,
				     c->recipient_count, unproved, &e),
		    i == 0 ? 0 : c->unproved);
	}
	rate_free(&rate);
}

int
main(void)
{
	static struct unit u;
	int rc;

	suffixes = suffix_list_open();
	UNIT_ROWS(&u, sender_cases, sender);
	UNIT_ROWS(&u, subject_cases, subject);
	rc = unit_run("sender_rate", &u);
	suffix_list_close(&suffixes);
	return rc;
}
