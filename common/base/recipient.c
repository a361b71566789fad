/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recipient.c - which recipients are ours.
 */
#include <string.h>

#include "common/base/recipient.h"
#include "common/base/text.h"

struct mailbox {
	char local[RECIPIENT_ADDRESS_MAX + 1]; /* quotes taken off */
	const char *domain; /* borrowed; "" when there is none */
};

/* "a\ b"@x and a\ b@x are the same mailbox (RFC 5321, 4.1.2). */
static void
unquote(const char *p, size_t len, char *out)
{
	if (len < 2 || p[0] != '"' || p[len - 1] != '"') {
		memcpy(out, p, len);
		out[len] = '\0';
		return;
	}
	for (p++, len -= 2; len > 0; p++, len--) {
		if (*p == '\\' && len > 1) {
			p++;
			len--;
		}
		*out++ = *p;
	}
	*out = '\0';
}

static bool
mailbox_of(const char *address, struct mailbox *m)
{
	const char *at = strrchr(address, '@');
	size_t len = at == NULL ? strlen(address) : (size_t)(at - address);

	if (len > 0 && address[strlen(address) - 1] == '"') {
		at = NULL; /* a quoted local part alone, with an @ in it */
		len = strlen(address);
	}
	if (len == 0 || len > RECIPIENT_ADDRESS_MAX)
		return false;
	unquote(address, len, m->local);
	m->domain = at == NULL ? "" : at + 1;
	return true;
}

static bool
is_local_match(const char *pattern, const char *local)
{
	size_t len = strlen(pattern);

	if (strcmp(pattern, "*") == 0)
		return true;
	if (strlen(local) < len || !text_equal_nocase_n(pattern, local, len))
		return false;
	return local[len] == '\0' || local[len] == '+';
}

static bool
is_match(const char *pattern, const struct mailbox *m)
{
	struct mailbox want;

	if (pattern == NULL || !mailbox_of(pattern, &want))
		return false;
	if (strcmp(pattern, "*") == 0)
		return true;
	if (strcmp(want.domain, "*") != 0 &&
	    !text_equal_nocase(want.domain, m->domain))
		return false;
	return is_local_match(want.local, m->local);
}

bool
recipient_is_ours(const struct conf_list *patterns, const char *address)
{
	struct mailbox m;
	size_t i;

	if (address == NULL || *address == '\0')
		return false;
	if (patterns == NULL || patterns->count == 0)
		return true;
	if (!mailbox_of(address, &m))
		return false;
	for (i = 0; i < patterns->count; i++)
		if (is_match(patterns->item[i], &m))
			return true;
	return false;
}
