/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrich.h - names instead of numbers: whose host is behind an address. The
 * stage between reports and sinks. It does what it can inside a time budget
 * and cannot fail; what it does not know stays empty. No id depends on it.
 */
#ifndef ENRICH_ENRICH_H
#define ENRICH_ENRICH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/clock.h"
#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/report/report.h"

struct enrich;     /* resolver and files; shared by all threads */
struct enrichment; /* of one message; belongs to one thread */

/* conf is borrowed until enrich_close. */
struct enrich *enrich_new(const struct conf *conf);

/* Who is told what is wrong with a file; it is read right now. */
void enrich_tell(struct enrich *en,
    void (*warn)(void *context, const char *text), void *context);

/* Is every file readable? -1 and *e, the first that is not. */
int enrich_check(struct enrich *en, struct err *e);

/* conf is that of now: what a reload can change. Borrowed until enrich_end. */
struct enrichment *enrich_begin(struct enrich *en, const struct conf *conf);

/*
 * A report that was read and whose records were not taken yet: names of all
 * its addresses are asked for side by side, no longer than what is left of the
 * message's budget and of d. A failure or TLS report has its sources filled
 * when this returns.
 */
void enrich_report(
    struct enrichment *m, struct report_reader *rr, const struct deadline *d);

/* The source of a record; text lives until the next call. */
void enrich_record(struct enrichment *m, struct record *rec);

/*
 * For what is stored already (reclassify), batch by batch: enrich_forget, then
 * ask for what has no name, wait, and see each again. Text lives until the
 * next enrich_forget. Nobody is asked after enrich_stay_offline.
 */
void enrich_stay_offline(struct enrichment *m);
void enrich_forget(struct enrichment *m);
void enrich_ask(struct enrichment *m, const char *address);
void enrich_wait(struct enrichment *m, int64_t budget_ms);
/*
 * What the files say of s now. The name in the DNS stays where there is one,
 * and what no file is there for stays too.
 */
void enrich_again(struct enrichment *m, struct source *s);

/* The source of one address. Text lives until the next call. */
void enrich_source(struct enrichment *m, struct source *s);

/* Takes NULL; leaves NULL. */
void enrich_end(struct enrichment **m);

/* No enrichment of it is left. Takes NULL; leaves NULL. */
void enrich_close(struct enrich **en);

#endif
