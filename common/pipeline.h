/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline.h - the whole way of a mail: bytes, parts, attachments, reports,
 * records, sinks, verdict. Every transport calls pipeline_run and turns the
 * verdict into its protocol's reply; it knows nothing else.
 */
#ifndef COMMON_PIPELINE_H
#define COMMON_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/base/spill.h"
#include "common/envelope.h"
#include "common/quarantine.h"
#include "common/verdict.h"

struct pipeline; /* shared by all threads of a process */

/* What a mail was the first to find out about the sinks, for the log. */
enum outcome_turn {
	TURN_NONE,
	TURN_AWAY, /* one of them takes nothing now; o->away says which */
	TURN_BACK, /* they take records again */
};

/* What became of one mail, for the log line and the reply. */
struct outcome {
	enum verdict verdict;
	struct err why;   /* ERR_NONE when all is well */
	uint64_t reports; /* read */
	bool has_aggregate, has_failure, has_tls; /* of these kinds */
	uint64_t stored;                          /* records, new */
	uint64_t duplicates; /* records that were there already */
	uint64_t unreadable; /* records that could not be read */
	uint64_t partial;  /* records of reports that parsedmarc has in part */
	bool is_forwarded; /* not kept apart: another server has it */
	enum outcome_turn turn;
	struct err away;      /* the sink's trouble, whenever it has one */
	uint64_t put_off;     /* TURN_BACK: mails since TURN_AWAY */
	int64_t away_ms;      /* likewise */
	char message_id[256]; /* strangers' text: escape it before logging */
	char org_name[256];   /* of the first report */
	char domain[256];     /* its policy domain */
};

/*
 * What a daemon needs: the configured sinks (required, all of them), the
 * quarantine, temporary files. Holds conf by conf_ref. Works with sinks away.
 */
int pipeline_open(struct pipeline **p, struct conf *conf, struct err *e);

/*
 * The quarantine is for waiting mails only: what cannot be read, or is no
 * report, stays with the caller, unless it was waiting before.
 */
int pipeline_open_waiting(
    struct pipeline **p, struct conf *conf, struct err *e);

/* The configured sinks but no quarantine: the input stays where it is. */
int pipeline_open_ingest(struct pipeline **p, struct conf *conf, struct err *e);

/* Let no mail crash the program twice: pipeline_open does that too. */
void pipeline_guard(struct pipeline *p);

/* No sink, no quarantine: all reports go to out in this format. */
int pipeline_open_print(struct pipeline **p, struct conf *conf,
    const char *format, FILE *out, struct err *e);

/*
 * Who is told, now and later, what is wrong with the files that names come
 * from. Nothing of it fails a mail. Before other threads come.
 */
void pipeline_tell(struct pipeline *p,
    void (*warn)(void *context, const char *text), void *context);

/* After a reload: later mails use conf (held by conf_ref). */
void pipeline_set_conf(struct pipeline *p, struct conf *conf);
/* The newest conf, held for the caller: conf_free. */
struct conf *pipeline_hold_conf(struct pipeline *p);

/* A place for the bytes of one mail; spill_clear it after pipeline_run. */
void pipeline_mail_init(struct pipeline *p, struct spill *mail);

/*
 * Take one mail all the way. mail is not finished yet or is: both do. d is
 * moved on by progress. Never fails: *o says what became of it, and a final
 * verdict means that the sender may forget the mail.
 */
void pipeline_run(struct pipeline *p, const struct envelope *env,
    struct spill *mail, struct deadline *d, struct outcome *o);

/*
 * Keep a mail unread (larger than the limit): quarantine and verdict as
 * pipeline_run gives them.
 */
void pipeline_keep(struct pipeline *p, const struct envelope *env,
    struct spill *mail, const struct err *why, struct outcome *o);

/* Which mails of the quarantine to try again, and how. */
struct pipeline_again {
	bool kept, waiting, other; /* classes */
	/* only those whose name (SHA-256, hex) starts so; NULL: all */
	const char *name;
	/* QUARANTINE_NAME_SIZE bytes: begin behind this one, and note there
	 * the last one that could be brought nowhere; NULL: at the oldest */
	char *behind;
	_Atomic bool *stop; /* foreign; NULL: never */
	/* After each: has it left its place (where it would, in a dry run)? */
	void (*told)(void *context, const struct quarantine_item *item,
	    const struct outcome *o, bool has_left);
	void *context;
};
struct pipeline_again_count {
	uint64_t tried, left, stayed;
	uint64_t busy; /* somebody else had them in hand: not tried */
};

/*
 * Try mails of the quarantine again, class by class, oldest first. A mail
 * leaves its place when it is stored, forwarded, or kept elsewhere now. 0, or
 * -1 and *e when one could not be brought anywhere for now: after several in a
 * row the sink is taken to be away, and the rest of their class is untried.
 */
int pipeline_again(struct pipeline *p, const struct pipeline_again *how,
    struct pipeline_again_count *n, struct err *e);

/*
 * Try the waiting mails again, as pipeline_again does, until *stop is set, and
 * call log_done for each that left. Of one thread: the next call goes on behind
 * the mail that this one ended with.
 */
int pipeline_replay(struct pipeline *p, _Atomic bool *stop,
    void (*log_done)(const struct envelope *env, const struct outcome *o),
    struct pipeline_again_count *n, struct err *e);

/* The quarantine, and nothing that is stored, kept or sent: a dry run. */
int pipeline_open_dry(struct pipeline **p, struct conf *conf, struct err *e);

/* Nothing at all that is stored, kept or sent: what would become of mails. */
int pipeline_open_test(struct pipeline **p, struct conf *conf, struct err *e);

/* Remove the mails that were kept for [quarantine] max_age. */
int pipeline_expire(struct pipeline *p, uint64_t *removed, struct err *e);

/* For the daily line and for check: mails in the quarantine by class. */
struct pipeline_backlog {
	uint64_t kept, waiting, other;
	int64_t oldest_kept, oldest_waiting, oldest_other; /* 0: none */
};
int pipeline_backlog(
    struct pipeline *p, struct pipeline_backlog *b, struct err *e);

/*
 * Ask the servers behind the sinks whether what will be written is safe
 * there. Calls told for each that is not so, or gives no answer. Returns how
 * many gave none.
 */
int pipeline_look(
    struct pipeline *p, void (*told)(const char *what, const struct err *e));

/*
 * Ask sinks, quarantine and temporary folder whether they can be written.
 * Calls told for each with its name and NULL or what is wrong. Returns how
 * many are in trouble.
 */
int pipeline_check(
    struct pipeline *p, void (*told)(const char *what, const struct err *e));

/*
 * What a mail has left on its sheet is printed: in the order of the mails, by
 * one thread at a time. -1 and *e: the output fails.
 */
int pipeline_print(struct pipeline *p, struct sheet *sheet, struct err *e);

/* Writes what ends a printed output. -1 and *e when that fails. */
int pipeline_finish(struct pipeline *p, struct err *e);

/* Takes NULL; leaves NULL. */
void pipeline_close(struct pipeline **p);

#endif
