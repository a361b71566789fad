/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address.h - an IP address as bytes. IPv4 stands as IPv4-mapped IPv6 (RFC
 * 4291, 2.5.5.2), so that an address has one form whichever way it is written.
 */
#ifndef ENRICH_ADDRESS_H
#define ENRICH_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDRESS_BYTES 16
#define ADDRESS_NAME_SIZE 80

struct address {
	unsigned char bytes[ADDRESS_BYTES];
};

/* false when text (NULL too) is none. */
bool address_parse(const char *text, struct address *a);
bool address_is_v4(const struct address *a);
bool address_equal(const struct address *a, const struct address *b);
/* seed is random, so that strangers cannot choose addresses that collide. */
uint64_t address_hash(const struct address *a, uint64_t seed);

/* "1.2.0.192.in-addr.arpa" (RFC 1035, 3.5), "….ip6.arpa" (RFC 3596, 2.5). */
void address_reverse_name(
    const struct address *a, char name[ADDRESS_NAME_SIZE]);

#endif
