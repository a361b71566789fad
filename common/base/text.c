/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.c - small questions about text and bytes.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"

char
text_lower_char(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

void
text_lower(char *text)
{
	for (; *text != '\0'; text++)
		*text = text_lower_char(*text);
}

bool
text_equal_nocase_n(const char *a, const char *b, size_t len)
{
	for (; len > 0; a++, b++, len--)
		if (text_lower_char(*a) != text_lower_char(*b))
			return false;
	return true;
}

bool
text_equal_nocase(const char *a, const char *b)
{
	size_t len = strlen(a);

	return len == strlen(b) && text_equal_nocase_n(a, b, len);
}

bool
text_starts_nocase(const char *text, const char *prefix)
{
	for (; *prefix != '\0'; text++, prefix++)
		if (text_lower_char(*text) != text_lower_char(*prefix))
			return false;
	return true;
}

bool
text_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

void
text_trim(const char **p, size_t *len)
{
	while (*len > 0 && text_is_space(**p)) {
		(*p)++;
		(*len)--;
	}
	while (*len > 0 && text_is_space((*p)[*len - 1]))
		(*len)--;
}

int
text_to_int64(const char *text, size_t len, int64_t *value)
{
	bool negative = false;
	uint64_t n = 0, most = INT64_MAX;

	if (len > 0 && (*text == '-' || *text == '+')) {
		negative = *text == '-';
		most += negative;
		text++;
		len--;
	}
	if (len == 0)
		return -1;
	for (; len > 0; text++, len--) {
		uint64_t digit = (uint64_t)(unsigned char)*text - '0';

		if (digit > 9 || n > (most - digit) / 10)
			return -1;
		n = n * 10 + digit;
	}
	*value = negative ? (int64_t)(0 - n) : (int64_t)n;
	return 0;
}

size_t
text_utf8_char(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t need, i;
	unsigned char low = 0x80, high = 0xbf;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		need = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		need = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		need = 4;
	else
		return 0;
	if (need > len)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0; /* not the shortest form */
	else if (p[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f; /* past U+10FFFF */
	if (p[1] < low || p[1] > high)
		return 0;
	for (i = 2; i < need; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return need;
}

size_t
text_utf8_valid(const char *p, size_t len)
{
	size_t at = 0, n;
	uint64_t eight;

	while (at < len) {
		if (len - at >= sizeof(eight)) {
			memcpy(&eight, p + at, sizeof(eight));
			if ((eight & UINT64_C(0x8080808080808080)) == 0) {
				at += sizeof(eight);
				continue;
			}
		}
		if ((n = text_utf8_char(p + at, len - at)) == 0)
			break;
		at += n;
	}
	return at;
}

/* One character of the escaped form; returns how many bytes it took. */
static size_t
escape_one(const char *p, size_t len, char out[5], size_t *out_len)
{
	unsigned char c = (unsigned char)*p;
	size_t n;

	if (c == '"' || c == '\\') {
		out[0] = '\\';
		out[1] = (char)c;
		*out_len = 2;
		return 1;
	}
	n = text_utf8_char(p, len);
	/* C1 controls steer terminals just as C0 ones do */
	if (n == 0 || c < 0x20 || c == 0x7f ||
	    (c == 0xc2 && (unsigned char)p[1] < 0xa0)) {
		(void)snprintf(out, 5, "\\x%02x", c);
		*out_len = 4;
		return 1;
	}
	memcpy(out, p, n);
	*out_len = n;
	return n;
}

const char *
text_escape(const char *text, char *out, size_t out_size)
{
	size_t len = text == NULL ? 0 : strlen(text), at = 0, used = 0;
	size_t dots = 0; /* the last place where "..." still fits */
	char piece[5];
	size_t piece_len;

	while (at < len) {
		at += escape_one(text + at, len - at, piece, &piece_len);
		if (used + piece_len + 1 > out_size) {
			used = dots;
			if (out_size >= sizeof("...")) {
				memcpy(out + used, "...", 3);
				used += 3;
			}
			break;
		}
		memcpy(out + used, piece, piece_len);
		used += piece_len;
		if (used + sizeof("...") <= out_size)
			dots = used;
	}
	out[used] = '\0';
	return out;
}

/* A number and at most one letter of units; scale[i] goes with units[i]. */
static int
to_scaled(
    const char *text, const char *units, const int64_t *scale, int64_t *value)
{
	size_t len = strlen(text);
	const char *unit = NULL;
	int64_t n, factor = 1;

	if (len > 1 && (unit = strchr(units, text[len - 1])) != NULL) {
		factor = scale[unit - units];
		len--;
	}
	if (text_to_int64(text, len, &n) < 0 || n < 0 || n > INT64_MAX / factor)
		return -1;
	*value = n * factor;
	return 0;
}

int
text_to_size(const char *text, uint64_t *bytes)
{
	static const int64_t scale[] = { 1 << 10, 1 << 10, 1 << 20, 1 << 20,
		1 << 30, 1 << 30 };
	int64_t n;

	if (to_scaled(text, "kKmMgG", scale, &n) < 0)
		return -1;
	*bytes = (uint64_t)n;
	return 0;
}

int
text_to_seconds(const char *text, int64_t *seconds)
{
	static const int64_t scale[] = { 1, 60, 3600, 86400 };

	return to_scaled(text, "smhd", scale, seconds);
}

void
text_hex(const unsigned char *p, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < len; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

void
text_base64url(const unsigned char *p, size_t len, char *out)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	int count = 0;

	for (; len > 0; p++, len--) {
		bits = (bits << 8 | *p) & 0xffffff;
		for (count += 8; count >= 6; count -= 6)
			*out++ = digits[bits >> (count - 6) & 63];
	}
	if (count > 0)
		*out++ = digits[bits << (6 - count) & 63];
	*out = '\0';
}

/* Its value in base64, either alphabet; -1: it is none of it. */
static int
digit_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

size_t
text_decode_base64(const char *text, size_t len, char *out, size_t *out_len)
{
	unsigned bits = 0, held = 0;
	size_t i;
	int digit;

	*out_len = 0;
	for (i = 0; i < len && (digit = digit_of(text[i])) >= 0; i++) {
		held = (held << 6 | (unsigned)digit) & 0xffffff;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		out[(*out_len)++] = (char)(held >> bits & 0xff);
	}
	return i;
}

void
text_cut_time(char *text)
{
	static const char before[] = " after ";
	static const char *const units[] = { " milliseconds", " ms" };
	char *at = text, *end;
	size_t i, len;

	while ((at = strstr(at, before)) != NULL) {
		end = at + sizeof(before) - 1;
		end += strspn(end, "0123456789");
		for (i = 0; i < sizeof(units) / sizeof(*units); i++) {
			len = strlen(units[i]);
			if (end[-1] == ' ' || strncmp(end, units[i], len) != 0)
				continue;
			memmove(at, end + len, strlen(end + len) + 1);
			return;
		}
		at = end;
	}
}

size_t
text_distance(const char *a, const char *b)
{
	size_t row[64], len = strlen(b), i, j;

	if (strlen(a) >= sizeof(row) / sizeof(*row) ||
	    len >= sizeof(row) / sizeof(*row))
		return SIZE_MAX;
	for (j = 0; j <= len; j++)
		row[j] = j;
	for (i = 0; a[i] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (j = 0; j < len; j++) {
			size_t least = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			if (row[j] + 1 < least)
				least = row[j] + 1;
			if (row[j + 1] + 1 < least)
				least = row[j + 1] + 1;
			row[j + 1] = least;
		}
	}
	return row[len];
}
