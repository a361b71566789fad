/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash.h - remember which mail ended the process, so that it does so once:
 * the MTA brings it again, and then it is kept unread.
 *
 * A thread names its mail before it reads it. When a fatal signal hits the
 * thread, the name goes into a file, and at the next start it is known. Only
 * what the program's own version crashed on counts: an upgrade tries again.
 * SIGKILL says nothing about a mail and leaves nothing.
 */
#ifndef BASE_CRASH_H
#define BASE_CRASH_H

#include <stdbool.h>

#include "common/base/err.h"
#include "common/base/sha256.h"

struct crash; /* shared by all threads of a process; one at a time */

/*
 * Read the file (there may be none) and take over the fatal signals which
 * nobody has taken. Never fails: where the file cannot be written, nothing
 * will be remembered.
 */
struct crash *crash_open(const char *path);

/* Did this version crash on the mail of this name (SHA-256, hex)? */
bool crash_is_known(const struct crash *c, const char name[SHA256_HEX_SIZE]);

/*
 * This thread has the mail in hand, and no other, until crash_end with what is
 * returned: NULL without memory, and then it goes on unnamed.
 */
struct crash_slot *crash_begin(
    const struct crash *c, const char name[SHA256_HEX_SIZE]);
void crash_end(struct crash_slot *slot);

/*
 * This thread works on what another one has in hand, which waits meanwhile:
 * slot is what crash_in_hand said there. Returns what was in hand here, to be
 * set again afterwards. NULL stands for nothing.
 */
struct crash_slot *crash_take_over(struct crash_slot *slot);
struct crash_slot *crash_in_hand(void);

/* The signals are given back. Takes NULL; leaves NULL. */
void crash_close(struct crash **c);

#endif
