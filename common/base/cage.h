/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cage.h - what a daemon gives up when it has started, for good: it starts no
 * program, writes below its own folders only, and leaves no core dump.
 */
#ifndef BASE_CAGE_H
#define BASE_CAGE_H

#include <stdbool.h>

#include "common/base/conf.h"

struct cage_state {
	bool is_whole;  /* all that was asked for is active */
	char text[256]; /* what is, and why the rest is not */
};

/*
 * Close the cage around this thread and all that it starts later, so call it
 * before the first one, and after the rights of root are given up. listen is
 * where the daemon's socket lies, as in the configuration; NULL: it has none.
 * The folders that are written are made here when they are not there. What
 * this system cannot do is left out and told.
 */
void cage_close(
    const struct conf *conf, const char *listen, struct cage_state *state);

#endif
