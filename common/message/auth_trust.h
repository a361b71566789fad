/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_trust.h - what the mail servers that we trust say of a mail's
 * authentication: which of its Authentication-Results fields are theirs
 * (RFC 8601, 5 and 7.1), and what these claim.
 */
#ifndef MESSAGE_AUTH_TRUST_H
#define MESSAGE_AUTH_TRUST_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/conf.h"

/* The stronger proof of who sent a mail first. */
enum auth_method { AUTH_DKIM, AUTH_DMARC, AUTH_SPF, AUTH_METHODS };

struct auth_claim {
	enum auth_method method;
	const char *result; /* "pass", "fail", ...: lower case */
	/* that it is about: header.d or header.i; header.from; smtp.mailfrom
	 * or smtp.helo. Lower case; NULL: none, or two that differ */
	const char *domain;
	const struct auth_claim *next;
};

/* All text lies in the arena. */
struct auth_claims {
	const struct auth_claim *first; /* in the order of the header */
	const char
	    *trouble; /* a field of theirs that cannot be read, or NULL */
};

/* Whom to believe. Borrowed. */
struct auth_trust {
	const struct conf_list *authserv_ids;
	/* How the MTA calls itself: the id "$j" stands for it. NULL: unknown */
	const char *mta_name;
	/* How many Received fields are our own servers': what stands below the
	 * last of them and above the next may still be theirs. */
	uint64_t own_received;
	uint64_t results_max; /* conf limits.auth_results */
};

/* "dkim" */
const char *auth_method_name(enum auth_method method);

/* For message_facts.c: len bytes at p are the start of the mail. */
void auth_trust_read(struct auth_claims *claims, const char *p, size_t len,
    const struct auth_trust *trust, struct arena *a);

#endif
