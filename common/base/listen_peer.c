/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen_peer.c - who may connect: networks in CIDR form.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "common/base/listen.h"
#include "common/base/text.h"

/* IPv4 lives in ::ffff:0:0/96, where the kernel puts it on a v6 socket too. */
#define MAPPED_BITS 96

struct network {
	struct in6_addr address;
	unsigned bits;
};

static void
map_ipv4(const struct in_addr *in, struct in6_addr *out)
{
	memset(out, 0, sizeof(*out));
	out->s6_addr[10] = out->s6_addr[11] = 0xff;
	memcpy(out->s6_addr + 12, in, sizeof(*in));
}

static int
network_of(const char *text, struct network *n)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	struct in_addr v4;
	int64_t bits, most = 128;

	if (len >= sizeof(address))
		return -1;
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(AF_INET, address, &v4) == 1) {
		map_ipv4(&v4, &n->address);
		most = 32;
	} else if (inet_pton(AF_INET6, address, &n->address) != 1) {
		return -1;
	}
	bits = most;
	if (slash != NULL &&
	    (slash[1] < '0' || slash[1] > '9' ||
		text_to_int64(slash + 1, strlen(slash + 1), &bits) < 0 ||
		bits > most))
		return -1;
	n->bits = (unsigned)bits + (most == 32 ? MAPPED_BITS : 0);
	return 0;
}

static bool
is_in(const struct network *n, const struct in6_addr *a)
{
	unsigned whole = n->bits / 8, rest = n->bits % 8;
	unsigned mask = rest > 0 ? 0xffu << (8 - rest) & 0xffu : 0;

	if (memcmp(n->address.s6_addr, a->s6_addr, whole) != 0)
		return false;
	return rest == 0 ||
	       ((n->address.s6_addr[whole] ^ a->s6_addr[whole]) & mask) == 0;
}

int
listen_check_networks(const struct conf_list *networks, struct err *e)
{
	struct network n;
	size_t i;

	for (i = 0; i < networks->count; i++)
		if (network_of(networks->item[i], &n) < 0)
			return err_set(e, ERR_CONF,
			    "lmtp.networks: %s is no network, as in "
			    "192.0.2.0/24 or 2001:db8::/32",
			    networks->item[i]);
	return 0;
}

bool
listen_peer_is_in(const struct conf_list *networks, const struct sockaddr *from)
{
	struct in6_addr a;
	struct network n;
	size_t i;

	if (from->sa_family == AF_INET)
		map_ipv4(&((const struct sockaddr_in *)from)->sin_addr, &a);
	else if (from->sa_family == AF_INET6)
		a = ((const struct sockaddr_in6 *)from)->sin6_addr;
	else
		return from->sa_family == AF_UNIX;
	for (i = 0; i < networks->count; i++)
		if (network_of(networks->item[i], &n) == 0 && is_in(&n, &a))
			return true;
	return false;
}

void
listen_peer_name(const struct sockaddr *from, char name[LISTEN_PEER_SIZE])
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;

	(void)snprintf(name, LISTEN_PEER_SIZE, "unix");
	if (from->sa_family == AF_INET)
		(void)inet_ntop(AF_INET, &v4->sin_addr, name, LISTEN_PEER_SIZE);
	else if (from->sa_family == AF_INET6)
		(void)inet_ntop(
		    AF_INET6, &v6->sin6_addr, name, LISTEN_PEER_SIZE);
}
