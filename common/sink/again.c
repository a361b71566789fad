/* SPDX-License-Identifier: Apache-2.0 */
/*
 * again.c - what both kinds of stores need to see what is stored again.
 */
#include <string.h>

#include "common/sink/again.h"

static bool
is_other(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a != b;
	return strcmp(a, b) != 0;
}

bool
again_differs(const struct source *a, const struct source *b)
{
	return a->asn != b->asn || a->confirmed != b->confirmed ||
	       is_other(a->country, b->country) ||
	       is_other(a->reverse_dns, b->reverse_dns) ||
	       is_other(a->base_domain, b->base_domain) ||
	       is_other(a->name, b->name) || is_other(a->type, b->type) ||
	       is_other(a->as_name, b->as_name) ||
	       is_other(a->as_domain, b->as_domain);
}
