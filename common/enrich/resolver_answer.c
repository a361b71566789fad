/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolver_answer.c - what a name server's reply says. c-ares has checked that
 * it answers our question and unpacks names; it keeps the TTL of a PTR to
 * itself.
 */
#include <ares.h>
#include <limits.h>
#include <string.h>

#include "common/enrich/resolver_answer.h"

#define HEADER_BYTES 12
#define QUESTION_BYTES 4 /* type, class */
#define FIXED_BYTES 10   /* type, class, TTL, length */

enum { TYPE_A = 1, TYPE_SOA = 6, TYPE_PTR = 12, TYPE_AAAA = 28 };

/* One resource record; data lies in the reply. */
struct rr {
	unsigned type;
	uint32_t ttl;
	const unsigned char *data;
	size_t len;
};

struct walk {
	const unsigned char *reply, *at, *end;
	unsigned questions, answers, authorities; /* still to come */
};

static unsigned
number(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* The length of a name where it lies; 0 when it is broken. */
static size_t
skip_name(const struct walk *w)
{
	long len = 0;
	char *name;

	if (w->at >= w->end ||
	    ares_expand_name(w->at, w->reply, (int)(w->end - w->reply), &name,
		&len) != ARES_SUCCESS)
		return 0;
	ares_free_string(name);
	return len > 0 && len <= w->end - w->at ? (size_t)len : 0;
}

static bool
walk_begin(struct walk *w, const unsigned char *reply, size_t len)
{
	size_t name;

	if (len < HEADER_BYTES || len > INT_MAX)
		return false;
	*w = (struct walk){ reply, reply + HEADER_BYTES, reply + len,
		number(reply + 4), number(reply + 6), number(reply + 8) };
	for (; w->questions > 0; w->questions--) {
		if ((name = skip_name(w)) == 0 ||
		    (size_t)(w->end - w->at) < name + QUESTION_BYTES)
			return false;
		w->at += name + QUESTION_BYTES;
	}
	return true;
}

/* The next record of the answer, then of the authority section. */
static bool
walk_next(struct walk *w, struct rr *rr)
{
	size_t name, left;

	if (w->answers + w->authorities == 0 || (name = skip_name(w)) == 0)
		return false;
	w->at += name;
	left = (size_t)(w->end - w->at);
	if (left < FIXED_BYTES)
		return false;
	rr->type = number(w->at);
	rr->ttl = (uint32_t)number(w->at + 4) << 16 | number(w->at + 6);
	rr->len = number(w->at + 8);
	rr->data = w->at + FIXED_BYTES;
	if (rr->len > left - FIXED_BYTES)
		return false;
	w->at += FIXED_BYTES + rr->len;
	if (w->answers > 0)
		w->answers--;
	else
		w->authorities--;
	return true;
}

static bool
take_name(const struct walk *w, const struct rr *rr, char *name)
{
	char *text;
	size_t len;
	long used;
	bool fits;

	if (rr->len == 0 ||
	    ares_expand_name(rr->data, w->reply, (int)(w->end - w->reply),
		&text, &used) != ARES_SUCCESS)
		return false;
	len = strlen(text);
	fits = len > 0 && len < ANSWER_NAME_SIZE;
	if (fits)
		memcpy(name, text, len + 1);
	ares_free_string(text);
	return fits;
}

bool
answer_ptr(const unsigned char *reply, size_t len, char name[ANSWER_NAME_SIZE],
    uint32_t *ttl)
{
	struct walk w;
	struct rr rr;

	if (!walk_begin(&w, reply, len))
		return false;
	while (walk_next(&w, &rr)) {
		if (rr.type == TYPE_PTR && take_name(&w, &rr, name)) {
			*ttl = rr.ttl;
			return true;
		}
		if (rr.type == TYPE_SOA) {
			*ttl = rr.ttl;
			return false;
		}
	}
	return false;
}

bool
answer_has_address(
    const unsigned char *reply, size_t len, const struct address *a)
{
	const bool is_v4 = address_is_v4(a);
	const size_t size = is_v4 ? 4 : ADDRESS_BYTES;
	struct walk w;
	struct rr rr;

	if (!walk_begin(&w, reply, len))
		return false;
	while (walk_next(&w, &rr))
		if (rr.type == (is_v4 ? TYPE_A : TYPE_AAAA) && rr.len == size &&
		    memcmp(rr.data, a->bytes + ADDRESS_BYTES - size, size) == 0)
			return true;
	return false;
}
