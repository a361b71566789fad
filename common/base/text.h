/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h - small questions about text and bytes. ASCII rules only: nothing
 * here depends on a locale.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

char text_lower_char(char c);
/* Lower-case ASCII in place. */
void text_lower(char *text);
bool text_equal_nocase(const char *a, const char *b);
bool text_equal_nocase_n(const char *a, const char *b, size_t len);
bool text_starts_nocase(const char *text, const char *prefix);
bool text_is_space(char c); /* space, TAB, CR, LF, FF, VT */

/* Drop white space at both ends: moves *p and shortens *len. */
void text_trim(const char **p, size_t *len);

/*
 * Decimal, sign allowed, nothing else around it. 0 or -1; *value is
 * untouched on failure (also when it does not fit).
 */
int text_to_int64(const char *text, size_t len, int64_t *value);

/*
 * Bytes of the one character at p (len > 0), 0 when it is not valid UTF-8
 * (RFC 3629: shortest form only, no surrogates).
 */
size_t text_utf8_char(const char *p, size_t len);
/* Length of the valid UTF-8 at the start of p. */
size_t text_utf8_valid(const char *p, size_t len);

/*
 * A stranger's text for a log line: quotes, backslashes, control bytes and
 * what is not UTF-8 are escaped (\xNN), and what is longer than the room is
 * cut with "...". Always ends in NUL. Returns out.
 */
const char *text_escape(const char *text, char *out, size_t out_size);

/*
 * "64K", "128M", "1G" (powers of 1024) or plain bytes. 0 or -1.
 */
int text_to_size(const char *text, uint64_t *bytes);
/* "300", "300s", "5m", "12h", "3d" → seconds. 0 or -1. */
int text_to_seconds(const char *text, int64_t *seconds);

/* 2 * len lower-case digits and a NUL. */
void text_hex(const unsigned char *p, size_t len, char *out);
/* base64url without padding (RFC 4648, 5): 43 characters for 32 bytes. */
void text_base64url(const unsigned char *p, size_t len, char *out);
/*
 * The word of base64, of either alphabet and without its padding, that text
 * begins with: its length. out has room for len bytes.
 */
size_t text_decode_base64(
    const char *text, size_t len, char *out, size_t *out_len);

/*
 * What libcurl says of the time that it took (" after 12 ms") is taken out of
 * text: with it, the same cause would be another one each time.
 */
void text_cut_time(char *text);

/* How far apart two words are (Levenshtein), for "did you mean". */
size_t text_distance(const char *a, const char *b);

#endif
