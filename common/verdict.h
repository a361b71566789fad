/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verdict.h - what became of one mail; each transport turns it into its
 * protocol's reply (design: the verdict table).
 */
#ifndef COMMON_VERDICT_H
#define COMMON_VERDICT_H

#include <stdbool.h>

#include "common/base/err.h"

enum verdict {
	VERDICT_STORED,  /* every record is durable in every required sink */
	VERDICT_KEPT,    /* unreadable or refused: durable in the quarantine */
	VERDICT_BOTH,    /* what reads is stored, and the mail is kept too */
	VERDICT_WAITING, /* held too long: kept, replayed when the sink is back
			  */
	VERDICT_OTHER, /* not a report: durable apart, or left to the caller */
	/* a report inside a person's own words: stored, and also as other */
	VERDICT_STORED_OTHER,
	VERDICT_LATER,   /* nothing acknowledged: sink away, no progress */
	VERDICT_FULL,    /* nothing acknowledged: no space */
	VERDICT_LIMITED, /* nothing acknowledged: too many of this sender */
	VERDICT_COUNT
};

/*
 * "stored", "kept", "stored+kept", "waiting", "other", "stored+other",
 * "later", "full", "limited"
 */
const char *verdict_name(enum verdict v);

/* May the sender forget the mail? False for LATER, FULL, LIMITED only. */
bool verdict_is_final(enum verdict v);

/* LATER, FULL or LIMITED, by what went wrong. */
enum verdict verdict_of_trouble(const struct err *e);

#endif
