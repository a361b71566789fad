/* SPDX-License-Identifier: Apache-2.0 */
/*
 * facts.c - what the files of an administrator tell of a host.
 *
 * A reading of all files is made whole, then it takes the place of the one of
 * before, which lives on while a message holds it. A file that cannot be read
 * is told of once; what it told before stays.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/enrich/facts.h"
#include "common/enrich/file_read.h"

#define LOOK_MS 1000 /* between two looks at the files */
#define FILES_MAX (2 * CONF_ENRICH_FILES_MAX + 2)
#define OWN_MAP INTAKE_DATADIR "/sources.csv"

struct facts_store {
	const struct conf *conf; /* foreign */
	struct source_map_told told;
	const char *paths[FILES_MAX]; /* foreign; all files that are read */
	size_t path_count;

	pthread_mutex_t lock;
	pthread_cond_t is_read;
	struct facts *now; /* NULL: nothing was read yet */
	struct file_stamp stamps[FILES_MAX];
	int64_t looked_ms; /* 0: never */
	bool is_reading;   /* one thread does, the others use what is there */
};

static void
nobody(void *context, const char *text)
{
	(void)context;
	(void)text;
}

static void
add_path(struct facts_store *s, const char *path)
{
	if (path != NULL && s->path_count < FILES_MAX)
		s->paths[s->path_count++] = path;
}

struct facts_store *
facts_store_new(const struct conf *conf)
{
	const struct conf_enrich *c = &conf->enrich;
	struct facts_store *s = xcalloc(1, sizeof(*s));
	size_t i;

	s->conf = conf;
	s->told.warn = nobody;
	for (i = 0; i < c->ip_db_path.count; i++)
		add_path(s, c->ip_db_path.item[i]);
	for (i = 0; i < c->source_map_path.count; i++)
		add_path(s, c->source_map_path.item[i]);
	add_path(s, c->psl_path);
	add_path(s, c->psl_overrides_path);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->is_read, NULL);
	return s;
}

void
facts_store_tell(struct facts_store *s, const struct source_map_told *told)
{
	s->told = *told;
}

static void
facts_free(struct facts *f)
{
	size_t i;

	base_domains_close(&f->domains);
	source_map_free(&f->map);
	for (i = 0; i < f->db_count; i++)
		ip_db_close(&f->dbs[i]);
	free(f);
}

/* What could not be read: the first of it in *e, and somebody is told all. */
struct reading {
	struct facts_store *store;
	struct err *first;
	bool failed;
};

static void
note_trouble(struct reading *r, const struct err *e)
{
	r->store->told.warn(r->store->told.context, e->text);
	if (!r->failed)
		*r->first = *e;
	r->failed = true;
}

static void
read_maps(struct reading *r, struct facts *f)
{
	const struct conf_list *paths = &r->store->conf->enrich.source_map_path;
	struct err e;
	size_t i;

	f->map = source_map_new();
	for (i = 0; i < paths->count; i++)
		if (source_map_read(
			f->map, paths->item[i], &r->store->told, &e) < 0)
			note_trouble(r, &e);
	if (paths->count == 0 && access(OWN_MAP, R_OK) == 0 &&
	    source_map_read(f->map, OWN_MAP, &r->store->told, &e) < 0)
		note_trouble(r, &e);
}

static void
read_dbs(struct reading *r, struct facts *f)
{
	const struct conf *conf = r->store->conf;
	const struct conf_list *paths = &conf->enrich.ip_db_path;
	struct err e;
	size_t i;

	for (i = 0; i < paths->count; i++)
		if (ip_db_open(&f->dbs[f->db_count], paths->item[i],
			conf->intake.temp_path, &e) < 0)
			note_trouble(r, &e);
		else
			f->db_count++;
}

/* What reads; -1 and *first when something does not. */
static int
facts_read(struct facts_store *s, struct facts **facts, struct err *first)
{
	const struct conf_enrich *c = &s->conf->enrich;
	struct reading r = { .store = s, .first = first };
	struct facts *f = xcalloc(1, sizeof(*f));
	struct err e;

	f->holders = 1;
	if (base_domains_open(
		&f->domains, c->psl_path, c->psl_overrides_path, &e) < 0) {
		note_trouble(&r, &e);
		(void)base_domains_open(&f->domains, NULL, NULL, &e);
	}
	read_maps(&r, f);
	read_dbs(&r, f);
	*facts = f;
	return r.failed ? -1 : 0;
}

/* Is there something new to read, all of it written? */
static bool
has_changed(struct facts_store *s, struct file_stamp stamps[FILES_MAX])
{
	bool is_other = s->looked_ms == 0;
	size_t i;

	for (i = 0; i < s->path_count; i++) {
		stamps[i] = file_stamp_of(s->paths[i]);
		if (file_stamp_equal(&stamps[i], &s->stamps[i]))
			continue;
		if (s->now != NULL && file_stamp_is_fresh(&stamps[i]))
			return false; /* at the next look */
		is_other = true;
	}
	return is_other;
}

/* Under the lock, which is given back while files are read. */
static void
look(struct facts_store *s)
{
	struct file_stamp stamps[FILES_MAX];
	struct facts *next, *before = NULL;
	struct err e;
	int rc;

	if (!has_changed(s, stamps)) {
		s->looked_ms = clock_mono_ms();
		return;
	}
	memcpy(s->stamps, stamps, sizeof(s->stamps));
	s->is_reading = true;
	pthread_mutex_unlock(&s->lock);
	rc = facts_read(s, &next, &e);
	pthread_mutex_lock(&s->lock);
	s->is_reading = false;
	s->looked_ms = clock_mono_ms();
	if (rc == 0 || s->now == NULL) {
		before = s->now;
		s->now = next;
	} else {
		before = next; /* what there was is better */
	}
	if (before != NULL && --before->holders == 0)
		facts_free(before);
	pthread_cond_broadcast(&s->is_read);
}

struct facts *
facts_hold(struct facts_store *s)
{
	struct facts *f;

	pthread_mutex_lock(&s->lock);
	if (!s->is_reading &&
	    (s->looked_ms == 0 || clock_mono_ms() >= s->looked_ms + LOOK_MS))
		look(s);
	while (s->now == NULL) /* another thread is the first to read */
		pthread_cond_wait(&s->is_read, &s->lock);
	f = s->now;
	f->holders++;
	pthread_mutex_unlock(&s->lock);
	return f;
}

void
facts_drop(struct facts_store *s, struct facts **f)
{
	bool is_last;

	if (*f == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	is_last = --(*f)->holders == 0;
	pthread_mutex_unlock(&s->lock);
	if (is_last)
		facts_free(*f);
	*f = NULL;
}

int
facts_check(struct facts_store *s, struct err *e)
{
	struct facts *f;
	int rc = facts_read(s, &f, e);

	facts_free(f);
	return rc;
}

void
facts_store_close(struct facts_store **s)
{
	if (*s == NULL)
		return;
	facts_drop(*s, &(*s)->now);
	pthread_cond_destroy(&(*s)->is_read);
	pthread_mutex_destroy(&(*s)->lock);
	free(*s);
	*s = NULL;
}
