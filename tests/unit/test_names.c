/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_names.c - names of addresses without a network: addresses, replies of
 * name servers, friendly and hostile, and the cache.
 */
#include <string.h>

#include "common/enrich/address.h"
#include "common/enrich/name_cache.h"
#include "common/enrich/resolver.h"
#include "common/enrich/resolver_answer.h"
#include "tests/unit/unit.h"

static const struct address_case {
	const char *name, *text, *reverse; /* NULL: no address */
} address_cases[] = {
	{ "IPv4", "192.0.2.1", "1.2.0.192.in-addr.arpa" },
	{ "IPv4, largest", "255.255.255.255", "255.255.255.255.in-addr.arpa" },
	{ "IPv4, mapped", "::ffff:192.0.2.1", "1.2.0.192.in-addr.arpa" },
	{ "IPv6", "2001:DB8::12",
	    "2.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."
	    "ip6.arpa" },
	{ "IPv6 with a zone", "fe80::1%eth0", NULL },
	{ "IPv4 with a name", "192.0.2.1 (host)", NULL },
	{ "a network", "192.0.2.0/24", NULL },
	{ "a name", "mail.example", NULL },
	{ "nothing", "", NULL },
	{ "none", NULL, NULL },
};

static void
address_row(void **state)
{
	const struct address_case *c = *state;
	char name[ADDRESS_NAME_SIZE];
	struct address a;

	assert_int_equal(address_parse(c->text, &a), c->reverse != NULL);
	if (c->reverse == NULL)
		return;
	address_reverse_name(&a, name);
	assert_string_equal(name, c->reverse);
	assert_int_equal(address_is_v4(&a), strstr(name, "in-addr") != NULL);
}

#define HEADER(answers, authorities) \
	"\0\7\201\200\0\1\0" answers "\0" authorities "\0\0"
#define QUESTION \
	"\1" \
	"1\7in-addr\4arpa\0\0\14\0\1"
#define RR(type, ttl, len) "\300\14\0" type "\0\1\0\0\0" ttl "\0" len
#define BYTES(text) text, sizeof(text) - 1

static const struct answer_case {
	const char *name, *reply;
	size_t len;
	const char *host; /* NULL: no name */
	uint32_t ttl;     /* 7: not said */
} answer_cases[] = {
	{ "one",
	    BYTES(
		HEADER("\1", "\0") QUESTION RR("\14", "\144", "\6") "\4mail\0"),
	    "mail", 100 },
	{ "the first of two",
	    BYTES(HEADER("\2", "\0") QUESTION RR(
		"\14", "\144", "\3") "\1a\0" RR("\14", "\1", "\3") "\1b\0"),
	    "a", 100 },
	{ "behind an alias",
	    BYTES(HEADER("\2", "\0") QUESTION RR("\5", "\1", "\3") "\1x\0" RR(
		"\14", "\144", "\3") "\1b\0"),
	    "b", 100 },
	{ "case as it is",
	    BYTES(HEADER("\1", "\0") QUESTION RR("\14", "\1", "\6") "\4MaIl\0"),
	    "MaIl", 1 },
	{ "no name, and for how long",
	    BYTES(HEADER("\0", "\1")
		    QUESTION RR("\6", "\144", "\26") "\0\0"
						     "12345678901234567890"),
	    NULL, 100 },
	{ "an empty answer", BYTES(HEADER("\0", "\0") QUESTION), NULL, 7 },
	{ "the root is no name",
	    BYTES(HEADER("\1", "\0") QUESTION RR("\14", "\1", "\1") "\0"), NULL,
	    7 },
	{ "another type only",
	    BYTES(HEADER("\1", "\0") QUESTION RR("\1", "\1", "\4") "\1\2\3\4"),
	    NULL, 7 },
	{ "more told than there are", BYTES(HEADER("\11", "\0") QUESTION), NULL,
	    7 },
	{ "cut in the header", BYTES("\0\7\201\200\0\1\0\1"), NULL, 7 },
	{ "cut in the question",
	    BYTES(HEADER("\1", "\0") "\1"
				     "1\7in"),
	    NULL, 7 },
	{ "cut in a record", BYTES(HEADER("\1", "\0") QUESTION "\300\14\0\14"),
	    NULL, 7 },
	{ "data longer than the reply",
	    BYTES(
		HEADER("\1", "\0") QUESTION RR("\14", "\1", "\100") "\4mail\0"),
	    NULL, 7 },
	{ "a name that points at itself",
	    BYTES(HEADER("\1", "\0") QUESTION RR("\14", "\1", "\2") "\300\46"),
	    NULL, 7 },
	{ "a name that points outside",
	    BYTES(HEADER("\1", "\0") QUESTION RR("\14", "\1", "\2") "\377\377"),
	    NULL, 7 },
	{ "an empty record",
	    BYTES(HEADER("\1", "\0") QUESTION RR("\14", "\1", "\0")), NULL, 7 },
	{ "control bytes are escaped",
	    BYTES(HEADER("\1", "\0")
		    QUESTION RR("\14", "\1", "\5") "\3a\n\377\0"),
	    "a\\010\\255", 1 },
};

static void
answer_row(void **state)
{
	const struct answer_case *c = *state;
	unsigned char *reply = malloc(c->len);
	char host[ANSWER_NAME_SIZE];
	uint32_t ttl = 7;

	/* of its very size, so that a sanitizer sees a byte too far */
	memcpy(reply, c->reply, c->len);
	assert_int_equal(
	    answer_ptr(reply, c->len, host, &ttl), c->host != NULL);
	if (c->host != NULL)
		assert_string_equal(host, c->host);
	assert_int_equal(ttl, c->ttl);
	free(reply);
}

/* Whatever is cut off or changed, nothing is read that is not there. */
static void
damaged_replies(void **state)
{
	char host[ANSWER_NAME_SIZE];
	struct address a;
	size_t i, len, at;
	uint32_t ttl;

	(void)state;
	assert_true(address_parse("1.2.3.4", &a));
	for (i = 0; i < sizeof(answer_cases) / sizeof(*answer_cases); i++)
		for (len = 0; len <= answer_cases[i].len; len++) {
			unsigned char *reply = malloc(len + 1);

			memcpy(reply, answer_cases[i].reply, len);
			(void)answer_ptr(reply, len, host, &ttl);
			(void)answer_has_address(reply, len, &a);
			for (at = 0; at < len; at++) {
				reply[at] ^= 0xff;
				(void)answer_ptr(reply, len, host, &ttl);
				reply[at] ^= 0xff;
			}
			free(reply);
		}
}

static void
addresses_of_a_name(void **state)
{
	static const char v4[] = HEADER("\2", "\0") QUESTION RR(
	    "\1", "\1", "\4") "\1\2\3\4" RR("\1", "\1", "\4") "\5\6\7\10";
	static const char v6[] = HEADER("\1", "\0") QUESTION RR(
	    "\34", "\1", "\20") "\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1";
	static const struct {
		const char *text;
		bool in_v4, in_v6;
	} cases[] = { { "1.2.3.4", true, false }, { "5.6.7.8", true, false },
		{ "1.2.3.5", false, false }, { "2001:db8::1", false, true },
		{ "2001:db8::2", false, false } };
	struct address a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_true(address_parse(cases[i].text, &a));
		assert_int_equal(answer_has_address((const unsigned char *)v4,
				     sizeof(v4) - 1, &a),
		    cases[i].in_v4);
		assert_int_equal(answer_has_address((const unsigned char *)v6,
				     sizeof(v6) - 1, &a),
		    cases[i].in_v6);
	}
}

static struct address
nth(unsigned n)
{
	struct address a = { .bytes = { [10] = 0xff, [11] = 0xff } };

	a.bytes[13] = (unsigned char)(n >> 16);
	a.bytes[14] = (unsigned char)(n >> 8);
	a.bytes[15] = (unsigned char)n;
	return a;
}

/* Full: the settled one that was longest unused goes, a pending one never. */
static void
the_cache_is_bounded(void **state)
{
	struct name_cache *c = name_cache_new(3);
	struct name_entry *entry;
	struct address a;
	unsigned i;

	(void)state;
	for (i = 0; i < 3; i++) {
		a = nth(i);
		assert_non_null(entry = name_cache_add(c, &a));
		name_cache_pend(c, entry);
	}
	a = nth(3);
	assert_null(name_cache_add(c, &a));
	for (i = 0; i < 2; i++) {
		a = nth(i);
		name_cache_settle(c, name_cache_find(c, &a), 1);
	}
	a = nth(0);
	name_cache_touch(c, name_cache_find(c, &a));
	a = nth(3);
	assert_non_null(entry = name_cache_add(c, &a));
	name_cache_pend(c, entry);
	assert_int_equal(name_cache_count(c), 3);
	a = nth(1);
	assert_null(name_cache_find(c, &a));
	a = nth(0);
	assert_non_null(name_cache_find(c, &a));
	a = nth(2);
	assert_int_equal(name_cache_find(c, &a)->state, NAME_PENDING);
	name_cache_free(&c);
	assert_null(c);
}

static void
the_cache_finds_what_it_has(void **state)
{
	struct name_cache *c = name_cache_new(10000);
	struct address a;
	unsigned i;

	(void)state;
	for (i = 0; i < 10000; i++) {
		a = nth(i);
		name_cache_settle(c, name_cache_add(c, &a), i);
	}
	for (i = 0; i < 10000; i++) {
		a = nth(i);
		assert_int_equal(name_cache_find(c, &a)->expires_ms, i);
	}
	name_cache_free(&c);
}

/*
 * Nobody listens at that port: asking ends at once or with the budget, and a
 * second message does not pay again.
 */
static void
a_dead_resolver_is_remembered(void **state)
{
	char server[] = "127.0.0.1:1", *item = server;
	const struct conf_enrich conf = { .nameservers = { &item, 1 },
		.dns_timeout_s = 60,
		.queries = 4,
		.cache_size = 1000,
		.cache_time_s = 60 };
	struct resolver *r = resolver_new(&conf);
	struct ask *ask = ask_new(r);
	char host[ANSWER_NAME_SIZE];
	struct resolver_count n;
	struct address a;
	int confirmed;
	unsigned i;

	(void)state;
	for (i = 0; i < 600; i++) {
		a = nth(i);
		ask_add(ask, &a);
	}
	assert_true(ask_wait(ask, 1500) < 60000);
	resolver_count(r, &n);
	assert_true(n.is_dead);
	assert_int_equal(n.answered, 0);
	assert_false(resolver_name_of(r, &a, host, &confirmed));
	for (i = 600; i < 900; i++) {
		a = nth(i);
		ask_add(ask, &a);
	}
	/* it is known: no wait at all, whatever the budget */
	assert_true(ask_wait(ask, 3600000) < 60000);
	resolver_count(r, &n);
	assert_true(n.asked <= 600);
	ask_free(&ask);
	resolver_close(&r);
	assert_null(r);
}

/* Nothing was asked: no thread was started, nothing to wait for. */
static void
nothing_to_ask(void **state)
{
	const struct conf_enrich conf = { .cache_size = 1 };
	struct resolver *r = resolver_new(&conf);
	struct ask *ask = ask_new(r);
	struct resolver_count n;

	(void)state;
	(void)ask_wait(ask, 3600000);
	resolver_count(r, &n);
	assert_int_equal(n.asked, 0);
	ask_free(&ask);
	resolver_close(&r);
}

int
main(void)
{
	struct unit u = { .count = 0 };

	UNIT_ROWS(&u, address_cases, address_row);
	UNIT_ROWS(&u, answer_cases, answer_row);
	UNIT_ONE(&u, damaged_replies);
	UNIT_ONE(&u, addresses_of_a_name);
	UNIT_ONE(&u, the_cache_is_bounded);
	UNIT_ONE(&u, the_cache_finds_what_it_has);
	UNIT_ONE(&u, a_dead_resolver_is_remembered);
	UNIT_ONE(&u, nothing_to_ask);
	return unit_run("names", &u);
}
