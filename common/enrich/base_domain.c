/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base_domain.c - the domain that a host's name belongs to.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/suffix.h"
#include "common/base/text.h"
#include "common/enrich/base_domain.h"
#include "common/enrich/file_read.h"

#define FILE_MAX ((size_t)4 << 20)

struct ending {
	const char *text; /* in the file */
	size_t len;
};

struct base_domains {
	struct suffix_list *list;
	struct buf file; /* of overrides; its lines became texts */
	struct ending *endings;
	size_t count;
};

static void
take_endings(struct base_domains *b)
{
	char *at = b->file.data, *line_end, *end = at + b->file.len;
	size_t room = 0, len;
	const char *text;

	for (; at < end; at = line_end + 1) {
		if ((line_end = memchr(at, '\n', (size_t)(end - at))) == NULL)
			line_end = end;
		text = at;
		len = (size_t)(line_end - at);
		text_trim(&text, &len);
		if (len == 0 || *text == '#')
			continue;
		at += text - at;
		at[len] = '\0'; /* the buffer has a NUL at its end */
		text_lower(at);
		if (b->count == room) {
			room = room > 0 ? 2 * room : 256;
			b->endings =
			    xrealloc(b->endings, room * sizeof(*b->endings));
		}
		b->endings[b->count++] = (struct ending){ at, strlen(at) };
	}
}

int
base_domains_open(struct base_domains **b, const char *list_path,
    const char *overrides_path, struct err *e)
{
	struct base_domains *opened = xcalloc(1, sizeof(*opened));

	buf_init(&opened->file, FILE_MAX);
	if (list_path == NULL)
		opened->list = suffix_list_open();
	else if ((opened->list = suffix_list_read(list_path, e)) == NULL)
		goto fail;
	if (overrides_path != NULL) {
		if (file_read(overrides_path, &opened->file, e) < 0)
			goto fail;
		if (opened->file.len > 0) {
			opened->file.data[opened->file.len] = '\0';
			take_endings(opened);
		}
	}
	*b = opened;
	return 0;
fail:
	base_domains_close(&opened);
	return -1;
}

static bool
has_ending(const char *name, size_t len, const struct ending *end)
{
	return len >= end->len && name[len - 1] == end->text[end->len - 1] &&
	       memcmp(name + len - end->len, end->text, end->len) == 0;
}

/* The ending without dots around it, and then without hyphens. */
static const char *
strip(const struct ending *end, char *out, size_t out_size)
{
	const char *from = end->text, *to = from + end->len;
	static const char marks[] = ".-";
	const char *mark;

	for (mark = marks; *mark != '\0'; mark++) {
		while (from < to && *from == *mark)
			from++;
		while (from < to && to[-1] == *mark)
			to--;
	}
	if (from == to || (size_t)(to - from) >= out_size)
		return NULL;
	memmove(out, from, (size_t)(to - from));
	out[to - from] = '\0';
	return out;
}

const char *
base_domain_of(
    const struct base_domains *b, const char *name, char *out, size_t out_size)
{
	size_t i, len = strlen(name);

	if (len == 0 || len >= out_size)
		return NULL;
	memcpy(out, name, len + 1);
	text_lower(out);
	for (i = 0; i < b->count; i++)
		if (has_ending(out, len, &b->endings[i]))
			return strip(&b->endings[i], out, out_size);
	return suffix_base_domain(b->list, name, out, out_size);
}

void
base_domains_close(struct base_domains **b)
{
	if (*b == NULL)
		return;
	suffix_list_close(&(*b)->list);
	buf_clear(&(*b)->file);
	free((*b)->endings);
	free(*b);
	*b = NULL;
}
