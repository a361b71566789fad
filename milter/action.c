/* SPDX-License-Identifier: Apache-2.0 */
/*
 * action.c - what the MTA shall do with a mail, and what its header says.
 * in: verdict (pipeline.h)    out: an action for reply.c
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "milter/action.h"

/* What the sender's mail has come to, as far as the MTA is concerned. */
enum result {
	RESULT_STORED,  /* all of it */
	RESULT_NOTED,   /* somebody must look at it */
	RESULT_OTHER,   /* not a report */
	RESULT_TROUBLE, /* nothing is acknowledged */
	RESULT_COUNT
};

static const enum result results[VERDICT_COUNT] = {
	[VERDICT_STORED] = RESULT_STORED,
	[VERDICT_KEPT] = RESULT_NOTED,
	[VERDICT_BOTH] = RESULT_NOTED,
	[VERDICT_WAITING] = RESULT_STORED, /* as good as: we have it */
	[VERDICT_OTHER] = RESULT_OTHER,
	[VERDICT_STORED_OTHER] = RESULT_NOTED,
	[VERDICT_LATER] = RESULT_TROUBLE,
	[VERDICT_FULL] = RESULT_TROUBLE,
	[VERDICT_LIMITED] = RESULT_TROUBLE,
};

/* Nobody else's mail is held, dropped or refused because of what we do. */
static const enum milter_action stored[][MILTER_SHARE_COUNT] = {
	[CONF_ACTION_DISCARD] = { MILTER_DISCARD, MILTER_REMOVE,
	    MILTER_ACCEPT },
	[CONF_ACTION_ACCEPT] = { MILTER_ACCEPT, MILTER_ACCEPT, MILTER_ACCEPT },
	[CONF_ACTION_QUARANTINE] = { MILTER_QUARANTINE, MILTER_ACCEPT,
	    MILTER_ACCEPT },
};

static const enum milter_action trouble[] = {
	[CONF_ON_ERROR_TEMPFAIL] = MILTER_TEMPFAIL,
	[CONF_ON_ERROR_ACCEPT] = MILTER_ACCEPT,
};

enum milter_action
milter_action_of(
    enum verdict v, const struct conf_milter *conf, enum milter_share share)
{
	switch (results[v]) {
	case RESULT_STORED:
		return stored[conf->action][share];
	case RESULT_TROUBLE:
		return trouble[share == MILTER_OURS ? conf->on_error
						    : conf->on_error_mixed];
	case RESULT_OTHER:
		return share == MILTER_OTHERS ? MILTER_PASS : MILTER_ACCEPT;
	default:
		return MILTER_ACCEPT;
	}
}

const char *
milter_action_name(enum milter_action a)
{
	static const char *const names[MILTER_ACTION_COUNT] = {
		[MILTER_PASS] = "pass",
		[MILTER_ACCEPT] = "accept",
		[MILTER_DISCARD] = "discard",
		[MILTER_REMOVE] = "remove recipients",
		[MILTER_QUARANTINE] = "quarantine",
		[MILTER_TEMPFAIL] = "tempfail",
	};

	return names[a];
}

/* Strangers' text gets in here: nothing may end the line or fold it. */
static void
clean(char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

/* A value without the separators of the header. */
static void
word(const char *from, char *to, size_t size)
{
	char *p;

	(void)snprintf(to, size, "%s", *from != '\0' ? from : "-");
	for (p = to; *p != '\0'; p++)
		if (*p == ' ' || *p == ';' || *p == '=')
			*p = '_';
}

static void
counts(const struct outcome *o, const char *first, const char *last,
    char text[MILTER_FIELD_SIZE])
{
	char org[80], domain[80];

	word(o->org_name, org, sizeof(org));
	word(o->domain, domain, sizeof(domain));
	(void)snprintf(text, MILTER_FIELD_SIZE,
	    "%s; reports=%" PRIu64 " records=%" PRIu64 " duplicates=%" PRIu64
	    " org=%s domain=%s%s%.128s",
	    first, o->reports, o->stored + o->duplicates, o->duplicates, org,
	    domain, *last != '\0' ? "; " : "", last);
}

/* What is wrong with the mail is the reader's business, our sinks are not. */
static const char *
reason(const struct err *why)
{
	switch (why->kind) {
	case ERR_MALFORMED:
	case ERR_LIMIT:
		return why->text;
	case ERR_REFUSED:
		return "a sink refuses it";
	default:
		return "see the log";
	}
}

const char *
milter_field_of(const struct outcome *o, char text[MILTER_FIELD_SIZE])
{
	switch (o->verdict) {
	case VERDICT_STORED:
		counts(o, "stored", "", text);
		break;
	case VERDICT_BOTH:
		counts(o, "stored in part", reason(&o->why), text);
		break;
	case VERDICT_STORED_OTHER:
		counts(o, "stored", "with words of a person", text);
		break;
	case VERDICT_WAITING:
		(void)snprintf(text, MILTER_FIELD_SIZE,
		    "waiting; its reports are stored later");
		break;
	case VERDICT_OTHER:
		(void)snprintf(text, MILTER_FIELD_SIZE, "not a report");
		break;
	case VERDICT_LATER:
	case VERDICT_FULL:
		(void)snprintf(text, MILTER_FIELD_SIZE,
		    "not stored; nothing can be stored at present");
		break;
	case VERDICT_LIMITED:
		(void)snprintf(text, MILTER_FIELD_SIZE,
		    "not stored; too many mails of this sender");
		break;
	default:
		(void)snprintf(text, MILTER_FIELD_SIZE, "not stored; %.300s",
		    reason(&o->why));
		break;
	}
	clean(text);
	return text;
}
