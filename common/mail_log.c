/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail_log.c - the log line of one mail, the same for every transport.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/mail_log.h"

const char *
mail_log_value(const char *text, char out[MAIL_LOG_TEXT])
{
	static const char safe[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	    "!#$%&'*+-./:?@^_`{|}~=";
	size_t len = strlen(text), safe_len = strspn(text, safe);

	if (len > 0 && safe_len == len && len < MAIL_LOG_TEXT) {
		memcpy(out, text, len + 1);
		return out;
	}
	out[0] = '"';
	(void)text_escape(text, out + 1, MAIL_LOG_TEXT - 2);
	len = strlen(out);
	out[len] = '"';
	out[len + 1] = '\0';
	return out;
}

/* "<text>", or quoted where the brackets would not hold it. */
static const char *
bracketed(const char *text, char out[MAIL_LOG_TEXT])
{
	char value[MAIL_LOG_TEXT];

	if (*text == '<' && text[strlen(text) - 1] == '>')
		(void)snprintf(value, sizeof(value), "%.*s",
		    (int)strlen(text) - 2, text + 1);
	else
		(void)snprintf(value, sizeof(value), "%s", text);
	if (*value == '\0')
		return "<>";
	(void)mail_log_value(value, out);
	if (*out == '"')
		return out;
	memcpy(value, out, sizeof(value));
	(void)snprintf(out, MAIL_LOG_TEXT, "<%.*s>", MAIL_LOG_TEXT - 3, value);
	return out;
}

static void
log_turn(const struct outcome *o)
{
	char why[sizeof(o->away.text)];

	if (o->turn == TURN_AWAY) {
		(void)text_escape(o->away.text, why, sizeof(why));
		log_err("records cannot be stored: %s; until they can, mails "
			"stay with their sender",
		    why);
	} else if (o->turn == TURN_BACK) {
		log_info("records are stored again after %lld s; %llu mails "
			 "were put off",
		    (long long)(o->away_ms + 500) / 1000,
		    (unsigned long long)o->put_off);
	}
}

void
mail_log(const struct envelope *env, const struct outcome *o, uint64_t size,
    int64_t ms, const char *status, const char *reply)
{
	char from[MAIL_LOG_TEXT], id[MAIL_LOG_TEXT], org[MAIL_LOG_TEXT];
	char domain[MAIL_LOG_TEXT], why[sizeof(o->why.text) + 8] = "";
	char partial[40] = "";
	enum log_level level = LOG_LEVEL_INFO;

	if (o->partial > 0) { /* the operator should see what is there twice */
		level = LOG_LEVEL_WARN;
		(void)snprintf(partial, sizeof(partial), " partial=%llu",
		    (unsigned long long)o->partial);
	}
	if (o->why.kind != ERR_NONE) {
		level = LOG_LEVEL_WARN;
		memcpy(why, ": ", 2);
		(void)text_escape(o->why.text, why + 2, sizeof(why) - 2);
	}
	log_turn(o);
	if (!log_is_on(level))
		return;
	log_line(level,
	    "%s: from=%s to=%zu size=%llu message-id=%s org=%s domain=%s "
	    "records=%llu duplicates=%llu%s ms=%lld status=%s (%s%s%s)",
	    env->session, bracketed(env->from != NULL ? env->from : "", from),
	    env->recipient_count, (unsigned long long)size,
	    bracketed(o->message_id, id), mail_log_value(o->org_name, org),
	    mail_log_value(o->domain, domain),
	    (unsigned long long)o->stored + o->duplicates,
	    (unsigned long long)o->duplicates, partial, (long long)ms, status,
	    reply, o->is_forwarded ? ": forwarded" : "", why);
}

void
mail_log_warn(void *context, const char *text)
{
	char escaped[1024];

	(void)context;
	log_warn("%s", text_escape(text, escaped, sizeof(escaped)));
}
