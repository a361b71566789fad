/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sheet.h - what one mail prints, until its turn: mails are read side by side,
 * but what they print stands in their order.
 */
#ifndef BASE_SHEET_H
#define BASE_SHEET_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"

#define SHEET_MAX_BYTES ((size_t)256 << 20) /* of one record, by far */

struct sheet_item {
	int kind;   /* of report: enum report_kind */
	size_t len; /* of its text */
};

/* Belongs to the thread that reads the mail, then to the one that prints it. */
struct sheet {
	struct buf text;          /* of the items, one behind the other */
	struct sheet_item *items; /* reports; owned */
	size_t count, room;
	bool has_turn; /* nothing has to wait any more */
	/* returns when all mails before this one are printed; for a report
	 * that is too large to be kept until then */
	void (*wait_turn)(void *context);
	void *context;
};

void sheet_init(
    struct sheet *s, void (*wait_turn)(void *context), void *context);
/* All text behind the items of before is one of this kind. */
void sheet_add_item(struct sheet *s, int kind);
/* What is there is printed. */
void sheet_reset(struct sheet *s);
void sheet_clear(struct sheet *s);

#endif
