/* SPDX-License-Identifier: Apache-2.0 */
/*
 * action.h - what the MTA shall do with a mail, and what its header says.
 * Pure: nothing here knows libmilter.
 */
#ifndef MILTER_ACTION_H
#define MILTER_ACTION_H

#include "common/base/conf.h"
#include "common/pipeline.h"

#define MILTER_FIELD "X-DMARC-Intake"
#define MILTER_FIELD_SIZE 400

enum milter_action {
	MILTER_PASS,       /* untouched */
	MILTER_ACCEPT,     /* with the header */
	MILTER_DISCARD,    /* nobody gets it */
	MILTER_REMOVE,     /* our recipients are removed, the others get it */
	MILTER_QUARANTINE, /* the MTA holds it, with the header */
	MILTER_TEMPFAIL,   /* the sender tries again */
	MILTER_ACTION_COUNT
};

/* Whose mail is it? */
enum milter_share {
	MILTER_OURS,   /* no other recipient */
	MILTER_MIXED,  /* other people too */
	MILTER_OTHERS, /* nobody of ours: it was found by its content */
	MILTER_SHARE_COUNT
};

enum milter_action milter_action_of(
    enum verdict v, const struct conf_milter *conf, enum milter_share share);

/* "discard", for the log */
const char *milter_action_name(enum milter_action a);

/* The value of the header: one line of printable ASCII. Returns text. */
const char *milter_field_of(
    const struct outcome *o, char text[MILTER_FIELD_SIZE]);

#endif
