/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_auth_trust.c - whose Authentication-Results count: by id, by place in
 * the header, and by what stands above them.
 */
#include <string.h>

#include "common/message/message.h"
#include "tests/unit/material.h"
#include "tests/unit/unit.h"

#define RECEIVED_OURS "Received: from x by mx.our.example; Fri, 1 May 2026\n"
#define RECEIVED_FOREIGN "Received: from y by x.evil.example\n"
#define AR "Authentication-Results: "
#define OURS AR "mx.our.example; "
#define FORGED OURS "dkim=pass header.d=bank.example\n"
#define FORGED_READ "dkim=pass bank.example;"
#define BODY "From: a@evil.example\nSubject: x\n\nx\n"

static const struct row {
	const char *name, *mail;
	uint64_t own_received;
	const char *told; /* "method=result domain;"..., "!trouble" */
} cases[] = {
	{ "none", RECEIVED_OURS BODY, 1, "" },
	{ "above our Received",
	    OURS "dkim=pass header.d=a.example\n" RECEIVED_OURS BODY, 1,
	    "dkim=pass a.example;" },
	{ "below it", RECEIVED_OURS OURS "dkim=pass header.d=a.example\n" BODY,
	    1, "dkim=pass a.example;" },
	{ "line ends of CR LF",
	    "Received: x\r\n" OURS "spf=none\r\n\tsmtp.helo=a\r\n"
	    "From: x\r\n\r\nx\r\n",
	    1, "spf=none a;" },
	{ "line ends of CR CR LF",
	    OURS "spf=none\r\r\n\tsmtp.helo=a\r\r\nFrom: x\r\r\n\r\r\nx\r\r\n",
	    1, "spf=none a;" },
	{ "what is no field, and forged below it",
	    RECEIVED_OURS "x\n" FORGED BODY, 1, "" },
	{ "folded",
	    OURS "\n\tdkim=pass (x)\n\t header.d=a.example;\n\tspf=fail\n"
		 "\tsmtp.mailfrom=b@c.example\n" BODY,
	    1, "dkim=pass a.example;spf=fail c.example;" },
	{ "name in another case",
	    "authentication-RESULTS: MX.Our.Example; spf=none\n" BODY, 1,
	    "spf=none -;" },
	{ "of another host",
	    AR "mx.evil.example; dkim=pass header.d=bank.example\n" BODY, 1,
	    "" },
	{ "of another host, longer",
	    AR "mx.our.example.evil.example; dkim=pass\n" BODY, 1, "" },
	{ "of another host, between ours",
	    OURS "spf=none\n" AR "x; dkim=pass header.d=b.example\n" OURS
		 "dkim=fail header.d=a.example\n" BODY,
	    1, "spf=none -;dkim=fail a.example;" },

	/* ours as who removes forged ones may not see it: nobody's */
	{ "id in quotes",
	    AR "\"mx.our.example\"; dkim=pass header.d=bank.example\n" BODY, 1,
	    "" },
	{ "id in quotes in part",
	    AR "mx.\"our.example\"; dkim=pass header.d=bank.example\n" BODY, 1,
	    "" },
	{ "a comment before the id",
	    AR "(x) mx.our.example; dkim=pass header.d=bank.example\n" BODY, 1,
	    "" },
	{ "the same, and it cannot be read",
	    AR "(x) mx.our.example; dkim=\"\n" OURS "spf=none\n" BODY, 1,
	    "spf=none -;" },
	{ "a comment behind the id",
	    AR "mx.our.example (filter 2.0); spf=none\n" BODY, 1,
	    "spf=none -;" },
	{ "folded before the id", AR "\n\tmx.our.example; spf=none\n" BODY, 1,
	    "spf=none -;" },

	/* where it stands */
	{ "forged below a foreign Received",
	    RECEIVED_OURS RECEIVED_FOREIGN FORGED BODY, 1, "" },
	{ "forged below From",
	    RECEIVED_OURS "From: a@b.example\n" FORGED "Subject: x\n\nx\n", 1,
	    "" },
	{ "forged below Subject", RECEIVED_OURS "Subject: x\n" FORGED BODY, 1,
	    "" },
	{ "in a file that is no mail", "<?xml x:y?>\n" FORGED BODY, 1, "" },
	{ "forged in the body", RECEIVED_OURS "\n" FORGED BODY, 1, "" },
	{ "milter: no Received is ours", RECEIVED_FOREIGN FORGED BODY, 0, "" },
	{ "milter: above the first", OURS "spf=none\n" RECEIVED_FOREIGN BODY, 0,
	    "spf=none -;" },
	{ "one hop more",
	    RECEIVED_OURS RECEIVED_OURS OURS "spf=none\n" RECEIVED_FOREIGN BODY,
	    2, "spf=none -;" },
	{ "one hop more, and not said",
	    RECEIVED_OURS RECEIVED_OURS OURS "spf=none\n" RECEIVED_FOREIGN BODY,
	    1, "" },
	/* the server must remove it: see the manual page */
	{ "forged, first in the header", RECEIVED_OURS FORGED BODY, 1,
	    FORGED_READ },

	/* what stands above it */
	{ "forged below ours, same method",
	    RECEIVED_OURS OURS "dkim=none\n" FORGED BODY, 1, "dkim=none -;" },
	{ "forged below ours, in several fields",
	    OURS "dmarc=fail header.from=bank.example\n" OURS "dkim=fail "
		 "header.d=bank.example\n" FORGED BODY,
	    1, "dmarc=fail bank.example;dkim=fail bank.example;" },
	{ "two results in a field",
	    OURS "dkim=fail header.d=a.example; dkim=pass "
		 "header.d=b.example\n" FORGED BODY,
	    1, "dkim=fail a.example;dkim=pass b.example;" },
	{ "ours cannot be read, forged below",
	    OURS "spf=fail smtp.mailfrom=\"x\n" FORGED BODY, 1,
	    "!Authentication-Results: a quoted text has no end" },
	{ "ours has a version to come, forged below",
	    AR "mx.our.example 2; dkim=fail\n" FORGED BODY, 1,
	    "!Authentication-Results: version unknown" },
	{ "a stranger's cannot be read",
	    AR "x; dkim=\"\n" OURS "spf=none\n" BODY, 1, "spf=none -;" },
	{ "nobody's cannot be read", AR ";\n" OURS "spf=none\n" BODY, 1,
	    "spf=none -;" },

	/* what it is about */
	{ "header.i without header.d",
	    OURS "dkim=pass header.i=@m.a.example header.s=x\n" BODY, 1,
	    "dkim=pass m.a.example;" },
	{ "header.d before header.i",
	    OURS "dkim=pass header.i=@m.a.example header.d=a.example\n" BODY, 1,
	    "dkim=pass a.example;" },
	{ "two that differ",
	    OURS "dkim=pass header.d=evil.example header.d=bank.example\n" BODY,
	    1, "dkim=pass -;" },
	{ "two that do not",
	    OURS "dkim=pass header.d=a.example header.d=A.example\n" BODY, 1,
	    "dkim=pass a.example;" },
	{ "HELO", OURS "spf=pass smtp.helo=mail.a.example\n" BODY, 1,
	    "spf=pass mail.a.example;" },
	{ "null sender, HELO does not count for it",
	    OURS "spf=pass smtp.mailfrom= ; dkim=none\n" BODY, 1,
	    "spf=pass -;dkim=none -;" },
	{ "DMARC", OURS "dmarc=pass (p=none) header.from=a.example\n" BODY, 1,
	    "dmarc=pass a.example;" },
	{ "methods that say nothing of the sender",
	    OURS "arc=pass; iprev=pass; auth=pass smtp.auth=x@bank.example; "
		 "x-dkim=pass header.d=bank.example\n" BODY,
	    1, "" },
	{ "the type is not the header",
	    OURS "dkim=pass body.d=bank.example\n" BODY, 1, "dkim=pass -;" },

	/* several ids, and the MTA's own name */
	{ "the second id", AR "our.example; spf=none\n" BODY, 1,
	    "spf=none -;" },
	{ "the name that the MTA gives itself",
	    AR "door.our.example; spf=none\n" BODY, 1, "spf=none -;" },
	{ "not the word for it", AR "$j; spf=none\n" BODY, 1, "" },
};

static void
read_mail(const char *mail, uint64_t own_received, uint64_t results_max,
    const char *mta_name, struct buf *out)
{
	char first[] = "mx.our.example", second[] = "our.example", j[] = "$j";
	char *ids[] = { first, second, j };
	const struct conf_list list = { ids, 3 };
	const struct auth_trust trust = { &list, mta_name, own_received,
		results_max };
	const struct conf_limits limits = material_limits();
	struct spill_pool *pool = spill_pool_new("/tmp", limits.temporary);
	const struct auth_claim *c;
	struct auth_claims claims;
	struct arena *a = arena_new();
	struct spill raw;
	struct err e = { 0 };
	const void *p;
	size_t len;
	int fd;

	spill_init(&raw, pool, limits.message_memory);
	assert_int_equal(spill_add(&raw, mail, strlen(mail), &e), 0);
	assert_int_equal(spill_finish(&raw, &p, &len, &fd, &e), 0);
	message_claims(&raw, &trust, a, &claims);
	material_buf(out);
	add(out, "", 0);
	for (c = claims.first; c != NULL; c = c->next)
		add_format(out, "%s=%s %s;", auth_method_name(c->method),
		    c->result, c->domain != NULL ? c->domain : "-");
	if (claims.trouble != NULL)
		add_format(out, "!%s", claims.trouble);
	spill_clear(&raw);
	spill_pool_free(&pool);
	arena_free(&a);
}

static void
test_case(void **state)
{
	const struct row *row = *state;
	struct buf out;

	read_mail(row->mail, row->own_received, 100, "door.our.example", &out);
	assert_string_equal(out.data, row->told);
	buf_clear(&out);
}

/* Where the transport does not know the MTA's name, "$j" is nobody. */
static void
test_no_name(void **state)
{
	struct buf out;

	(void)state;
	read_mail(AR "door.our.example; spf=none\n" BODY, 1, 100, NULL, &out);
	assert_string_equal(out.data, "");
	buf_clear(&out);
}

/* Two fields with three results and properties together. */
static void
test_limit(void **state)
{
	static const char mail[] =
	    OURS "spf=none\n" OURS "dkim=pass header.d=a.example\n" FORGED BODY;
	struct buf out;

	(void)state;
	read_mail(mail, 1, 3, NULL, &out);
	assert_string_equal(out.data,
	    "spf=none -;dkim=pass a.example;"
	    "!Authentication-Results: too many results");
	buf_clear(&out);
	read_mail(mail, 1, 2, NULL, &out);
	assert_string_equal(
	    out.data, "spf=none -;!Authentication-Results: too many results");
	buf_clear(&out);
}

/* A field that is cut by the end of what is looked at says nothing. */
static void
test_top(void **state)
{
	static const char last[] = OURS "dkim=pass header.d=a.example\n";
	const size_t top = 64 * 1024;
	struct buf mail, out;
	size_t less;

	(void)state;
	for (less = 0; less < 2; less++) {
		material_buf(&mail);
		add_text(&mail, "X-Long: ");
		while (mail.len + 1 + strlen(last) + 1 < top + less)
			add(&mail, "x", 1);
		add_text(&mail, "\n");
		add_text(&mail, last);
		add_text(&mail, BODY);
		read_mail(mail.data, 1, 100, NULL, &out);
		assert_string_equal(
		    out.data, less == 0 ? "dkim=pass a.example;" : "");
		buf_clear(&out);
		buf_clear(&mail);
	}
}

int
main(void)
{
	static struct unit u;

	message_setup();
	UNIT_ROWS(&u, cases, test_case);
	UNIT_ONE(&u, test_no_name);
	UNIT_ONE(&u, test_limit);
	UNIT_ONE(&u, test_top);
	return unit_run("auth_trust", &u);
}
