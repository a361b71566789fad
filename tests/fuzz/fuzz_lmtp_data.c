/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_lmtp_data.c - the dots of DATA: what comes in pieces is the same as
 * what comes at once, and both are what RFC 5321, 4.5.2 says of the whole.
 * The first byte gives the length of the pieces.
 */
#include <string.h>

#include "lmtp/data.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

/* By the book, with all of the bytes at hand. Returns how many were used. */
static size_t
decode_whole(const char *p, size_t len, char *out, size_t *out_len, bool *ends)
{
	bool is_line_start = true;
	size_t i;

	*ends = false;
	for (i = 0; i < len; i++) {
		if (is_line_start && p[i] == '.') {
			if (len - i >= 3 && memcmp(p + i, ".\r\n", 3) == 0) {
				*ends = true;
				return i + 3;
			}
			is_line_start = false;
			continue;
		}
		out[(*out_len)++] = p[i];
		is_line_start = p[i] == '\n' && i > 0 && p[i - 1] == '\r';
	}
	return len;
}

static size_t
decode_pieces(const char *p, size_t len, size_t piece, char *out,
    size_t *out_len, bool *ends)
{
	struct lmtp_data d;
	struct bytes in, span;
	enum lmtp_data_event event = LMTP_DATA_MORE;
	size_t at = 0, n;

	lmtp_data_init(&d);
	while (at < len && event != LMTP_DATA_END) {
		n = len - at < piece ? len - at : piece;
		in = (struct bytes){ p + at, n };
		while ((event = lmtp_data_next(&d, &in, &span)) ==
		       LMTP_DATA_SPAN) {
			fuzz_must(*out_len + span.len <= len);
			memcpy(out + *out_len, span.data, span.len);
			*out_len += span.len;
		}
		at += n - in.len;
		fuzz_must(event == LMTP_DATA_END || in.len == 0);
	}
	*ends = event == LMTP_DATA_END;
	return at;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *want, *got;
	size_t want_len = 0, got_len = 0, want_used, got_used, piece;
	bool want_end, got_end;

	if (size < 1)
		return 0;
	piece = (size_t)(data[0] % 64) + 1;
	want = xmalloc(size);
	got = xmalloc(size);
	want_used = decode_whole(
	    (const char *)data + 1, size - 1, want, &want_len, &want_end);
	got_used = decode_pieces(
	    (const char *)data + 1, size - 1, piece, got, &got_len, &got_end);
	fuzz_must(want_end == got_end && want_used == got_used);
	/* unfinished, a dot and a CR may still be held back */
	fuzz_must(want_end ? want_len == got_len
			   : got_len <= want_len && want_len - got_len <= 2);
	fuzz_must(memcmp(want, got, got_len) == 0);
	free(want);
	free(got);
	return 0;
}
