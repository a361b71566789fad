/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attachment.h - packed attachments as streams: what message.c, layer.c and
 * attachment*.c share. For common/message only.
 */
#ifndef MESSAGE_ATTACHMENT_H
#define MESSAGE_ATTACHMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/base/reader.h"
#include "common/base/spill.h"

/* What unpacking may cost; one for a whole message. */
struct unpack_budget {
	const struct conf_limits *limits; /* foreign */
	uint64_t unpacked;                /* bytes so far, all layers */
	uint64_t packed;  /* bytes of the message; 0: not known */
	uint64_t members; /* of all zips so far */
};

/*
 * Count len more bytes out of a layer that has read in and written out bytes
 * so far. -1 and ERR_LIMIT past the decompressed size, or past the ratio of
 * the layer or of the message as a whole.
 */
int unpack_count(struct unpack_budget *budget, size_t len, uint64_t in,
    uint64_t out, struct err *e);

bool attachment_is_gzip(const char *p, size_t len);
bool attachment_is_zip(const char *p, size_t len);

enum content {
	CONTENT_OTHER,
	CONTENT_GZIP,
	CONTENT_ZIP,
	CONTENT_XML,
	CONTENT_JSON,
	CONTENT_BASE64, /* of one of the above */
	CONTENT_MAIL,   /* it starts with a mail's header */
};

/* By its first bytes; READER_PEEK_MAX of them tell all. */
enum content attachment_content(const char *p, size_t len);

/* Moves *p behind byte order mark and white space; shortens *len. */
void attachment_skip_lead(const char **p, size_t *len);

/* Inflate packed (owned from here on): RFC 1952, members one after another. */
struct reader *attachment_gzip(
    struct reader *packed, struct unpack_budget *budget);

/*
 * Decode base64 (in is owned from here on). What is not of its alphabet is
 * skipped, padding may be missing, and several pieces may follow each other.
 * has_field (foreign, or NULL) is set when fields of a part stand among it.
 */
struct reader *attachment_base64(struct reader *in, bool *has_field);

/* A zip file, from a copy of its bytes. */
struct zip;

/*
 * Open the zip whose bytes packed gives (foreign; read to its end). budget
 * and pool are borrowed until zip_close.
 */
int zip_open(struct zip **z, struct reader *packed,
    struct unpack_budget *budget, struct spill_pool *pool, struct err *e);

/*
 * The next member that is a file: 1 with *member (foreign, until the next
 * call) and *name (likewise), 0 at the end, -1 and *e when it cannot be read.
 */
int zip_next(
    struct zip *z, struct reader **member, const char **name, struct err *e);

/* Takes NULL; leaves NULL. */
void zip_close(struct zip **z);

/* The uuencoded files in a text (POSIX uuencode; "begin 644 name"). */
struct uu;

/* text is foreign and must outlive *u. */
struct uu *uu_open(struct reader *text);
/* As zip_next. */
int uu_next(
    struct uu *u, struct reader **member, const char **name, struct err *e);
/* Takes NULL; leaves NULL. */
void uu_close(struct uu **u);

#endif
