/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.h - the mails of what a person named: files, folders, Maildirs,
 * mboxes, stdin. One after the other, in the order given.
 */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/base/spill.h"

struct mail_source;

/* paths and limits are borrowed until source_close; "-" is stdin. */
struct mail_source *source_open(
    char *const *paths, size_t count, const struct conf_limits *limits);

/*
 * The next mail, into mail (which is empty); a bare report counts as one.
 * 1: it is there. 0: the end. -1: *e; ERR_CONF says that an input cannot be
 * opened or read, ERR_LIMIT that a mail is too large and was skipped, and
 * after both the next call goes on behind it. The temporary kinds are about
 * mail's own file. *name says which mail it is about ("FILE" or "FILE#n" for
 * the n-th of an mbox) and is borrowed until the next call.
 */
int source_next(struct mail_source *s, struct spill *mail, const char **name,
    struct err *e);

/*
 * The file of the mail that source_next gave last, where it is a Maildir's:
 * FOLDER/new/NAME or FOLDER/cur/NAME. NULL elsewhere; borrowed likewise.
 */
const char *source_maildir_file(const struct mail_source *s);

/*
 * How far it is: bytes read, and bytes of the files that were named (0 when a
 * folder or stdin is among them and nobody can tell).
 */
void source_position(
    const struct mail_source *s, uint64_t *done, uint64_t *total);

/* Takes NULL; leaves NULL. */
void source_close(struct mail_source **s);

#endif
