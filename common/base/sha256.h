/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sha256.h - SHA-256 of a stream. One context serves many digests, so that
 * an id for each record costs no allocation.
 */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>

#define SHA256_BYTES 32
#define SHA256_HEX_SIZE 65 /* digits and NUL */

struct sha256; /* belongs to one thread at a time */

/* Ready for sha256_add. Never NULL: without memory the process ends. */
struct sha256 *sha256_new(void);
void sha256_add(struct sha256 *s, const void *p, size_t len);
/* The digest of all added since the last end; the next add starts anew. */
void sha256_end(struct sha256 *s, unsigned char out[SHA256_BYTES]);
/* Takes NULL; leaves NULL. */
void sha256_free(struct sha256 **s);

#endif
