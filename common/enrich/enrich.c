/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrich.c - fills the sources of records.
 * in: reports and their records (report/)    out: the same, with names (sink/)
 *
 * Many records of a report have the same address, so what was found is kept
 * in a table for the message: of a bounded size, forgotten when it is full.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/enrich/enrich.h"
#include "common/enrich/facts.h"
#include "common/enrich/resolver.h"

#define SLOTS_LEAST 16
#define SLOTS_MOST 4096
#define TEXT_MAX ((size_t)2 << 20) /* of one table */

struct enrich {
	const struct conf *conf; /* foreign */
	struct facts_store *facts;
	struct resolver *resolver;
};

/* Addresses whose facts lie in the same place of a file share them. */
struct place_slot {
	uint32_t place; /* 0: free */
	size_t db;
	struct ip_facts facts;
};

struct source_slot {
	struct address address;
	bool is_used;
	struct source source; /* but for ip_address */
};

struct enrichment {
	struct enrich *en;
	struct facts *facts; /* held */
	bool is_offline;
	bool is_idle; /* nothing can be found out */
	int64_t left_ms;
	struct ask *ask; /* NULL: nobody is being asked */

	struct arena *text; /* of the two tables */
	struct source_slot *sources;
	struct place_slot *places;
	size_t mask; /* of both */
};

struct enrich *
enrich_new(const struct conf *conf)
{
	struct enrich *en = xcalloc(1, sizeof(*en));

	en->conf = conf;
	en->facts = facts_store_new(conf);
	en->resolver = resolver_new(&conf->enrich);
	return en;
}

void
enrich_tell(struct enrich *en, void (*warn)(void *context, const char *text),
    void *context)
{
	const struct source_map_told told = { warn, context };
	struct facts *f;

	facts_store_tell(en->facts, &told);
	f = facts_hold(en->facts);
	facts_drop(en->facts, &f);
}

int
enrich_check(struct enrich *en, struct err *e)
{
	return facts_check(en->facts, e);
}

struct enrichment *
enrich_begin(struct enrich *en, const struct conf *conf)
{
	struct enrichment *m = xcalloc(1, sizeof(*m));

	m->en = en;
	m->is_offline = conf->enrich.offline;
	m->left_ms = conf->enrich.budget_s * 1000;
	m->facts = facts_hold(en->facts);
	m->is_idle = m->is_offline && m->facts->db_count == 0;
	return m;
}

void
enrich_ask(struct enrichment *m, const char *address)
{
	struct address a;

	if (m->is_offline || !address_parse(address, &a))
		return;
	if (m->ask == NULL)
		m->ask = ask_new(m->en->resolver);
	ask_add(m->ask, &a);
}

void
enrich_wait(struct enrichment *m, int64_t budget_ms)
{
	if (m->ask != NULL)
		m->left_ms -= ask_wait(m->ask, budget_ms);
}

/* Make room for what a message with so many records may have. */
static void
tables_open(struct enrichment *m, uint64_t records)
{
	size_t slots = SLOTS_LEAST;

	while (slots < records && slots < SLOTS_MOST)
		slots *= 2;
	if (m->sources != NULL && slots <= m->mask + 1)
		return;
	free(m->sources);
	free(m->places);
	arena_free(&m->text);
	m->text = arena_new();
	m->sources = xcalloc(slots, sizeof(*m->sources));
	m->places = xcalloc(slots, sizeof(*m->places));
	m->mask = slots - 1;
}

void
enrich_forget(struct enrichment *m)
{
	if (m->sources == NULL)
		return;
	arena_reset(m->text);
	memset(m->sources, 0, (m->mask + 1) * sizeof(*m->sources));
	memset(m->places, 0, (m->mask + 1) * sizeof(*m->places));
}

/* The facts at a place of a file. */
static const struct ip_facts *
facts_at(struct enrichment *m, size_t db, uint32_t place)
{
	struct place_slot *slot =
	    &m->places[(place * UINT32_C(2654435761) >> 8 ^ db) & m->mask];

	if (slot->place != place || slot->db != db) {
		ip_db_read(m->facts->dbs[db], place, m->text, &slot->facts);
		slot->place = place;
		slot->db = db;
	}
	return &slot->facts;
}

/* Several files complete each other; the first that knows it counts. */
static void
fill_network(struct enrichment *m, const struct address *a, struct source *s)
{
	const struct ip_facts *f;
	uint32_t place;
	size_t i;

	for (i = 0; i < m->facts->db_count; i++) {
		if ((place = ip_db_find(m->facts->dbs[i], a)) == 0)
			continue;
		f = facts_at(m, i, place);
		if (s->country == NULL)
			s->country = f->country;
		if (s->asn == 0)
			s->asn = f->asn;
		if (s->as_name == NULL)
			s->as_name = f->as_name;
		if (s->as_domain == NULL)
			s->as_domain = f->as_domain;
	}
}

static void
set_name(struct enrichment *m, const char *name,
    enum source_confirmed confirmed, struct source *s)
{
	char base[ANSWER_NAME_SIZE];

	s->reverse_dns = arena_strdup(m->text, name);
	s->confirmed = confirmed;
	if (base_domain_of(m->facts->domains, name, base, sizeof(base)) != NULL)
		s->base_domain = arena_strdup(m->text, base);
}

static void
fill_names(struct enrichment *m, const struct address *a, struct source *s)
{
	static const enum source_confirmed of[] = { SOURCE_UNKNOWN, SOURCE_NO,
		SOURCE_YES };
	char name[ANSWER_NAME_SIZE];
	int confirmed;

	if (!m->is_offline &&
	    resolver_name_of(m->en->resolver, a, name, &confirmed))
		set_name(m, name, of[confirmed + 1], s);
}

/*
 * The service behind the base domain, or without a name in the DNS behind the
 * network's domain; what no map knows is called by its own name.
 */
static void
fill_service(struct enrichment *m, struct source *s)
{
	const char *domain =
	    s->reverse_dns != NULL ? s->base_domain : s->as_domain;
	const struct source_map_row *row;

	if (domain != NULL &&
	    (row = source_map_find(m->facts->map, domain)) != NULL) {
		s->name = row->name;
		s->type = row->type;
	} else {
		s->name = s->reverse_dns != NULL ? s->base_domain : s->as_name;
	}
}

void
enrich_source(struct enrichment *m, struct source *s)
{
	const char *as_written = s->ip_address;
	struct source_slot *slot;
	struct address a;

	if (m->is_idle || !address_parse(as_written, &a))
		return;
	if (m->sources == NULL)
		tables_open(m, 0);
	if (arena_used(m->text) > TEXT_MAX)
		enrich_forget(m);
	slot = &m->sources[address_hash(&a, 0) & m->mask];
	if (!slot->is_used || !address_equal(&slot->address, &a)) {
		slot->is_used = true;
		slot->address = a;
		memset(&slot->source, 0, sizeof(slot->source));
		fill_network(m, &a, &slot->source);
		fill_names(m, &a, &slot->source);
		fill_service(m, &slot->source);
	}
	*s = slot->source;
	s->ip_address = as_written;
}

void
enrich_stay_offline(struct enrichment *m)
{
	m->is_offline = true;
}

/* A file that is not there now may have been when s was stored. */
static void
keep_network(
    const struct enrichment *m, const struct source *before, struct source *s)
{
	if (m->facts->db_count > 0)
		return;
	s->country = before->country;
	s->asn = before->asn;
	s->as_name = before->as_name;
	s->as_domain = before->as_domain;
}

void
enrich_again(struct enrichment *m, struct source *s)
{
	const struct source before = *s;
	struct address a;

	if (!address_parse(before.ip_address, &a))
		return;
	if (m->sources == NULL)
		tables_open(m, SLOTS_MOST);
	*s = (struct source){ .ip_address = before.ip_address };
	fill_network(m, &a, s);
	keep_network(m, &before, s);
	if (before.reverse_dns == NULL)
		fill_names(m, &a, s);
	else
		set_name(m, before.reverse_dns, before.confirmed, s);
	fill_service(m, s);
	if (source_map_count(m->facts->map) == 0 && before.type != NULL) {
		s->name = before.name;
		s->type = before.type;
	}
}

static void
ask_source(void *m, struct source *s, struct arena *text)
{
	(void)text;
	enrich_ask(m, s->ip_address);
}

/* Text of the report's own: it outlives the table. */
static void
fill_source(void *m, struct source *s, struct arena *text)
{
	enrich_source(m, s);
	s->country = arena_strdup(text, s->country);
	s->reverse_dns = arena_strdup(text, s->reverse_dns);
	s->base_domain = arena_strdup(text, s->base_domain);
	s->name = arena_strdup(text, s->name);
	s->type = arena_strdup(text, s->type);
	s->as_name = arena_strdup(text, s->as_name);
	s->as_domain = arena_strdup(text, s->as_domain);
}

/* All addresses of an aggregate report's records, at little cost. */
static void
ask_records(struct enrichment *m, struct report_reader *rr)
{
	const char *address;
	struct err e;

	while (report_next_address(rr, &address, &e) == 1)
		enrich_ask(m, address);
	(void)report_rewind(rr, &e); /* what is wrong with it comes up again */
}

void
enrich_report(
    struct enrichment *m, struct report_reader *rr, const struct deadline *d)
{
	if (m->is_idle)
		return;
	tables_open(m, report_of(rr)->aggregate.record_count);
	if (!m->is_offline) {
		if (report_of(rr)->kind == REPORT_AGGREGATE)
			ask_records(m, rr);
		else
			report_each_source(rr, ask_source, m);
		enrich_wait(m, deadline_left_ms(d, m->left_ms));
	}
	report_each_source(rr, fill_source, m);
}

void
enrich_record(struct enrichment *m, struct record *rec)
{
	if (rec->source.ip_address != NULL && !m->is_idle)
		enrich_source(m, &rec->source);
}

void
enrich_end(struct enrichment **m)
{
	if (*m == NULL)
		return;
	ask_free(&(*m)->ask);
	facts_drop((*m)->en->facts, &(*m)->facts);
	arena_free(&(*m)->text);
	free((*m)->sources);
	free((*m)->places);
	free(*m);
	*m = NULL;
}

void
enrich_close(struct enrich **en)
{
	if (*en == NULL)
		return;
	resolver_close(&(*en)->resolver);
	facts_store_close(&(*en)->facts);
	free(*en);
	*en = NULL;
}
