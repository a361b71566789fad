/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address.c - an IP address as bytes, and the name that it has in the DNS.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "common/enrich/address.h"

static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

bool
address_parse(const char *text, struct address *a)
{
	if (text == NULL)
		return false;
	if (inet_pton(AF_INET, text, a->bytes + sizeof(mapped)) == 1) {
		memcpy(a->bytes, mapped, sizeof(mapped));
		return true;
	}
	return inet_pton(AF_INET6, text, a->bytes) == 1;
}

bool
address_is_v4(const struct address *a)
{
	return memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
}

bool
address_equal(const struct address *a, const struct address *b)
{
	return memcmp(a->bytes, b->bytes, ADDRESS_BYTES) == 0;
}

uint64_t
address_hash(const struct address *a, uint64_t seed)
{
	uint64_t high, low;

	memcpy(&high, a->bytes, sizeof(high));
	memcpy(&low, a->bytes + sizeof(high), sizeof(low));
	low = (low ^ seed) * UINT64_C(0x9e3779b97f4a7c15);
	low = (low ^ low >> 32 ^ high) * UINT64_C(0xbf58476d1ce4e5b9);
	low = (low ^ low >> 29 ^ seed) * UINT64_C(0x94d049bb133111eb);
	return low ^ low >> 31;
}

void
address_reverse_name(const struct address *a, char name[ADDRESS_NAME_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *b = a->bytes;
	char *to = name;
	int i;

	if (address_is_v4(a)) {
		(void)snprintf(name, ADDRESS_NAME_SIZE,
		    "%u.%u.%u.%u.in-addr.arpa", b[15], b[14], b[13], b[12]);
		return;
	}
	for (i = ADDRESS_BYTES - 1; i >= 0; i--) {
		*to++ = digits[b[i] & 0xf];
		*to++ = '.';
		*to++ = digits[b[i] >> 4];
		*to++ = '.';
	}
	memcpy(to, "ip6.arpa", sizeof("ip6.arpa"));
}
