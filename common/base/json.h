/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h - write JSON (RFC 8259) into a buffer, on one line. The hot path:
 * no tree, no allocation but the buffer's. Reading is jansson's, which has
 * names with json_ too: json_object_begin and not json_object, for the linker.
 *
 * Errors stick: after the first one (the buffer is full, nested too deep)
 * nothing more is written, and json_end says so.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/err.h"

#define JSON_DEPTH_MAX 32

struct json {
	struct buf *out; /* foreign */
	struct err err;
	unsigned depth;
	bool after_key;
	bool has_item[JSON_DEPTH_MAX]; /* a comma is due before the next */
};

void json_begin(struct json *j, struct buf *out);
/* 0, or -1 and *e when anything went wrong since json_begin. */
int json_end(struct json *j, struct err *e);

void json_object_begin(struct json *j);
void json_object_end(struct json *j);
void json_array_begin(struct json *j);
void json_array_end(struct json *j);

/* key is ours: plain ASCII, nothing to escape. */
void json_key_n(struct json *j, const char *key, size_t len);
/* Here, so that the compiler counts the letters of a key that it knows. */
static inline void
json_key(struct json *j, const char *key)
{
	json_key_n(j, key, strlen(key));
}

/* Text that is not UTF-8 is repaired with U+FFFD, byte by byte. */
void json_text_n(struct json *j, const char *text, size_t len);
/* NULL writes null. */
void json_text(struct json *j, const char *text);
void json_int(struct json *j, int64_t n);
void json_bool(struct json *j, bool b);
void json_put_null(struct json *j);
/* JSON that is made already, for example the fields that all records share. */
void json_raw(struct json *j, const char *p, size_t len);

/* key and value; a NULL text writes null. */
static inline void
json_field(struct json *j, const char *key, const char *text)
{
	json_key(j, key);
	json_text(j, text);
}

static inline void
json_field_int(struct json *j, const char *key, int64_t n)
{
	json_key(j, key);
	json_int(j, n);
}

static inline void
json_field_bool(struct json *j, const char *key, bool b)
{
	json_key(j, key);
	json_bool(j, b);
}

/* key and value, nothing at all for NULL. */
static inline void
json_field_if(struct json *j, const char *key, const char *text)
{
	if (text != NULL)
		json_field(j, key, text);
}

#endif
