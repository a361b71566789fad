/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sha256.c - SHA-256 by libcrypto. The algorithm is fetched once for each
 * context: a new start of the same one is cheap, a fetch is not.
 */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "common/base/buf.h"
#include "common/base/sha256.h"

struct sha256 {
	EVP_MD_CTX *ctx;
};

/*
 * libcrypto fails here only without memory or with a broken installation;
 * there is no digest to go on with in either case.
 */
static void
must(int ok)
{
	if (!ok) {
		(void)fputs("dmarc-intake: libcrypto has no SHA-256\n", stderr);
		abort();
	}
}

struct sha256 *
sha256_new(void)
{
	struct sha256 *s = xcalloc(1, sizeof(*s));

	s->ctx = EVP_MD_CTX_new();
	must(s->ctx != NULL);
	must(EVP_DigestInit_ex(s->ctx, EVP_sha256(), NULL) == 1);
	return s;
}

void
sha256_add(struct sha256 *s, const void *p, size_t len)
{
	if (len > 0)
		must(EVP_DigestUpdate(s->ctx, p, len) == 1);
}

void
sha256_end(struct sha256 *s, unsigned char out[SHA256_BYTES])
{
	must(EVP_DigestFinal_ex(s->ctx, out, NULL) == 1);
	must(EVP_DigestInit_ex(s->ctx, NULL, NULL) == 1);
}

void
sha256_free(struct sha256 **s)
{
	if (*s == NULL)
		return;
	EVP_MD_CTX_free((*s)->ctx);
	free(*s);
	*s = NULL;
}
