/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally.c - rows found by a key of texts: open addressing, half full at most.
 */
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/tally.h"

#define SLOTS_FIRST 64
#define HASH_PRIME UINT64_C(0x9e3779b97f4a7c15)

/* Small, for there are many: the key lies behind its row. */
struct slot {
	uint64_t hash;
	char *row; /* NULL: free */
};

struct tally {
	struct arena *arena; /* foreign */
	size_t row_size, max, count;
	uint64_t seed; /* nobody can choose keys that fall on one slot */
	struct slot *slots;
	char **order; /* the rows, as they came */
	size_t slot_count, order_size;
	char *rest; /* of all that came too late */
};

struct tally *
tally_new(struct arena *a, size_t row_size, size_t max)
{
	struct tally *t = arena_alloc(a, sizeof(*t));

	t->arena = a;
	t->row_size = row_size;
	t->max = max;
	if (getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) < 0)
		t->seed = (uint64_t)(uintptr_t)t;
	t->slot_count = SLOTS_FIRST;
	t->slots = arena_alloc(a, t->slot_count * sizeof(*t->slots));
	return t;
}

/* What stands before a part: NULL and "" are two things. */
static char
mark_of(const char *part)
{
	return part == NULL ? '\1' : '\2';
}

/* Both halves of the product: each bit of the word moves all others. */
static uint64_t
hash_add(uint64_t hash, uint64_t word)
{
	unsigned __int128 product =
	    (unsigned __int128)(hash ^ word) * HASH_PRIME;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Eight bytes at a time. */
static uint64_t
hash_text(uint64_t hash, const char *text, size_t len)
{
	uint64_t word;

	for (; len >= sizeof(word); len -= sizeof(word), text += sizeof(word)) {
		memcpy(&word, text, sizeof(word));
		hash = hash_add(hash, word);
	}
	word = 0;
	memcpy(&word, text, len);
	return hash_add(hash, word);
}

static uint64_t
hash_of(
    const struct tally *t, const char *const *parts, size_t count, size_t *len)
{
	uint64_t hash = t->seed;
	size_t i, part_len;

	*len = 0;
	for (i = 0; i < count; i++) {
		part_len = parts[i] == NULL ? 0 : strlen(parts[i]);
		hash = hash_add(hash, (unsigned char)mark_of(parts[i]));
		hash =
		    hash_text(hash, parts[i] == NULL ? "" : parts[i], part_len);
		*len += 2 + part_len;
	}
	return hash;
}

/*
 * key is of as many parts as these: each mark tells of a text and its NUL
 * behind it, so no comparison runs past the end.
 */
static bool
is_key(const char *key, const char *const *parts, size_t count)
{
	const char *part;
	size_t i, len;

	for (i = 0; i < count; i++) {
		if (*key++ != mark_of(parts[i]))
			return false;
		part = parts[i] == NULL ? "" : parts[i];
		len = strlen(part);
		if (strncmp(key, part, len + 1) != 0)
			return false;
		key += len + 1;
	}
	return true;
}

static void
key_copy(char *key, const char *const *parts, size_t count)
{
	size_t i, len;

	for (i = 0; i < count; i++) {
		len = parts[i] == NULL ? 0 : strlen(parts[i]);
		*key++ = mark_of(parts[i]);
		if (len > 0)
			memcpy(key, parts[i], len);
		key += len + 1; /* the NUL is there */
	}
}

static struct slot *
find(const struct tally *t, uint64_t hash, const char *const *parts,
    size_t count)
{
	size_t mask = t->slot_count - 1, at = (size_t)hash & mask;
	struct slot *s;

	for (;; at = (at + 1) & mask) {
		s = &t->slots[at];
		if (s->row == NULL)
			return s;
		if (s->hash == hash &&
		    is_key(s->row + t->row_size, parts, count))
			return s;
	}
}

static void
grow(struct tally *t)
{
	struct slot *old = t->slots;
	size_t old_count = t->slot_count, i, at;

	t->slot_count *= 2;
	t->slots = arena_alloc(t->arena, t->slot_count * sizeof(*t->slots));
	for (i = 0; i < old_count; i++) {
		if (old[i].row == NULL)
			continue;
		at = (size_t)old[i].hash & (t->slot_count - 1);
		while (t->slots[at].row != NULL)
			at = (at + 1) & (t->slot_count - 1);
		t->slots[at] = old[i];
	}
}

/* Rows are apart, so that they stay; order has them one behind the other. */
static char *
row_new(struct tally *t, size_t key_len)
{
	char **order;

	if (t->count == t->order_size) {
		t->order_size = t->order_size == 0 ? 64 : 2 * t->order_size;
		order = arena_alloc(t->arena, t->order_size * sizeof(*order));
		if (t->count > 0)
			memcpy(order, t->order, t->count * sizeof(*order));
		t->order = order;
	}
	t->order[t->count] = arena_alloc(t->arena, t->row_size + key_len);
	return t->order[t->count++];
}

void *
tally_row(struct tally *t, const char *const *parts, size_t count, bool *is_new)
{
	size_t len;
	uint64_t hash = hash_of(t, parts, count, &len);
	struct slot *s = find(t, hash, parts, count);

	*is_new = false;
	if (s->row != NULL)
		return s->row;
	if (t->count >= t->max) {
		if (t->rest == NULL)
			t->rest = row_new(t, 0);
		return t->rest;
	}
	if (2 * (t->count + 1) > t->slot_count) {
		grow(t);
		s = find(t, hash, parts, count);
	}
	s->hash = hash;
	s->row = row_new(t, len);
	key_copy(s->row + t->row_size, parts, count);
	*is_new = true;
	return s->row;
}

size_t
tally_count(const struct tally *t)
{
	return t->count;
}

void *
tally_rows(const struct tally *t)
{
	char *rows = arena_alloc(t->arena, (t->count + 1) * t->row_size);
	size_t i;

	for (i = 0; i < t->count; i++)
		memcpy(rows + i * t->row_size, t->order[i], t->row_size);
	return rows;
}
