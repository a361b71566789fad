/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolver_answer.h - what a name server's reply says (RFC 1035, 4). The
 * bytes are a stranger's.
 */
#ifndef ENRICH_RESOLVER_ANSWER_H
#define ENRICH_RESOLVER_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/enrich/address.h"

#define ANSWER_NAME_SIZE 256 /* of a name as text; longer ones are none */

/*
 * The first name of a PTR reply in name, without the final dot and with its
 * TTL; false when it has none. Where the reply says for how long there is none
 * (SOA, RFC 2308) *ttl is that, else it is untouched.
 */
bool answer_ptr(const unsigned char *reply, size_t len,
    char name[ANSWER_NAME_SIZE], uint32_t *ttl);

/* Is a one of the addresses of an A or AAAA reply? */
bool answer_has_address(
    const unsigned char *reply, size_t len, const struct address *a);

#endif
