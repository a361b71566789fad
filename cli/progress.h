/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.h - a line on the terminal that says how far long work is.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdint.h>

struct progress;

/*
 * Nothing is shown in the first second, nor ever when stderr is no terminal:
 * then this returns NULL, which all functions here take.
 */
struct progress *progress_start(void);

/* total 0: unknown. */
void progress_set(
    struct progress *p, uint64_t mails, uint64_t done, uint64_t total);

/* Before something else is printed: the line is cleared, and comes back. */
void progress_hide(struct progress *p);

/* The line is as it was. Takes NULL; leaves NULL. */
void progress_stop(struct progress **p);

#endif
