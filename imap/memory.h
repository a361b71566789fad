/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h - which mails of a mailbox were judged, kept over restarts in a
 * small file of the state folder. It says: all below a UID, but not these few.
 */
#ifndef IMAP_MEMORY_H
#define IMAP_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/conf.h"
#include "common/base/err.h"

/* Mails that wait for a sink; with more of them no new one is looked at. */
#define IMAP_LATER_MAX 400

struct imap_memory {
	uint32_t uidvalidity;           /* 0: nothing is remembered */
	uint32_t next;                  /* every mail below it was judged, */
	uint32_t later[IMAP_LATER_MAX]; /* but these are to be tried again */
	size_t later_count;

	/* memory.c's own */
	char *path;  /* NULL: it has no file */
	char *about; /* whose it is, for people */
	int lock_fd;
};

/*
 * Read what is remembered of this folder. -1 and *e: ERR_TEMP while another
 * process reads the same one.
 */
int imap_memory_open(struct imap_memory **m, const char *state_path,
    const struct conf_imap *account, const char *folder, struct err *e);

/* Of nothing, and never written down: for --test. */
struct imap_memory *imap_memory_blank(void);

/*
 * The mailbox has this UIDVALIDITY now: forget all if it is another one (RFC
 * 9051, 2.3.1.1).
 */
void imap_memory_begin(struct imap_memory *m, uint32_t uidvalidity);

bool imap_memory_is_later(const struct imap_memory *m, uint32_t uid);

/* Durable when 0 returns. */
int imap_memory_save(const struct imap_memory *m, struct err *e);

/* Takes NULL; leaves NULL. */
void imap_memory_close(struct imap_memory **m);

#endif
