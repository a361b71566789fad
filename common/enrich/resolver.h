/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolver.h - names of addresses, out of the DNS and a cache that all mails
 * of a process share. One thread, started at the first question, asks; who
 * wants names waits for them no longer than its budget, and what is late is in
 * the cache for the next one.
 */
#ifndef ENRICH_RESOLVER_H
#define ENRICH_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/conf.h"
#include "common/enrich/address.h"
#include "common/enrich/resolver_answer.h"

struct resolver; /* shared by all threads */
struct ask;      /* the addresses of one message; belongs to one thread */

/* conf is borrowed until resolver_close. */
struct resolver *resolver_new(const struct conf_enrich *conf);

struct ask *ask_new(struct resolver *r);
/*
 * Have this address asked for, unless its name is known or on its way. Does
 * not wait. An address that finds no room in the cache stays without a name.
 */
void ask_add(struct ask *ask, const struct address *a);
/*
 * Until all is known or left_ms is over. Returns how long it took. What is
 * still missing is asked for behind what others wait for.
 */
int64_t ask_wait(struct ask *ask, int64_t left_ms);
/* Takes NULL; leaves NULL. */
void ask_free(struct ask **ask);

/*
 * What is known of an address now: true with its name, and whether that leads
 * back to the address (1, 0, or -1 where that is not known).
 */
bool resolver_name_of(struct resolver *r, const struct address *a,
    char name[ANSWER_NAME_SIZE], int *confirmed);

/* For tests and the log. */
struct resolver_count {
	uint64_t asked, answered; /* queries, with those for confirmation */
	uint64_t cached;          /* addresses in the cache */
	bool is_dead;             /* nobody answers at present */
};
void resolver_count(struct resolver *r, struct resolver_count *n);

/* No ask of it is left. Takes NULL; leaves NULL. */
void resolver_close(struct resolver **r);

#endif
