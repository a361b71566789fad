/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recipient.h - which recipients are ours (conf intake.recipients).
 */
#ifndef BASE_RECIPIENT_H
#define BASE_RECIPIENT_H

#include <stdbool.h>

#include "common/base/conf.h"

/* RFC 5321 asks for 256; long VERP addresses are seen. */
#define RECIPIENT_ADDRESS_MAX 1024

/*
 * Is address (as in RCPT, without <>) one of these? A pattern is an address,
 * "*@domain" or "user@*"; "user@..." matches "user+tag@..." too. ASCII case
 * does not count. An empty list accepts all; NULL is never ours.
 */
bool recipient_is_ours(const struct conf_list *patterns, const char *address);

#endif
