/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attachment_zip.c - the members of a zip attachment as streams, by
 * libarchive. Its zip reader and no filter: the other filters may start
 * programs.
 * in: a part    out: what was packed, member by member
 */
#include <errno.h>
#include <archive.h>
#include <archive_entry.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/message/attachment.h"

#define WINDOW_BYTES (64 * 1024)

struct zip {
	struct reader member; /* what zip_next gives out */
	struct archive *archive;
	struct spill spill;           /* libarchive wants to seek */
	uint64_t at;                  /* of the spill */
	struct unpack_budget *budget; /* foreign */
	uint64_t out;                 /* bytes out of this zip */
	bool is_over;                 /* nothing behind this can be found */
	struct err io;                /* what went wrong below libarchive */
	char name[256];
	char window[WINDOW_BYTES];
};

bool
attachment_is_zip(const char *p, size_t len)
{
	return len >= 4 && memcmp(p, "PK\3\4", 4) == 0;
}

static la_ssize_t
on_read(struct archive *a, void *context, const void **p)
{
	struct zip *z = context;
	ssize_t n =
	    spill_read(&z->spill, z->at, z->window, sizeof(z->window), &z->io);

	if (n < 0) {
		archive_set_error(a, EIO, "%s", z->io.text);
		return ARCHIVE_FATAL;
	}
	z->at += (uint64_t)n;
	*p = z->window;
	return n;
}

static la_int64_t
on_seek(struct archive *a, void *context, la_int64_t offset, int whence)
{
	struct zip *z = context;
	int64_t size = (int64_t)spill_size(&z->spill);
	int64_t base = whence == SEEK_SET   ? 0
		       : whence == SEEK_CUR ? (int64_t)z->at
					    : size;

	if (offset < -base || offset > size - base) {
		archive_set_error(a, EIO, "seek past the end");
		return ARCHIVE_FATAL;
	}
	z->at = (uint64_t)(base + offset);
	return (la_int64_t)z->at;
}

static int
zip_fail(struct zip *z, struct err *e)
{
	const char *why = archive_error_string(z->archive);

	if (z->io.kind != ERR_NONE) {
		*e = z->io;
		return err_add(e, "zip");
	}
	return err_set(
	    e, ERR_MALFORMED, "zip: %s", why != NULL ? why : "broken");
}

static ssize_t
member_read(struct reader *r, void *p, size_t len, struct err *e)
{
	struct zip *z = (struct zip *)r;
	la_ssize_t n = archive_read_data(z->archive, p, len);

	if (n < 0)
		return zip_fail(z, e);
	z->out += (uint64_t)n;
	if (unpack_count(
		z->budget, (size_t)n, spill_size(&z->spill), z->out, e) < 0)
		return err_add(e, "zip");
	return n;
}

static void
member_close(struct reader *r)
{
	(void)r; /* the zip owns it */
}

int
zip_open(struct zip **z, struct reader *packed, struct unpack_budget *budget,
    struct spill_pool *pool, struct err *e)
{
	struct zip *zip = xmalloc(sizeof(*zip));

	memset(zip, 0, offsetof(struct zip, window));
	zip->member.read = member_read;
	zip->member.close = member_close;
	zip->budget = budget;
	spill_init(&zip->spill, pool, (size_t)budget->limits->message_memory);
	if (spill_fill(&zip->spill, packed, e) < 0)
		goto fail;
	if ((zip->archive = archive_read_new()) == NULL)
		abort(); /* out of memory */
	archive_read_support_format_zip(zip->archive);
	archive_read_support_filter_none(zip->archive);
	archive_read_set_read_callback(zip->archive, on_read);
	archive_read_set_seek_callback(zip->archive, on_seek);
	archive_read_set_callback_data(zip->archive, zip);
	if (archive_read_open1(zip->archive) != ARCHIVE_OK) {
		zip_fail(zip, e);
		goto fail;
	}
	*z = zip;
	return 0;
fail:
	zip_close(&zip);
	return -1;
}

/*
 * libarchive tells the method only in the name of the format. PPMd and LZMA
 * want memory as their headers please, hundreds of MiB: they are not opened.
 */
static int
check_method(struct zip *z, struct err *e)
{
	static const char *const methods[] = { "(uncompressed)", "(deflation)",
		"(bzip)" };
	const char *format = archive_format_name(z->archive);
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (format != NULL && strstr(format, methods[i]) != NULL)
			return 0;
	return err_set(e, ERR_MALFORMED, "zip: cannot open %s",
	    format != NULL ? format : "this method");
}

/* Folders, and what macOS packs beside the file that was meant. */
static bool
is_no_file(struct archive_entry *entry, const char *name)
{
	return archive_entry_filetype(entry) != AE_IFREG ||
	       strncmp(name, "__MACOSX/", 9) == 0;
}

int
zip_next(
    struct zip *z, struct reader **member, const char **name, struct err *e)
{
	struct archive_entry *entry;
	const char *path;
	int rc;

	if (z->is_over)
		return 0;
	do {
		rc = archive_read_next_header(z->archive, &entry);
		if (rc == ARCHIVE_EOF)
			return 0;
		z->is_over = true; /* unless it can be read on */
		if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
			return zip_fail(z, e);
		if (++z->budget->members > z->budget->limits->members)
			return err_set(e, ERR_LIMIT,
			    "zip: more than %" PRIu64 " members",
			    z->budget->limits->members);
		path = archive_entry_pathname_utf8(entry);
		(void)snprintf(z->name, sizeof(z->name), "%s",
		    path != NULL ? path : "member");
	} while (is_no_file(entry, z->name));
	z->is_over = false;
	if (archive_entry_is_encrypted(entry))
		return err_set(
		    e, ERR_MALFORMED, "zip: %s is encrypted", z->name);
	if (check_method(z, e) < 0)
		return err_add(e, "%s", z->name);
	*member = &z->member;
	*name = z->name;
	return 1;
}

void
zip_close(struct zip **z)
{
	if (*z == NULL)
		return;
	if ((*z)->archive != NULL)
		(void)archive_read_free((*z)->archive);
	spill_clear(&(*z)->spill);
	free(*z);
	*z = NULL;
}
