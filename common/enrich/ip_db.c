/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ip_db.c - an MMDB file, by libmaxminddb. Its vendors name the same things
 * differently; what is looked for stands in a table.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/text.h"
#include "common/enrich/ip_db.h"

#define PIECE_BYTES ((size_t)1 << 20)
#define TEXT_MAX 1024

struct ip_db {
	MMDB_s mmdb;
};

/* Copy all of from; -1 when that cannot be done. */
static int
copy_all(int from, int to)
{
	char *piece = xmalloc(PIECE_BYTES);
	ssize_t n;

	while ((n = read(from, piece, PIECE_BYTES)) > 0)
		if (write(to, piece, (size_t)n) != n) {
			n = -1;
			break;
		}
	free(piece);
	return n == 0 ? 0 : -1;
}

/* A new file that has what path has; its name, NULL: cannot be made. */
static char *
copy_of(const char *path, const char *temp_path)
{
	char *name = xasprintf("%s/ip-db.XXXXXX", temp_path);
	int from, to, rc = -1;

	from = open(path, O_RDONLY | O_CLOEXEC);
	to = from >= 0 ? mkostemp(name, O_CLOEXEC) : -1;
	if (to >= 0) {
		rc = copy_all(from, to);
		(void)close(to);
		if (rc < 0)
			(void)unlink(name);
	}
	if (from >= 0)
		(void)close(from);
	if (rc == 0)
		return name;
	free(name);
	return NULL;
}

int
ip_db_open(
    struct ip_db **db, const char *path, const char *temp_path, struct err *e)
{
	struct ip_db *opened = xcalloc(1, sizeof(*opened));
	char *copy = temp_path != NULL ? copy_of(path, temp_path) : NULL;
	int rc = MMDB_open(
	    copy != NULL ? copy : path, MMDB_MODE_MMAP, &opened->mmdb);

	if (copy != NULL) {
		(void)unlink(copy); /* what is mapped stays */
		free(copy);
	}
	if (rc != MMDB_SUCCESS) {
		free(opened);
		return err_set(e, ERR_CONF, "%s: %s", path, MMDB_strerror(rc));
	}
	*db = opened;
	return 0;
}

uint32_t
ip_db_find(const struct ip_db *db, const struct address *a)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };
	const struct sockaddr *sa = (const struct sockaddr *)&in6;
	MMDB_lookup_result_s found;
	int rc;

	memcpy(&in6.sin6_addr, a->bytes, sizeof(in6.sin6_addr));
	memcpy(&in.sin_addr, a->bytes + 12, sizeof(in.sin_addr));
	if (address_is_v4(a))
		sa = (const struct sockaddr *)&in;
	found = MMDB_lookup_sockaddr(&db->mmdb, sa, &rc);
	/* the first of all lies at 0 */
	return rc == MMDB_SUCCESS && found.found_entry ? found.entry.offset + 1
						       : 0;
}

/* The value at a path of keys; false when it is not there. */
static bool
value_at(MMDB_entry_s *entry, const char *const *path, MMDB_entry_data_s *value)
{
	return MMDB_aget_value(entry, value, path) == MMDB_SUCCESS &&
	       value->has_data;
}

static char *
text_at(MMDB_entry_s *entry, const char *const *path, struct arena *arena)
{
	MMDB_entry_data_s v;

	if (!value_at(entry, path, &v) ||
	    v.type != MMDB_DATA_TYPE_UTF8_STRING || v.data_size == 0 ||
	    v.data_size > TEXT_MAX ||
	    text_utf8_valid(v.utf8_string, v.data_size) != v.data_size)
		return NULL;
	return arena_strndup(arena, v.utf8_string, v.data_size);
}

/* A number, or a text as "AS64500". */
static int64_t
number_at(MMDB_entry_s *entry, const char *const *path)
{
	MMDB_entry_data_s v;
	const char *text;
	size_t len;
	int64_t n;

	if (!value_at(entry, path, &v))
		return 0;
	switch (v.type) {
	case MMDB_DATA_TYPE_UINT16:
		return v.uint16;
	case MMDB_DATA_TYPE_UINT32:
		return v.uint32;
	case MMDB_DATA_TYPE_INT32:
		return v.int32 > 0 ? v.int32 : 0;
	case MMDB_DATA_TYPE_UTF8_STRING:
		text = v.utf8_string;
		len = v.data_size;
		if (len > 2 && text_equal_nocase_n(text, "AS", 2)) {
			text += 2;
			len -= 2;
		}
		return text_to_int64(text, len, &n) == 0 && n > 0 &&
			       n <= UINT32_MAX
			   ? n
			   : 0;
	default:
		return 0;
	}
}

/* The names of IPinfo's flat tables first, then those of MaxMind's kind. */
static const char *const country_paths[][3] = {
	{ "country_code", NULL },
	{ "country", "iso_code", NULL },
};
static const char *const asn_paths[][2] = {
	{ "asn", NULL },
	{ "autonomous_system_number", NULL },
};
static const char *const as_name_paths[][2] = {
	{ "as_name", NULL },
	{ "autonomous_system_organization", NULL },
};
static const char *const as_domain_path[] = { "as_domain", NULL };

void
ip_db_read(const struct ip_db *db, uint32_t place, struct arena *arena,
    struct ip_facts *f)
{
	MMDB_entry_s entry = { .mmdb = &db->mmdb, .offset = place - 1 };
	char *domain;
	size_t i;

	memset(f, 0, sizeof(*f));
	if (place == 0)
		return;
	for (i = 0; i < 2; i++) {
		if (f->country == NULL)
			f->country = text_at(&entry, country_paths[i], arena);
		if (f->asn == 0)
			f->asn = number_at(&entry, asn_paths[i]);
		if (f->as_name == NULL)
			f->as_name = text_at(&entry, as_name_paths[i], arena);
	}
	if ((domain = text_at(&entry, as_domain_path, arena)) != NULL)
		text_lower(domain);
	f->as_domain = domain;
}

void
ip_db_close(struct ip_db **db)
{
	if (*db == NULL)
		return;
	MMDB_close(&(*db)->mmdb);
	free(*db);
	*db = NULL;
}
