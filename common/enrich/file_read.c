/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_read.c - files that an administrator names.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/enrich/file_read.h"

#define PIECE_BYTES ((size_t)64 << 10)
#define FRESH_S 2 /* nobody pauses so long while writing a file */

int
file_read(const char *path, struct buf *out, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;
	char *to;

	if (fd < 0)
		return err_set_errno(e, "%s", path);
	do {
		out->len += (size_t)n;
		if ((to = buf_reserve(out, PIECE_BYTES, e)) == NULL) {
			(void)close(fd);
			return err_add(e, "%s", path);
		}
		n = read(fd, to, PIECE_BYTES);
	} while (n > 0 || (n < 0 && errno == EINTR && (n = 0) == 0));
	if (n < 0)
		err_set_errno(e, "%s", path);
	(void)close(fd);
	return n < 0 ? -1 : 0;
}

struct file_stamp
file_stamp_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return (struct file_stamp){ 0 };
	return (struct file_stamp){ .device = (uint64_t)st.st_dev,
		.inode = (uint64_t)st.st_ino,
		.size = (int64_t)st.st_size,
		.changed_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 +
			      st.st_mtim.tv_nsec };
}

bool
file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->device == b->device && a->inode == b->inode &&
	       a->size == b->size && a->changed_ns == b->changed_ns;
}

bool
file_stamp_is_fresh(const struct file_stamp *s)
{
	int64_t age_s = clock_now() - s->changed_ns / 1000000000;

	return s->changed_ns != 0 && age_s >= 0 && age_s < FRESH_S;
}
