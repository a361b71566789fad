/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - seconds UTC since the epoch, and deadlines on a clock that
 * nobody sets. No function here looks at the time zone.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_DAY_S 86400
#define CLOCK_TEXT_SIZE 32 /* room for every text made here */

/*
 * When to give up. The hard end never moves; the progress end moves on with
 * each deadline_progress(). 0 means "never" for each.
 */
struct deadline {
	int64_t hard_ms;     /* monotonic */
	int64_t progress_ms; /* monotonic */
	int64_t budget_ms;   /* what one progress is worth */
};

int64_t clock_now(void);     /* seconds UTC */
int64_t clock_mono_ms(void); /* milliseconds, monotonic */

/* "2023-11-14T22:13:20+00:00"; years outside 0..9999 are clamped. */
void clock_iso(int64_t at, char text[CLOCK_TEXT_SIZE]);
/* "2023-11-14 22:13:20" */
void clock_plain(int64_t at, char text[CLOCK_TEXT_SIZE]);
/* "2023-11-14" */
void clock_date(int64_t at, char text[CLOCK_TEXT_SIZE]);
/* Days since 1970-01-01, rounded down for times before it too. */
int64_t clock_day(int64_t at);

/* hard_ms and budget_ms from now on; 0 = never. */
void deadline_start(struct deadline *d, int64_t hard_ms, int64_t budget_ms);
/* A batch was acknowledged: the budget starts anew. */
void deadline_progress(struct deadline *d);
/* Milliseconds to the nearer end, 0 when it has passed, capped at max_ms. */
int64_t deadline_left_ms(const struct deadline *d, int64_t max_ms);
bool deadline_is_over(const struct deadline *d);
/* Has the hard end passed (and not only the progress end)? */
bool deadline_is_hard_over(const struct deadline *d);

#endif
