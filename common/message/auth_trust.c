/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_trust.c - which Authentication-Results of a mail are to be believed.
 * in: the top of the mail    out: claims about who sent it
 *
 * Anybody can write such a field, with our id in it. Those of our servers are
 * told from others by where they stand, since a server adds what it has to
 * say on top: above the first Received that is not ours, and above what only
 * an author writes. What a sender puts first in his header looks the same
 * while no field of ours is there, so the server must remove it (RFC 8601,
 * 5), and what it would not know as its own is not ours either; where it
 * removes nothing, the topmost field that speaks of a method is the
 * only one that is heard about it, and one that cannot be read ends it all.
 */
#include <stdbool.h>
#include <string.h>

#include "common/base/text.h"
#include "common/message/auth_results.h"
#include "common/message/auth_trust.h"

struct reading {
	const struct auth_trust *trust;
	struct arena *arena;
	struct auth_claims *claims;
	const struct auth_claim **last;
	uint64_t left;           /* of trust->results_max */
	uint64_t received;       /* fields met so far */
	unsigned heard;          /* methods of fields above: 1 << method */
	unsigned heard_in_field; /* of this field */
};

/* Where a method says what its result is about: the first that is there. */
static const struct {
	const char *name;
	struct {
		const char *ptype, *property;
	} about[2];
} methods[AUTH_METHODS] = {
	[AUTH_DKIM] = { "dkim", { { "header", "d" }, { "header", "i" } } },
	[AUTH_DMARC] = { "dmarc", { { "header", "from" }, { NULL, NULL } } },
	[AUTH_SPF] = { "spf", { { "smtp", "mailfrom" }, { "smtp", "helo" } } },
};

const char *
auth_method_name(enum auth_method method)
{
	return methods[method].name;
}

/* A field, as it stands in the mail. */
struct field {
	const char *name, *value; /* up to the line end of its last line */
	size_t name_len, value_len;
};

static bool
is_called(const struct field *f, const char *name)
{
	return strlen(name) == f->name_len &&
	       text_equal_nocase_n(f->name, name, f->name_len);
}

/*
 * The field at *p, which moves behind it. False at the end of the header, and
 * where something stands in it that is no field: nothing of ours is below.
 */
static bool
next_field(struct field *f, const char **p, const char *end)
{
	const char *at = *p, *colon;

	do {
		at = memchr(at, '\n', (size_t)(end - at));
		if (at == NULL || ++at == end)
			return false; /* cut: who knows how it goes on */
	} while (*at == ' ' || *at == '\t');
	colon = memchr(*p, ':', (size_t)(at - *p));
	if (colon == NULL)
		return false;
	f->name = *p;
	f->name_len = (size_t)(colon - *p);
	f->value = colon + 1;
	f->value_len = (size_t)(at - f->value);
	*p = at;
	return true;
}

/* RFC 5322, 3.6.2 to 3.6.5, and MIME: no server on the way adds these. */
static bool
is_authors_field(const struct field *f)
{
	static const char *const names[] = { "From", "Sender", "Reply-To", "To",
		"Cc", "Subject", "Date", "Message-ID", "In-Reply-To",
		"References", "MIME-Version", "Content-Type" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (is_called(f, names[i]))
			return true;
	return false;
}

/*
 * As servers write it: bare, and before all else. In quotes or behind a comment
 * it is none of ours: whoever removes forged fields by a pattern (the manual
 * page has one), or by a simple reading, would not see it, and we would.
 */
static bool
is_plain_id(const struct field *f, const char *id)
{
	const char *at = f->value;
	size_t len = f->value_len;

	text_trim(&at, &len);
	return len >= strlen(id) && memcmp(at, id, strlen(id)) == 0;
}

static bool
is_trusted_id(
    const struct auth_trust *trust, const struct field *f, const char *id)
{
	const struct conf_list *ids = trust->authserv_ids;
	const char *ours;
	size_t i;

	if (!is_plain_id(f, id))
		return false;
	for (i = 0; i < ids->count; i++) {
		ours = strcmp(ids->item[i], "$j") == 0 ? trust->mta_name
						       : ids->item[i];
		if (ours != NULL && text_equal_nocase(ours, id))
			return true;
	}
	return false;
}

/* The property's one value; NULL: none. *is_clear: no two that differ. */
static const char *
value_of(const struct auth_statement *st, const char *ptype,
    const char *property, bool *is_clear)
{
	const struct auth_property *p;
	const char *value = NULL;

	for (p = st->properties; p != NULL; p = p->next) {
		if (strcmp(p->ptype, ptype) != 0 ||
		    strcmp(p->property, property) != 0)
			continue;
		if (value != NULL && !text_equal_nocase(value, p->value))
			*is_clear = false;
		value = p->value;
	}
	return value;
}

static const char *
domain_of(
    struct reading *r, enum auth_method method, const struct auth_statement *st)
{
	const char *value = NULL;
	bool is_clear = true;
	size_t i;

	for (i = 0; i < 2 && value == NULL; i++)
		if (methods[method].about[i].ptype != NULL)
			value = value_of(st, methods[method].about[i].ptype,
			    methods[method].about[i].property, &is_clear);
	return value == NULL || !is_clear
		   ? NULL
		   : auth_results_domain(value, r->arena);
}

static void
take_statement(struct reading *r, const struct auth_statement *st)
{
	struct auth_claim *claim;
	unsigned method = 0;

	while (method < AUTH_METHODS &&
	       strcmp(methods[method].name, st->method) != 0)
		method++;
	if (method == AUTH_METHODS || (r->heard & 1u << method) != 0)
		return;
	r->heard_in_field |= 1u << method;
	claim = arena_alloc(r->arena, sizeof(*claim));
	claim->method = (enum auth_method)method;
	claim->result = st->result;
	claim->domain = domain_of(r, claim->method, st);
	*r->last = claim;
	r->last = &claim->next;
}

/* One Authentication-Results. false: nothing below it can be believed. */
static bool
take_field(struct reading *r, const struct field *f)
{
	const struct auth_statement *st;
	struct auth_results results;
	struct err e = { 0 };

	if (auth_results_parse(
		&results, f->value, f->value_len, &r->left, r->arena, &e) < 0) {
		if (results.authserv_id == NULL ||
		    !is_trusted_id(r->trust, f, results.authserv_id))
			return true; /* a stranger's */
		r->claims->trouble = arena_strdup(r->arena, e.text);
		return false;
	}
	if (!is_trusted_id(r->trust, f, results.authserv_id))
		return true;
	if (results.version != 1) { /* RFC 8601, 2.3: who knows what it means */
		r->claims->trouble = "Authentication-Results: version unknown";
		return false;
	}
	r->heard_in_field = 0;
	for (st = results.statements; st != NULL; st = st->next)
		take_statement(r, st);
	r->heard |= r->heard_in_field;
	return true;
}

void
auth_trust_read(struct auth_claims *claims, const char *p, size_t len,
    const struct auth_trust *trust, struct arena *a)
{
	struct reading r = { .trust = trust,
		.arena = a,
		.claims = claims,
		.last = &claims->first,
		.left = trust->results_max };
	const char *end = p + len;
	struct field f;

	*claims = (struct auth_claims){ 0 };
	while (next_field(&f, &p, end)) {
		if (is_authors_field(&f))
			return;
		if (is_called(&f, "Received") &&
		    ++r.received > trust->own_received)
			return;
		if (is_called(&f, "Authentication-Results") &&
		    !take_field(&r, &f))
			return;
	}
}
