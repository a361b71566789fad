/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suffix.c - the organizational domain of a name, by libpsl.
 */
#include <libpsl.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/suffix.h"
#include "common/base/text.h"

#define NAME_SIZE 256 /* RFC 1035, 2.3.4 */

struct suffix_list {
	psl_ctx_t *psl; /* NULL: libpsl has no list at all */
};

struct suffix_list *
suffix_list_open(void)
{
	struct suffix_list *list = xcalloc(1, sizeof(*list));

	list->psl = psl_latest(NULL);
	return list;
}

struct suffix_list *
suffix_list_read(const char *path, struct err *e)
{
	psl_ctx_t *psl = psl_load_file(path);
	struct suffix_list *list;

	if (psl == NULL || psl_suffix_count(psl) == 0) {
		psl_free(psl);
		err_set(e, ERR_CONF, "%s: is no public suffix list", path);
		return NULL;
	}
	list = xcalloc(1, sizeof(*list));
	list->psl = psl;
	return list;
}

const char *
suffix_base_domain(const struct suffix_list *list, const char *name, char *out,
    size_t out_size)
{
	const char *base;
	size_t len = strlen(name);

	if (list->psl == NULL || len == 0 || len >= out_size)
		return NULL;
	memcpy(out, name, len + 1);
	text_lower(out);
	if ((base = psl_registrable_domain(list->psl, out)) == NULL)
		return NULL;
	memmove(out, base, strlen(base) + 1);
	return out;
}

static const char *
last_two_labels(const char *name)
{
	const char *p = name + strlen(name);
	int dots = 0;

	while (p > name && (p[-1] != '.' || ++dots < 2))
		p--;
	return p;
}

/* Is name that domain, or below it? */
static bool
is_within(const char *name, const char *domain)
{
	size_t len = strlen(name), domain_len = strlen(domain);

	if (len < domain_len ||
	    !text_equal_nocase(name + len - domain_len, domain))
		return false;
	return len == domain_len || name[len - domain_len - 1] == '.';
}

/*
 * A name within the registrable domain of another has the same one: what makes
 * that one's public suffix stands in both.
 */
bool
suffix_is_same_org(const struct suffix_list *list, const char *a, const char *b)
{
	char base[NAME_SIZE];

	if (a == NULL || b == NULL || *a == '\0')
		return false;
	if (text_equal_nocase(a, b))
		return true;
	/* every registrable domain has two labels: most pairs differ there */
	return text_equal_nocase(last_two_labels(a), last_two_labels(b)) &&
	       suffix_base_domain(list, a, base, sizeof(base)) != NULL &&
	       is_within(b, base);
}

void
suffix_list_close(struct suffix_list **list)
{
	if (*list == NULL)
		return;
	psl_free((*list)->psl);
	free(*list);
	*list = NULL;
}
