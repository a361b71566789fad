/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base_domain.h - the domain that a host's name belongs to: by overrides, in
 * parsedmarc's format, else by the public suffix list.
 */
#ifndef ENRICH_BASE_DOMAIN_H
#define ENRICH_BASE_DOMAIN_H

#include <stddef.h>

#include "common/base/err.h"

struct base_domains;

/*
 * Both NULL: the list of the system, no overrides. An overrides file has one
 * ending of a name a line, the first that fits a name counts, and what it
 * stands for is the ending without dots and hyphens around it.
 */
int base_domains_open(struct base_domains **b, const char *list_path,
    const char *overrides_path, struct err *e);
/* In lower case, in out. NULL: there is none. */
const char *base_domain_of(
    const struct base_domains *b, const char *name, char *out, size_t out_size);
/* Takes NULL; leaves NULL. */
void base_domains_close(struct base_domains **b);

#endif
