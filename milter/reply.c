/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply.c - tell the MTA what to do with a mail. What was stored stays stored
 * whatever becomes of this: then the mail comes again, as a duplicate.
 * in: an action (action.c)    out: libmilter
 */
#include <stdio.h>
#include <string.h>

#include "milter/reply.h"

/* Of one mail: Postfix works on 20,000 for 18 s, and then its cleanup dies. */
#define FORGED_MAX 100

/*
 * Headers that only we may add. From the last one on: MTAs differ in whether
 * the others move up. For each the MTA goes through its queue file again, so
 * somebody who brings more of them than anybody would keeps what is past it.
 */
static void
remove_forged(SMFICTX *ctx, const struct milter_session *s)
{
	char name[] = MILTER_FIELD;
	unsigned i = s->mail.forged < FORGED_MAX ? s->mail.forged : FORGED_MAX;

	for (; i > 0; i--)
		(void)smfi_chgheader(ctx, name, (int)i, NULL);
}

static void
add_field(SMFICTX *ctx, const struct milter_session *s, const struct outcome *o)
{
	char name[] = MILTER_FIELD, value[1 + MILTER_FIELD_SIZE] = " ";

	(void)milter_field_of(o, value + 1);
	/* a mail without the header is better than no mail */
	(void)smfi_addheader(
	    ctx, name, s->mail.has_leading_space ? value : value + 1);
}

static bool
remove_ours(SMFICTX *ctx, const struct milter_session *s)
{
	size_t i;

	for (i = 0; i < s->mail.count; i++)
		if (smfi_delrcpt(ctx, s->mail.given[i]) != MI_SUCCESS)
			return false;
	return true;
}

static bool
quarantine(SMFICTX *ctx)
{
	char reason[] = "DMARC report, stored";

	return smfi_quarantine(ctx, reason) == MI_SUCCESS;
}

static void
say_later(SMFICTX *ctx, const struct outcome *o)
{
	static const struct {
		char code[4], enhanced[6], text[48];
	} replies[VERDICT_COUNT] = {
		[VERDICT_LATER] = { "451", "4.3.0",
		    "cannot store it now, try again" },
		[VERDICT_FULL] = { "452", "4.3.1",
		    "cannot store it now, try again" },
		[VERDICT_LIMITED] = { "451", "4.7.1",
		    "too many mails of this sender, try again" },
	};
	char code[4], enhanced[6], text[48]; /* libmilter's are not const */

	memcpy(code, replies[o->verdict].code, sizeof(code));
	memcpy(enhanced, replies[o->verdict].enhanced, sizeof(enhanced));
	memcpy(text, replies[o->verdict].text, sizeof(text));
	(void)smfi_setreply(ctx, code, enhanced, text);
}

sfsistat
milter_reply(SMFICTX *ctx, const struct milter_session *s,
    const struct outcome *o, enum milter_action *a)
{
	if (*a == MILTER_DISCARD)
		return SMFIS_DISCARD;
	if (*a == MILTER_TEMPFAIL) {
		say_later(ctx, o);
		return SMFIS_TEMPFAIL;
	}
	if (*a == MILTER_PASS)
		return SMFIS_CONTINUE;
	remove_forged(ctx, s);
	if (*a == MILTER_REMOVE && remove_ours(ctx, s))
		return SMFIS_CONTINUE;
	if (*a != MILTER_QUARANTINE || !quarantine(ctx))
		*a = MILTER_ACCEPT;
	add_field(ctx, s, o);
	return SMFIS_CONTINUE;
}
