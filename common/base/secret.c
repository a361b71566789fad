/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret.c - does what a server said repeat a secret of ours? Some answer a
 * command with the command.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/secret.h"
#include "common/base/text.h"

static size_t
without_backslashes(const char *text, size_t len, char *out)
{
	size_t i, n = 0;

	for (i = 0; i < len; i++)
		if (text[i] != '\\')
			out[n++] = text[i];
	return n;
}

bool
secret_is_in(const char *text, size_t len, const char *secret)
{
	size_t plain_len = secret != NULL ? strlen(secret) : 0;
	char *plain, *part;
	size_t part_len, i;
	bool is_in;

	if (plain_len == 0 || len == 0)
		return false;
	plain = xmalloc(plain_len);
	part = xmalloc(len);
	plain_len = without_backslashes(secret, plain_len, plain);
	part_len = without_backslashes(text, len, part);
	is_in = memmem(part, part_len, plain, plain_len) != NULL;
	plain_len = strlen(secret);
	for (i = 0; i < len && !is_in; i++) {
		i += text_decode_base64(text + i, len - i, part, &part_len);
		is_in = memmem(part, part_len, secret, plain_len) != NULL;
	}
	explicit_bzero(plain, plain_len);
	explicit_bzero(part, len);
	free(plain);
	free(part);
	return is_in;
}
