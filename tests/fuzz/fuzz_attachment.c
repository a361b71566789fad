/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_attachment.c - the unpackers: gzip, zip, base64, uuencode. The first
 * byte says which.
 */
#include "common/message/attachment.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static void
read_zip(struct reader *in, struct unpack_budget *budget)
{
	struct spill_pool *pool =
	    spill_pool_new("/tmp", budget->limits->temporary);
	struct reader *member;
	const char *name;
	struct zip *z = NULL;
	struct err e;

	if (zip_open(&z, in, budget, pool, &e) == 0) {
		while (zip_next(z, &member, &name, &e) == 1)
			(void)fuzz_drain(member, budget->limits->decompressed);
		zip_close(&z);
	}
	reader_close(&in);
	spill_pool_free(&pool);
}

/* "M" alone is a line of 45 zeros, its blanks cut off on the way. */
static void
read_uu(struct reader *in, uint64_t size)
{
	struct uu *u = uu_open(in);
	struct reader *member;
	const char *name;
	struct err e;

	while (uu_next(u, &member, &name, &e) == 1)
		(void)fuzz_drain(member, size * 45);
	uu_close(&u);
	reader_close(&in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct conf_limits limits = fuzz_limits();
	struct unpack_budget budget = { .limits = &limits, .packed = size };
	struct reader *in;

	if (size == 0 || size > limits.message)
		return 0;
	(void)attachment_content((const char *)data + 1, size - 1);
	in = reader_of_bytes((const char *)data + 1, size - 1);
	switch (data[0] & 3) {
	case 0:
		in = attachment_gzip(in, &budget);
		(void)fuzz_drain(in, limits.decompressed);
		reader_close(&in);
		break;
	case 1:
		read_zip(in, &budget);
		break;
	case 2:
		in = attachment_base64(in, NULL);
		(void)fuzz_drain(in, size);
		reader_close(&in);
		break;
	default:
		read_uu(in, size);
		break;
	}
	return 0;
}
