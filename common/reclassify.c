/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reclassify.c - what is stored, classified by the files and the DNS of now.
 * in: sources out of a sink    out: the same, back into it
 */
#include "common/enrich/enrich.h"
#include "common/reclassify.h"
#include "common/sink/again.h"

struct run {
	const struct reclassify *how;
	const struct conf *conf;
	struct enrichment *names;
	struct reclassify_count *sum;   /* of all sinks */
	struct reclassify_count before; /* of the sinks that are done */
};

/* A batch of sources, as stored: ask for what has no name, then see all. */
static void
classify(void *context, struct source *sources, size_t count)
{
	struct run *r = context;
	size_t i;

	enrich_forget(r->names);
	for (i = 0; i < count && r->how->missing; i++)
		if (sources[i].reverse_dns == NULL)
			enrich_ask(r->names, sources[i].ip_address);
	enrich_wait(r->names, r->conf->enrich.budget_s * 1000);
	for (i = 0; i < count; i++)
		enrich_again(r->names, &sources[i]);
}

static void
told(void *context, const struct again_count *n)
{
	struct run *r = context;

	r->sum->seen = r->before.seen + n->seen;
	r->sum->changed = r->before.changed + n->changed;
	r->sum->passed = r->before.passed + n->passed;
	r->how->told(r->how->context, r->sum);
}

static int
run_sinks(struct run *r, struct err *e)
{
	const struct {
		bool is_on;
		int (*run)(const struct conf *conf, const struct again *how,
		    struct err *e);
	} sinks[] = {
		{ r->conf->sqlite.on, sqlite_again },
		{ r->conf->elasticsearch.on, elastic_again },
	};
	struct again_count count;
	const struct again how = { .only_missing = r->how->missing,
		.is_dry = r->how->is_dry,
		.classify = classify,
		.told = told,
		.context = r,
		.count = &count };
	size_t i;

	for (i = 0; i < sizeof(sinks) / sizeof(*sinks); i++) {
		if (!sinks[i].is_on)
			continue;
		count = (struct again_count){ 0 };
		r->before = *r->sum;
		if (sinks[i].run(r->conf, &how, e) < 0)
			return -1;
	}
	return 0;
}

int
reclassify_run(const struct conf *conf, const struct reclassify *how,
    struct reclassify_count *n, struct err *e)
{
	struct run r = { .how = how, .conf = conf, .sum = n };
	struct enrich *en;
	int rc;

	*n = (struct reclassify_count){ 0 };
	if (!conf->sqlite.on && !conf->elasticsearch.on)
		return err_set(e, ERR_CONF,
		    "neither SQLite nor Elasticsearch is configured");
	if (how->missing && conf->enrich.offline)
		return err_set(e, ERR_CONF,
		    "[enrich] offline is on, and names are to be asked for");
	en = enrich_new(conf);
	enrich_tell(en, how->warn, how->context);
	r.names = enrich_begin(en, conf);
	if (!how->missing)
		enrich_stay_offline(r.names);
	rc = run_sinks(&r, e);
	enrich_end(&r.names);
	enrich_close(&en);
	return rc;
}
