/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uidset.c - sets of UIDs.
 */
#include <inttypes.h>

#include "imap/uidset.h"

#define RANGE_BYTES 22 /* ",4294967295:4294967295" */

void
imap_uidset_init(struct imap_uidset *s)
{
	*s = (struct imap_uidset){ 0 };
	buf_init(&s->text, IMAP_UIDSET_BYTES);
}

void
imap_uidset_clear(struct imap_uidset *s)
{
	buf_clear(&s->text);
}

static void
write_range(struct imap_uidset *s)
{
	const char *comma = s->text.len > 0 ? "," : "";
	struct err e; /* there is room: imap_uidset_add has seen to it */

	if (s->first == s->last)
		(void)buf_printf(&s->text, &e, "%s%" PRIu32, comma, s->first);
	else
		(void)buf_printf(&s->text, &e, "%s%" PRIu32 ":%" PRIu32, comma,
		    s->first, s->last);
}

bool
imap_uidset_add(struct imap_uidset *s, uint32_t uid)
{
	if (s->count > 0 && uid == s->last + 1) {
		s->last = uid;
	} else {
		if (s->text.len + 2 * RANGE_BYTES > IMAP_UIDSET_BYTES)
			return false;
		if (s->count > 0)
			write_range(s);
		s->first = s->last = uid;
	}
	s->count++;
	return true;
}

const char *
imap_uidset_text(struct imap_uidset *s)
{
	if (s->count == 0)
		return "";
	write_range(s);
	s->count = 0;
	return s->text.data;
}

static bool
read_number(const char **at, uint32_t *number)
{
	uint64_t n = 0;

	if (**at < '1' || **at > '9')
		return false;
	for (; **at >= '0' && **at <= '9'; (*at)++)
		if ((n = n * 10 + (uint64_t)(**at - '0')) > UINT32_MAX)
			return false;
	*number = (uint32_t)n;
	return true;
}

/* *range: the UID that was given last, and how many follow it. */
int
imap_uidset_next(const char **at, uint64_t *range, uint32_t *uid)
{
	uint32_t first, last;

	if (*range >> 32 > 0) {
		*range += 1 - (UINT64_C(1) << 32);
		*uid = (uint32_t)*range;
		return 1;
	}
	if (**at == '\0')
		return 0;
	if (!read_number(at, &first))
		return -1;
	last = first;
	if (**at == ':') {
		(*at)++;
		if (!read_number(at, &last) || last < first)
			return -1;
	}
	if (**at == ',' && (*at)[1] != '\0')
		(*at)++;
	else if (**at != '\0')
		return -1;
	*range = (uint64_t)(last - first) << 32 | first;
	*uid = first;
	return 1;
}
