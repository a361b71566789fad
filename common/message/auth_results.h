/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_results.h - the grammar of Authentication-Results (RFC 8601, 2.2):
 * what a mail server says of the mail's authentication. Whether that server
 * is to be believed is auth_trust.h's matter. For common/message only.
 */
#ifndef MESSAGE_AUTH_RESULTS_H
#define MESSAGE_AUTH_RESULTS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"

/* "header.d=example.com"; names are in lower case, the value as written. */
struct auth_property {
	const char *ptype, *property, *value;
	const struct auth_property *next;
};

/* "dkim=pass reason="..." header.d=example.com" */
struct auth_statement {
	const char *method, *result; /* lower case */
	const char *reason;          /* NULL: none */
	const struct auth_property *properties;
	const struct auth_statement *next;
};

/* One field. All text lies in the arena. */
struct auth_results {
	const char *authserv_id;
	uint64_t version; /* 1 unless it says another */
	const struct auth_statement *statements;
};

/*
 * Take the field's body apart: len bytes at p behind the colon, folded as it
 * came. *left is how many statements and properties may still be read, and
 * is lowered. ERR_MALFORMED or ERR_LIMIT; r->authserv_id is set then if the
 * field says whose it is, and NULL if not.
 */
int auth_results_parse(struct auth_results *r, const char *p, size_t len,
    uint64_t *left, struct arena *a, struct err *e);

/*
 * The domain of an address or name, in lower case and without a dot at its
 * end; NULL when there is none that could be in DNS.
 */
const char *auth_results_domain(const char *value, struct arena *a);

#endif
