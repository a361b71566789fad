/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_read.h - files that an administrator names: all of one in memory, and
 * whether one was replaced.
 */
#ifndef ENRICH_FILE_READ_H
#define ENRICH_FILE_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/* All of path into out; *e names it. */
int file_read(const char *path, struct buf *out, struct err *e);

/* Which bytes a path stood for when it was looked at. */
struct file_stamp {
	uint64_t device, inode;
	int64_t size, changed_ns; /* all 0: there is none */
};

struct file_stamp file_stamp_of(const char *path);
bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b);
/* Is somebody still writing it, as it seems? */
bool file_stamp_is_fresh(const struct file_stamp *s);

#endif
