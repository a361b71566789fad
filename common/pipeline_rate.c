/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline_rate.c - may one more mail of this sender come? Before anything in
 * the mail is opened.
 * in: who sent it, as far as that is proved    out: yes, or try again later
 *
 * A sender is who authentication says, never what a mail says of itself:
 * names are free. All that nobody proves shares one bucket.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/pipeline_rate.h"

#define NAME_SIZE 288 /* a method and a domain */
#define UNPROVED "-"  /* no method is called so */

/*
 * What is proved is looked at in this order. A signed mail can be sent again
 * by anybody, and would empty the signer's bucket: who sends by his own hosts
 * has another one.
 */
static const enum auth_method methods[] = { AUTH_SPF, AUTH_DKIM, AUTH_DMARC };

static const char *
proved_domain(const struct auth_claims *claims, enum auth_method method)
{
	const struct auth_claim *c;

	for (c = claims->first; c != NULL; c = c->next)
		if (c->method == method && c->domain != NULL &&
		    strcmp(c->result, "pass") == 0)
			return c->domain;
	return NULL;
}

/* "spf example.org": names below a domain are free, so they count as it. */
static bool
name_sender(const struct suffix_list *suffixes,
    const struct auth_claims *claims, char name[NAME_SIZE])
{
	char base[256];
	const char *domain;
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		domain = proved_domain(claims, methods[i]);
		if (domain == NULL || suffix_base_domain(suffixes, domain, base,
					  sizeof(base)) == NULL)
			continue;
		(void)snprintf(name, NAME_SIZE, "%s %s",
		    auth_method_name(methods[i]), base);
		return true;
	}
	return false;
}

/*
 * What is fetched from a mailbox or a folder comes at our own pace, and mail
 * to others that a milter is shown is not ours to hold.
 */
static bool
is_subject(const struct envelope *env)
{
	return (envelope_is_of(env, "lmtp") || envelope_is_of(env, "milter")) &&
	       env->recipient_count > 0;
}

int
pipeline_rate(struct rate *rate, const struct suffix_list *suffixes,
    const struct conf_intake *conf, const struct envelope *env,
    const struct auth_claims *claims, struct err *e)
{
	char name[NAME_SIZE];
	bool is_proved;
	uint64_t most;

	if ((conf->sender_rate == 0 && conf->unproved_rate == 0) ||
	    !is_subject(env))
		return 0;
	is_proved = name_sender(suffixes, claims, name);
	most = is_proved ? conf->sender_rate : conf->unproved_rate;
	if (most == 0 ||
	    rate_take(rate, is_proved ? name : UNPROVED, most, clock_mono_ms()))
		return 0;
	return err_set(e, ERR_RATE, "more than %llu mails an hour from %s",
	    (unsigned long long)most,
	    is_proved ? name : "senders that nobody proves");
}
