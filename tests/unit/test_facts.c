/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_facts.c - what files tell of a host: tables of services, friendly and
 * hostile, base domains with overrides, MMDB files of each vendor, and files
 * that are replaced under readers.
 */
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/suffix.h"
#include "common/enrich/enrich.h"
#include "common/enrich/facts.h"
#include "tests/unit/material.h"
#include "tests/unit/unit.h"

struct folder {
	char path[64], file[96];
};

static int
remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static void
folder_make(struct folder *f)
{
	(void)snprintf(f->path, sizeof(f->path), "/tmp/test_facts.XXXXXX");
	assert_non_null(mkdtemp(f->path));
	(void)snprintf(f->file, sizeof(f->file), "%s/file", f->path);
}

static void
folder_clear(struct folder *f)
{
	assert_int_equal(
	    nftw(f->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* As everybody should replace a file; it looks as if it was written long ago.
 */
static void
replace(const char *path, const char *bytes, size_t len)
{
	struct timespec old[2] = { { .tv_sec = time(NULL) - 60 },
		{ .tv_sec = time(NULL) - 60 } };
	char next[128];
	FILE *out;

	(void)snprintf(next, sizeof(next), "%s.next", path);
	assert_non_null(out = fopen(next, "w"));
	assert_int_equal(fwrite(bytes, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(utimensat(AT_FDCWD, next, old, 0), 0);
	assert_int_equal(rename(next, path), 0);
}

static void
fixture(const char *name, struct buf *out)
{
	const char *top = getenv("srcdir");
	char path[256], piece[4096];
	FILE *in;
	size_t n;

	(void)snprintf(
	    path, sizeof(path), "%s/%s", top != NULL ? top : "..", name);
	material_buf(out);
	if ((in = fopen(path, "r")) == NULL)
		fail_msg("%s", path);
	while ((n = fread(piece, 1, sizeof(piece), in)) > 0)
		add(out, piece, n);
	(void)fclose(in);
}

struct warnings {
	unsigned count;
	char first[512];
};

static void
warn(void *context, const char *text)
{
	struct warnings *w = context;

	if (w->count++ == 0)
		(void)snprintf(w->first, sizeof(w->first), "%s", text);
}

#define HEAD "base_reverse_dns,name,type\n"

static const struct map_case {
	const char *name, *table, *error;    /* NULL: it can be read */
	const char *domain, *service, *type; /* service NULL: not there */
	unsigned count, warnings;
} map_cases[] = {
	{ "a row", HEAD "d.example,D,ISP\n", NULL, "d.example", "D", "ISP", 1,
	    0 },
	{ "no line end", HEAD "d.example,D,ISP", NULL, "d.example", "D", "ISP",
	    1, 0 },
	{ "Windows", "base_reverse_dns,name,type\r\nd.example,D,ISP\r\n", NULL,
	    "d.example", "D", "ISP", 1, 0 },
	{ "a byte order mark", "\xef\xbb\xbf" HEAD "d.example,D,ISP\n", NULL,
	    "d.example", "D", "ISP", 1, 0 },
	{ "other order of columns", "type,x,NAME,base_reverse_dns\nISP,,D,d\n",
	    NULL, "d", "D", "ISP", 1, 0 },
	{ "upper case and spaces", HEAD " D.Example , D , ISP \n", NULL,
	    "d.example", "D", "ISP", 1, 0 },
	{ "quotes", HEAD "d,\"A, \"\"B\"\"\",\"ISP\"\r\n", NULL, "d",
	    "A, \"B\"", "ISP", 1, 0 },
	{ "no type", HEAD "d,D,\n", NULL, "d", "D", NULL, 1, 0 },
	{ "the later row wins", HEAD "d,A,ISP\nD,B,SaaS\n", NULL, "d", "B",
	    "SaaS", 1, 0 },
	{ "empty lines", HEAD "\n\r\nd,D,ISP\n\n", NULL, "d", "D", "ISP", 1,
	    0 },
	{ "UTF-8", HEAD "d,T\xc3\xbcrk,ISP\n", NULL, "d", "T\xc3\xbcrk", "ISP",
	    1, 0 },
	{ "not UTF-8", HEAD "d,T\xfcrk,ISP\ne,E,ISP\n", NULL, "d", NULL, NULL,
	    1, 1 },
	{ "control bytes", HEAD "d,D\x1b[31m,ISP\n", NULL, "d", NULL, NULL, 0,
	    1 },
	{ "too few cells", HEAD "d,D\ne,E,ISP\n", NULL, "e", "E", "ISP", 1, 1 },
	{ "no name", HEAD "d,,ISP\n", NULL, "d", NULL, NULL, 0, 1 },
	{ "no domain", HEAD ",D,ISP\n", NULL, "", NULL, NULL, 0, 1 },
	{ "an address", HEAD "a@d,D,ISP\n", NULL, "a@d", NULL, NULL, 0, 1 },
	{ "a quote not closed", HEAD "d,\"D,ISP\ne,E,ISP\n", NULL, "e", "E",
	    "ISP", 1, 1 },
	{ "text behind a quote", HEAD "d,\"D\"x,ISP\ne,E,ISP\n", NULL, "e", "E",
	    "ISP", 1, 1 },
	{ "many broken lines", HEAD ",\n,\n,\n,\n,\n,\n,\n,\ne,E,ISP\n", NULL,
	    "e", "E", "ISP", 1, 6 },
	{ "empty", "", "no table: it is empty", "d", NULL, NULL, 0, 0 },
	{ "no header", "d.example,D,ISP\n",
	    "no table: its first line has no column base_reverse_dns", "d",
	    NULL, NULL, 0, 0 },
	{ "a page of the web", "<!DOCTYPE html>\n<html>\n", "no table", "d",
	    NULL, NULL, 0, 0 },
};

static void
map_row(void **state)
{
	const struct map_case *c = *state;
	struct warnings w = { 0 };
	const struct source_map_told told = { warn, &w };
	struct source_map *m = source_map_new();
	const struct source_map_row *row;
	struct err e = { 0 };
	struct folder f;

	folder_make(&f);
	replace(f.file, c->table, strlen(c->table));
	assert_int_equal(
	    source_map_read(m, f.file, &told, &e), c->error != NULL ? -1 : 0);
	if (c->error != NULL && strstr(e.text, c->error) == NULL)
		fail_msg("'%s' has no '%s'", e.text, c->error);
	assert_int_equal(source_map_count(m), c->count);
	assert_int_equal(w.count, c->warnings);
	if (w.count > 0)
		assert_non_null(strstr(w.first, ": line "));
	row = source_map_find(m, c->domain);
	assert_int_equal(row != NULL, c->service != NULL);
	if (row != NULL) {
		assert_string_equal(row->name, c->service);
		if (c->type == NULL)
			assert_null(row->type);
		else
			assert_string_equal(row->type, c->type);
	}
	source_map_free(&m);
	folder_clear(&f);
}

/* A cell of 1023 bytes reads, one of 1024 does not, and all others do. */
static void
a_cell_has_a_limit(void **state)
{
	struct warnings w = { 0 };
	const struct source_map_told told = { warn, &w };
	struct source_map *m = source_map_new();
	struct err e = { 0 };
	struct folder f;
	struct buf b;
	int len;

	(void)state;
	folder_make(&f);
	material_buf(&b);
	add_text(&b, HEAD);
	for (len = 1023; len <= 1024; len++) {
		add_text(&b, len == 1023 ? "a," : "b,");
		add_many(&b, 'x', (size_t)len);
		add_text(&b, ",ISP\n");
	}
	add_text(&b, "c,C,ISP\n");
	replace(f.file, b.data, b.len);
	assert_int_equal(source_map_read(m, f.file, &told, &e), 0);
	assert_non_null(source_map_find(m, "a"));
	assert_null(source_map_find(m, "b"));
	assert_non_null(source_map_find(m, "c"));
	assert_int_equal(w.count, 1);
	assert_non_null(strstr(w.first, "line 3: a cell is longer"));
	source_map_free(&m);
	buf_clear(&b);
	folder_clear(&f);
}

/* As large as the largest that is known, several times over. */
static void
a_large_table(void **state)
{
	const struct source_map_told told = { warn, NULL };
	struct source_map *m = source_map_new();
	struct err e = { 0 };
	char row[64];
	struct folder f;
	struct buf b;
	unsigned i;

	(void)state;
	folder_make(&f);
	material_buf(&b);
	add_text(&b, HEAD);
	for (i = 0; i < 100000; i++) {
		(void)snprintf(row, sizeof(row), "d%u.example,D%u,ISP\n", i, i);
		add_text(&b, row);
	}
	replace(f.file, b.data, b.len);
	assert_int_equal(source_map_read(m, f.file, &told, &e), 0);
	assert_int_equal(source_map_count(m), 100000);
	assert_string_equal(
	    source_map_find(m, "d77777.example")->name, "D77777");
	source_map_free(&m);
	buf_clear(&b);
	folder_clear(&f);
}

/* Each row of the table that comes with the program can be found by a host. */
static void
our_own_table(void **state)
{
	static const char *const types[] = { "Email Provider", "Email Security",
		"Marketing", "SaaS", "IaaS", "PaaS", "Web Host", "ISP",
		"Social Media", "Technology", "Finance", "Retail", "Travel" };
	struct warnings w = { 0 };
	const struct source_map_told told = { warn, &w };
	struct suffix_list *list = suffix_list_open();
	struct source_map *m = source_map_new();
	char path[256], base[256], *line, *save;
	const struct source_map_row *row;
	const char *top = getenv("srcdir");
	struct err e = { 0 };
	struct buf b;
	unsigned lines = 0, lost = 0;
	size_t i;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/conf/sources.csv",
	    top != NULL ? top : "..");
	assert_int_equal(source_map_read(m, path, &told, &e), 0);
	assert_int_equal(w.count, 0);
	assert_true(source_map_count(m) >= 300);
	fixture("conf/sources.csv", &b);
	add(&b, "", 1);
	(void)strtok_r(b.data, "\n", &save);
	while ((line = strtok_r(NULL, "\n", &save)) != NULL) {
		lines++;
		line[strcspn(line, ",")] = '\0';
		if ((row = source_map_find(m, line)) == NULL)
			fail_msg("%s", line);
		if (suffix_base_domain(list, line, base, sizeof(base)) ==
			NULL ||
		    strcmp(base, line) != 0)
			lost++;
		for (i = 0; i < sizeof(types) / sizeof(*types); i++)
			if (row->type != NULL &&
			    strcmp(row->type, types[i]) == 0)
				break;
		if (i == sizeof(types) / sizeof(*types))
			fail_msg("%s has type %s", line, row->type);
	}
	assert_int_equal(lines, source_map_count(m)); /* none stands twice */
	/* a newer list of suffixes may have one as a suffix */
	assert_true(lost <= 10);
	buf_clear(&b);
	source_map_free(&m);
	suffix_list_close(&list);
}

static const char overrides[] = "# a remark\n-Cable.example\r\n"
				".hosts.example\n\ncable.example\n...-\n";

static const struct base_case {
	const char *name, *host, *base; /* NULL: none */
} base_cases[] = {
	{ "the list", "mail.x.example.co.uk", "example.co.uk" },
	{ "upper case", "MAIL.Example.COM", "example.com" },
	{ "a suffix", "co.uk", NULL },
	{ "an unknown suffix", "a.b.unknown", "b.unknown" },
	{ "a word", "localhost", NULL },
	{ "an ending with a hyphen", "1-2-3-4-cable.example", "cable.example" },
	{ "an ending with a dot", "a.b.hosts.example", "hosts.example" },
	{ "the ending alone does not fit", "hosts.example", "hosts.example" },
	{ "a later ending", "xcable.example", "cable.example" },
	{ "an ending of marks only", "a...-", NULL },
	{ "empty", "", NULL },
};

static void
base_row(void **state)
{
	const struct base_case *c = *state;
	struct base_domains *b = NULL;
	char out[64];
	struct err e = { 0 };
	struct folder f;
	const char *base;

	folder_make(&f);
	replace(f.file, overrides, sizeof(overrides) - 1);
	assert_int_equal(base_domains_open(&b, NULL, f.file, &e), 0);
	base = base_domain_of(b, c->host, out, sizeof(out));
	if (c->base == NULL)
		assert_null(base);
	else if (base == NULL || strcmp(base, c->base) != 0)
		fail_msg("%s", base != NULL ? base : "none");
	base_domains_close(&b);
	folder_clear(&f);
}

static void
a_list_in_a_file(void **state)
{
	static const char list[] = "// ===BEGIN ICANN DOMAINS===\n"
				   "com\nexample.com\n"
				   "// ===END ICANN DOMAINS===\n";
	struct base_domains *b = NULL;
	struct err e = { 0 };
	struct folder f;
	char out[64];

	(void)state;
	folder_make(&f);
	replace(f.file, list, sizeof(list) - 1);
	assert_int_equal(base_domains_open(&b, f.file, NULL, &e), 0);
	assert_string_equal(
	    base_domain_of(b, "a.b.example.com", out, sizeof(out)),
	    "b.example.com");
	base_domains_close(&b);
	replace(f.file, "", 0);
	assert_int_equal(base_domains_open(&b, f.file, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_CONF);
	assert_int_equal(base_domains_open(&b, NULL, "/nonexistent", &e), -1);
	assert_null(b);
	folder_clear(&f);
}

static const struct db_case {
	const char *name, *file, *address;
	bool is_found;
	struct ip_facts facts;
} db_cases[] = {
	{ "IPinfo Lite", "ipinfo", "192.0.2.9", true,
	    { "DE", "Example Networks", "example.net", 64500 } },
	{ "IPinfo Lite, other network", "ipinfo", "198.51.100.255", true,
	    { "FR", "Other Networks", "other.example", 64501 } },
	{ "mapped", "ipinfo", "::ffff:192.0.2.9", true,
	    { "DE", "Example Networks", "example.net", 64500 } },
	{ "not there", "ipinfo", "203.0.113.1", false, { 0 } },
	{ "IPv6, not there", "ipinfo", "2001:db8::1", false, { 0 } },
	{ "MaxMind City", "city", "192.0.2.9", true, { .country = "DE" } },
	{ "registered elsewhere is not there", "city", "198.51.100.1", true,
	    { 0 } },
	{ "MaxMind ASN", "asn", "192.0.2.9", true,
	    { NULL, "ASN Organization", NULL, 64502 } },
	{ "other types than they should be", "odd", "192.0.2.9", true, { 0 } },
};

static void
assert_text(const char *is, const char *should)
{
	if (should == NULL)
		assert_null(is);
	else if (is == NULL || strcmp(is, should) != 0)
		fail_msg("%s, not %s", is != NULL ? is : "nothing", should);
}

static void
db_row(void **state)
{
	const struct db_case *c = *state;
	struct arena *arena = arena_new();
	const char *top = getenv("srcdir");
	struct ip_db *db = NULL;
	struct ip_facts facts;
	struct err e = { 0 };
	struct address a;
	char path[256];
	uint32_t place;

	(void)snprintf(path, sizeof(path), "%s/tests/fixtures/names/%s.mmdb",
	    top != NULL ? top : "..", c->file);
	if (ip_db_open(&db, path, "/tmp", &e) < 0)
		fail_msg("%s", e.text);
	assert_true(address_parse(c->address, &a));
	place = ip_db_find(db, &a);
	assert_int_equal(place != 0, c->is_found);
	ip_db_read(db, place, arena, &facts);
	assert_text(facts.country, c->facts.country);
	assert_text(facts.as_name, c->facts.as_name);
	assert_text(facts.as_domain, c->facts.as_domain);
	assert_int_equal(facts.asn, c->facts.asn);
	ip_db_close(&db);
	arena_free(&arena);
}

/* Written over where it lies, or cut: the copy that was opened is whole. */
static void
a_database_is_overwritten(void **state)
{
	struct arena *arena = arena_new();
	struct ip_db *db = NULL;
	struct ip_facts facts;
	struct err e = { 0 };
	struct address a;
	struct folder f;
	struct buf b;

	(void)state;
	folder_make(&f);
	fixture("tests/fixtures/names/ipinfo.mmdb", &b);
	replace(f.file, b.data, b.len);
	assert_int_equal(ip_db_open(&db, f.file, f.path, &e), 0);
	assert_int_equal(truncate(f.file, 0), 0);
	assert_true(address_parse("192.0.2.1", &a));
	ip_db_read(db, ip_db_find(db, &a), arena, &facts);
	assert_text(facts.country, "DE");
	ip_db_close(&db);
	assert_int_equal(ip_db_open(&db, f.file, f.path, &e), -1);
	assert_int_equal(ip_db_open(&db, "/nonexistent", f.path, &e), -1);
	assert_null(db);
	buf_clear(&b);
	arena_free(&arena);
	folder_clear(&f);
}

/* What a process has: files of each kind in one folder. */
struct house {
	struct folder f;
	char db[96], map[96], *db_item, *map_item;
	struct conf conf;
};

static void
house_make(struct house *h)
{
	struct buf b;

	memset(h, 0, sizeof(*h));
	folder_make(&h->f);
	(void)snprintf(h->db, sizeof(h->db), "%s/db", h->f.path);
	(void)snprintf(h->map, sizeof(h->map), "%s/map", h->f.path);
	h->db_item = h->db;
	h->map_item = h->map;
	h->conf.intake.temp_path = h->f.path;
	h->conf.enrich = (struct conf_enrich){ .offline = true,
		.cache_size = 10,
		.ip_db_path = { &h->db_item, 1 },
		.source_map_path = { &h->map_item, 1 } };
	fixture("tests/fixtures/names/ipinfo.mmdb", &b);
	replace(h->db, b.data, b.len);
	buf_clear(&b);
	replace(h->map, HEAD "example.net,Example,ISP\n",
	    strlen(HEAD "example.net,Example,ISP\n"));
}

static struct source
source_of(struct enrich *en, const struct conf *conf, const char *address,
    struct enrichment **m)
{
	struct source s = { .ip_address = address };

	*m = enrich_begin(en, conf);
	enrich_source(*m, &s);
	return s;
}

/* Offline: no name of the DNS, the rest by the network's domain. */
static void
offline_by_network(void **state)
{
	static const struct {
		const char *address, *country, *name, *type, *as_domain;
		int64_t asn;
	} cases[] = {
		{ "192.0.2.7", "DE", "Example", "ISP", "example.net", 64500 },
		{ "198.51.100.7", "FR", "Other Networks", NULL, "other.example",
		    64501 },
		{ "203.0.113.7", NULL, NULL, NULL, NULL, 0 },
		{ "no address", NULL, NULL, NULL, NULL, 0 },
		{ NULL, NULL, NULL, NULL, NULL, 0 },
	};
	struct enrichment *m;
	struct enrich *en;
	struct source s;
	struct house h;
	size_t i;

	(void)state;
	house_make(&h);
	en = enrich_new(&h.conf);
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		s = source_of(en, &h.conf, cases[i].address, &m);
		assert_text(s.country, cases[i].country);
		assert_text(s.name, cases[i].name);
		assert_text(s.type, cases[i].type);
		assert_text(s.as_domain, cases[i].as_domain);
		assert_int_equal(s.asn, cases[i].asn);
		assert_null(s.reverse_dns);
		assert_null(s.base_domain);
		assert_ptr_equal(s.ip_address, cases[i].address);
		enrich_end(&m);
	}
	enrich_close(&en);
	folder_clear(&h.f);
}

/* A table of a bounded size: all are right however many there are. */
static void
more_addresses_than_fit(void **state)
{
	struct enrichment *m;
	struct enrich *en;
	struct source s;
	struct house h;
	char text[32];
	unsigned i;

	(void)state;
	house_make(&h);
	en = enrich_new(&h.conf);
	s = source_of(en, &h.conf, "192.0.2.1", &m);
	for (i = 0; i < 200000; i++) {
		(void)snprintf(text, sizeof(text), "%s%u",
		    i % 2 == 0 ? "192.0.2." : "198.51.100.", i / 2 % 256);
		s = (struct source){ .ip_address = text };
		enrich_source(m, &s);
		assert_text(s.country, i % 2 == 0 ? "DE" : "FR");
	}
	enrich_end(&m);
	enrich_close(&en);
	folder_clear(&h.f);
}

static void
wait_for_look(void)
{
	const struct timespec pause = { .tv_sec = 1, .tv_nsec = 50000000 };

	(void)nanosleep(&pause, NULL);
}

/*
 * A replaced file is picked up, one that is broken is not and is told of once,
 * and who began with the old one goes on with it.
 */
static void
files_are_replaced(void **state)
{
	struct warnings w = { 0 };
	struct enrichment *m, *old;
	struct enrich *en;
	struct source s, before;
	struct house h;
	struct buf b;

	(void)state;
	house_make(&h);
	en = enrich_new(&h.conf);
	enrich_tell(en, warn, &w);
	before = source_of(en, &h.conf, "192.0.2.1", &old);
	assert_text(before.country, "DE");
	fixture("tests/fixtures/names/ipinfo_later.mmdb", &b);
	replace(h.db, b.data, b.len);
	buf_clear(&b);
	replace(h.map, HEAD "later.example,Later,SaaS\n",
	    strlen(HEAD "later.example,Later,SaaS\n"));
	wait_for_look();
	s = source_of(en, &h.conf, "192.0.2.1", &m);
	assert_text(s.country, "AT");
	assert_text(s.name, "Later");
	assert_text(before.country, "DE");
	assert_text(before.name, "Example");
	enrich_end(&old);
	enrich_end(&m);
	assert_int_equal(w.count, 0);

	replace(h.db, "no database", 11);
	wait_for_look();
	s = source_of(en, &h.conf, "192.0.2.1", &m);
	assert_text(s.country, "AT");
	enrich_end(&m);
	wait_for_look();
	s = source_of(en, &h.conf, "192.0.2.1", &m);
	enrich_end(&m);
	assert_int_equal(w.count, 1);
	assert_non_null(strstr(w.first, h.db));
	enrich_close(&en);
	folder_clear(&h.f);
}

/* Nothing that is missing stops the rest. */
static void
files_are_missing(void **state)
{
	struct warnings w = { 0 };
	struct enrichment *m;
	struct err e = { 0 };
	struct enrich *en;
	struct source s;
	struct house h;

	(void)state;
	house_make(&h);
	assert_int_equal(unlink(h.map), 0);
	en = enrich_new(&h.conf);
	assert_int_equal(enrich_check(en, &e), -1);
	assert_non_null(strstr(e.text, h.map));
	enrich_tell(en, warn, &w);
	assert_int_equal(w.count, 1);
	s = source_of(en, &h.conf, "192.0.2.1", &m);
	assert_text(s.country, "DE");
	assert_text(s.name, "Example Networks");
	enrich_end(&m);
	enrich_close(&en);
	folder_clear(&h.f);
}

struct reader_thread {
	struct house *h;
	struct enrich *en;
	atomic_bool stop;
	atomic_uint rounds, bad;
};

static void *
read_all(void *p)
{
	struct reader_thread *t = p;
	struct enrichment *m;
	struct source s;

	while (!atomic_load(&t->stop)) {
		s = source_of(t->en, &t->h->conf, "192.0.2.1", &m);
		if (s.country == NULL || (strcmp(s.country, "DE") != 0 &&
					     strcmp(s.country, "AT") != 0))
			atomic_fetch_add(&t->bad, 1);
		enrich_end(&m);
		atomic_fetch_add(&t->rounds, 1);
	}
	return NULL;
}

static void
files_are_replaced_under_readers(void **state)
{
	static const char *const names[] = {
		"tests/fixtures/names/ipinfo_later.mmdb",
		"tests/fixtures/names/ipinfo.mmdb"
	};
	struct reader_thread t = { 0 };
	pthread_t threads[4];
	struct house h;
	struct buf b;
	size_t i;

	(void)state;
	house_make(&h);
	t.h = &h;
	t.en = enrich_new(&h.conf);
	for (i = 0; i < 4; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, read_all, &t), 0);
	for (i = 0; i < 2; i++) {
		fixture(names[i], &b);
		replace(h.db, b.data, b.len);
		buf_clear(&b);
		wait_for_look();
	}
	atomic_store(&t.stop, true);
	for (i = 0; i < 4; i++)
		(void)pthread_join(threads[i], NULL);
	assert_true(atomic_load(&t.rounds) > 0);
	assert_int_equal(atomic_load(&t.bad), 0);
	enrich_close(&t.en);
	folder_clear(&h.f);
}

int
main(void)
{
	struct unit u = { .count = 0 };

	UNIT_ROWS(&u, map_cases, map_row);
	UNIT_ONE(&u, a_cell_has_a_limit);
	UNIT_ONE(&u, a_large_table);
	UNIT_ONE(&u, our_own_table);
	UNIT_ROWS(&u, base_cases, base_row);
	UNIT_ONE(&u, a_list_in_a_file);
	UNIT_ROWS(&u, db_cases, db_row);
	UNIT_ONE(&u, a_database_is_overwritten);
	UNIT_ONE(&u, offline_by_network);
	UNIT_ONE(&u, more_addresses_than_fit);
	UNIT_ONE(&u, files_are_missing);
	UNIT_ONE(&u, files_are_replaced);
	UNIT_ONE(&u, files_are_replaced_under_readers);
	return unit_run("facts", &u);
}
