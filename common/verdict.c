/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verdict.c - what became of one mail.
 */
#include "common/verdict.h"

static const char *const names[VERDICT_COUNT] = {
	[VERDICT_STORED] = "stored",
	[VERDICT_KEPT] = "kept",
	[VERDICT_BOTH] = "stored+kept",
	[VERDICT_WAITING] = "waiting",
	[VERDICT_OTHER] = "other",
	[VERDICT_STORED_OTHER] = "stored+other",
	[VERDICT_LATER] = "later",
	[VERDICT_FULL] = "full",
	[VERDICT_LIMITED] = "limited",
};

const char *
verdict_name(enum verdict v)
{
	return names[v];
}

bool
verdict_is_final(enum verdict v)
{
	return v != VERDICT_LATER && v != VERDICT_FULL && v != VERDICT_LIMITED;
}

enum verdict
verdict_of_trouble(const struct err *e)
{
	switch (e->kind) {
	case ERR_FULL:
		return VERDICT_FULL;
	case ERR_RATE:
		return VERDICT_LIMITED;
	default:
		return VERDICT_LATER;
	}
}
