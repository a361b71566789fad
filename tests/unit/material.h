/* SPDX-License-Identifier: Apache-2.0 */
/*
 * material.h - what several unit tests are made of: limits as the compiled
 * defaults have them, readers that give little or fail, packed bytes.
 */
#ifndef UNIT_MATERIAL_H
#define UNIT_MATERIAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "common/base/buf.h"
#include "common/base/conf.h"
#include "common/base/reader.h"
#include "tests/unit/unit.h"

#define MIB ((size_t)1024 * 1024)

static inline struct conf_limits
material_limits(void)
{
	return (struct conf_limits){ .message = 128 * MIB,
		.message_hard = 1024 * MIB,
		.message_memory = MIB,
		.header = MIB,
		.decompressed = 2048 * (uint64_t)MIB,
		.ratio = 200,
		.members = 100,
		.nesting = 4,
		.parts = 1000,
		.part_depth = 20,
		.records = 5000000,
		.span_days = 93,
		.xml_depth = 16,
		.xml_text = 64 * 1024,
		.tls_report = 16 * MIB,
		.tls_entries = 25000,
		.sample = MIB,
		.header_fields = 500,
		.auth_results = 500,
		.temporary = 4096 * (uint64_t)MIB,
		.spool_memory = 2 * MIB };
}

/* A buffer without a limit that any of these tests would meet. */
static inline void
material_buf(struct buf *b)
{
	buf_init(b, 512 * MIB);
}

static inline void
add(struct buf *b, const void *p, size_t len)
{
	struct err e = { 0 };

	if (buf_add(b, p, len, &e) < 0)
		fail_msg("%s", e.text);
}

static inline void
add_text(struct buf *b, const char *text)
{
	add(b, text, strlen(text));
}

#define add_format(b, ...) \
	do { \
		struct err e_ = { 0 }; \
		if (buf_printf(b, &e_, __VA_ARGS__) < 0) \
			fail_msg("%s", e_.text); \
	} while (0)

static inline void
add_many(struct buf *b, char c, size_t count)
{
	char block[4096];
	size_t n;

	memset(block, c, sizeof(block));
	for (; count > 0; count -= n) {
		n = count < sizeof(block) ? count : sizeof(block);
		add(b, block, n);
	}
}

/* Numbers that are the same in each run. */
static inline uint32_t
material_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33);
}

/* Gives at most piece bytes at a time, and fails where fail_at is. */
struct pieces {
	struct reader reader;
	const char *p; /* borrowed */
	size_t len, at, piece, fail_at;
};

static inline ssize_t
pieces_read(struct reader *r, void *p, size_t len, struct err *e)
{
	struct pieces *k = (struct pieces *)r;
	size_t n = k->len - k->at;

	if (k->at >= k->fail_at)
		return err_set(e, ERR_TEMP, "the disk is gone");
	if (n > k->piece)
		n = k->piece;
	if (n > k->fail_at - k->at)
		n = k->fail_at - k->at;
	if (n > len)
		n = len;
	memcpy(p, k->p + k->at, n);
	k->at += n;
	return (ssize_t)n;
}

static inline void
pieces_close(struct reader *r)
{
	free(r);
}

static inline struct reader *
pieces_reader(const void *p, size_t len, size_t piece, size_t fail_at)
{
	struct pieces *k = xcalloc(1, sizeof(*k));

	k->reader.read = pieces_read;
	k->reader.close = pieces_close;
	k->p = p;
	k->len = len;
	k->piece = piece;
	k->fail_at = fail_at;
	return &k->reader;
}

/* zlib's deflate behind the header that window_bits asks for. */
static inline void
add_deflated(struct buf *b, const void *p, size_t len, int window_bits)
{
	z_stream zs = { 0 };
	struct err e = { 0 };
	char *room;

	assert_int_equal(deflateInit2(&zs, 9, Z_DEFLATED, window_bits, 8,
			     Z_DEFAULT_STRATEGY),
	    Z_OK);
	room = buf_reserve(b, deflateBound(&zs, len), &e);
	assert_non_null(room);
	zs.next_in = (Bytef *)(uintptr_t)p;
	zs.avail_in = (uInt)len;
	zs.next_out = (Bytef *)room;
	zs.avail_out = (uInt)deflateBound(&zs, len);
	assert_int_equal(deflate(&zs, Z_FINISH), Z_STREAM_END);
	b->len += zs.total_out;
	(void)deflateEnd(&zs);
}

static inline void
add_gzip(struct buf *b, const void *p, size_t len)
{
	add_deflated(b, p, len, 15 + 16);
}

/* One member of a zip; what is left 0 is as the bytes say. */
struct zip_member {
	const char *name;
	const void *data; /* as the file has it, packed by method */
	size_t len;
	unsigned method, flags;
	uint32_t crc, size; /* of what was packed */
	uint32_t says_packed;
	uint32_t external; /* attributes: mode << 16 */
};

static inline void
add_le(struct buf *b, uint32_t n, int bytes)
{
	unsigned char at[4] = { (unsigned char)n, (unsigned char)(n >> 8),
		(unsigned char)(n >> 16), (unsigned char)(n >> 24) };

	add(b, at, (size_t)bytes);
}

static inline void
add_zip_fields(struct buf *b, const struct zip_member *m)
{
	add_le(b, 20, 2); /* version needed */
	add_le(b, m->flags, 2);
	add_le(b, m->method, 2);
	add_le(b, 0, 2);
	add_le(b, 0x5821, 2); /* 2024-01-01 */
	add_le(b, m->crc, 4);
	add_le(b, m->says_packed ? m->says_packed : (uint32_t)m->len, 4);
	add_le(b, m->size, 4);
	add_le(b, (uint32_t)strlen(m->name), 2);
	add_le(b, 0, 2); /* extra field */
}

/* APPNOTE.TXT 4.3: local headers with data, central directory, its end. */
static inline void
add_zip(struct buf *b, const struct zip_member *m, size_t count)
{
	size_t start = b->len, directory, i;
	uint32_t *at = xcalloc(count, sizeof(*at));

	for (i = 0; i < count; i++) {
		at[i] = (uint32_t)(b->len - start);
		add(b, "PK\3\4", 4);
		add_zip_fields(b, &m[i]);
		add_text(b, m[i].name);
		add(b, m[i].data, m[i].len);
	}
	directory = b->len;
	for (i = 0; i < count; i++) {
		add(b, "PK\1\2", 4);
		add_le(b, 0x031e, 2); /* made by: Unix */
		add_zip_fields(b, &m[i]);
		add_le(b, 0, 2); /* comment */
		add_le(b, 0, 2); /* disk */
		add_le(b, 0, 2);
		add_le(b, m[i].external, 4);
		add_le(b, at[i], 4);
		add_text(b, m[i].name);
	}
	free(at);
	add(b, "PK\5\6\0\0\0\0", 8);
	add_le(b, (uint32_t)count, 2);
	add_le(b, (uint32_t)count, 2);
	i = b->len - directory - 12;
	add_le(b, (uint32_t)i, 4);
	add_le(b, (uint32_t)(directory - start), 4);
	add_le(b, 0, 2);
}

static inline struct zip_member
zip_stored(const char *name, const void *p, size_t len)
{
	return (struct zip_member){ .name = name,
		.data = p,
		.len = len,
		.size = (uint32_t)len,
		.crc = (uint32_t)crc32(0, p, (uInt)len),
		.external = 0100644u << 16 };
}

/* packed keeps the bytes; nothing may be added to it while m is used. */
static inline struct zip_member
zip_deflated(const char *name, const void *p, size_t len, struct buf *packed)
{
	struct zip_member m = zip_stored(name, p, len);

	add_deflated(packed, p, len, -15);
	m.data = packed->data;
	m.len = packed->len;
	m.method = 8;
	return m;
}

static inline void
add_zip_of(struct buf *b, const char *name, const void *p, size_t len)
{
	struct zip_member m;
	struct buf packed;

	material_buf(&packed);
	m = zip_deflated(name, p, len, &packed);
	add_zip(b, &m, 1);
	buf_clear(&packed);
}

static inline void
add_base64(struct buf *b, const void *p, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *u = p;
	char line[5] = { 0 };
	uint32_t n;
	size_t i;

	for (i = 0; i < len; i += 3) {
		n = (uint32_t)u[i] << 16;
		n |= i + 1 < len ? (uint32_t)u[i + 1] << 8 : 0;
		n |= i + 2 < len ? u[i + 2] : 0;
		line[0] = digits[n >> 18];
		line[1] = digits[n >> 12 & 63];
		line[2] = i + 1 < len ? digits[n >> 6 & 63] : '=';
		line[3] = i + 2 < len ? digits[n & 63] : '=';
		add_text(b, line);
		if (i % 57 == 54)
			add_text(b, "\r\n");
	}
	add_text(b, "\r\n");
}

#endif
