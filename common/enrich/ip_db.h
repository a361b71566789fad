/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ip_db.h - country and autonomous system of an address, out of an MMDB file:
 * IPinfo Lite, MaxMind GeoLite2 (Country, City, ASN), DB-IP.
 */
#ifndef ENRICH_IP_DB_H
#define ENRICH_IP_DB_H

#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/enrich/address.h"

struct ip_db; /* many threads may read one */

struct ip_facts {
	const char *country, *as_name, *as_domain; /* NULL: unknown */
	int64_t asn;                               /* 0: unknown */
};

/*
 * A copy of the file is opened, in the folder temp_path, so that the file may
 * be overwritten where it lies; without such a folder the file itself.
 */
int ip_db_open(
    struct ip_db **db, const char *path, const char *temp_path, struct err *e);
/*
 * Where the facts of an address lie in the file: many addresses share a place.
 * 0: nothing is known of it.
 */
uint32_t ip_db_find(const struct ip_db *db, const struct address *a);
/* Read them there; text goes to arena. */
void ip_db_read(const struct ip_db *db, uint32_t place, struct arena *arena,
    struct ip_facts *f);
/* Takes NULL; leaves NULL. */
void ip_db_close(struct ip_db **db);

#endif
