/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_imap_memory.c - names of mailboxes, sets of UIDs, and what is
 * remembered of a mailbox over a restart.
 */
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"
#include "common/base/buf.h"
#include "imap/memory.h"
#include "imap/name.h"
#include "imap/uidset.h"

static const struct {
	const char *name;
	const char *prefix;
	char delimiter;
	const char *in, *out;
} names[] = {
	{ "as it is", NULL, '/', "Archive/Aggregate", "\"Archive/Aggregate\"" },
	{ "another delimiter", NULL, '.', "Archive/Aggregate",
	    "\"Archive.Aggregate\"" },
	{ "no levels", NULL, '\0', "a/b", "\"a/b\"" },
	{ "prefix", "INBOX.", '.', "Archive/X", "\"INBOX.Archive.X\"" },
	{ "prefix that is there", "INBOX.", '.', "INBOX/Archive",
	    "\"INBOX.Archive\"" },
	{ "inbox has none", "INBOX.", '.', "inbox", "\"inbox\"" },
	{ "prefix with a quote", "a\"b\\/", '/', "X", "\"a\\\"b\\\\/X\"" },
	{ "quotes", NULL, '/', "a\"b\\c", "\"a\\\"b\\\\c\"" },
	{ "ampersand", NULL, '/', "a&b", "\"a&-b\"" },
	/* RFC 3501, 5.1.3 */
	{ "modified UTF-7", NULL, '/',
	    "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/"
	    "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
	    "\"~peter/mail/&U,BTFw-/&ZeVnLIqe-\"" },
	{ "beyond 16 bits", NULL, '/', "\xf0\x9f\x93\xa8", "\"&2D3c6A-\"" },
	{ "empty prefix", "", '/', "X", "\"X\"" },
};

static void
test_names(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char *prefix =
		    names[i].prefix != NULL ? xstrdup(names[i].prefix) : NULL;
		const struct imap_names n = { prefix, names[i].delimiter };
		char *quoted = imap_name_quoted(&n, names[i].in);

		if (strcmp(quoted, names[i].out) != 0)
			fail_msg("%s: %s", names[i].name, quoted);
		free(quoted);
		free(prefix);
	}
}

static void
test_sets(void **state)
{
	static const uint32_t uids[] = { 1, 2, 3, 7, 9, 10, 4294967294,
		4294967295 };
	const char *at;
	struct imap_uidset s;
	uint64_t range = 0;
	uint32_t uid;
	size_t i;

	(void)state;
	imap_uidset_init(&s);
	for (i = 0; i < 8; i++)
		assert_true(imap_uidset_add(&s, uids[i]));
	assert_int_equal(s.count, 8);
	at = imap_uidset_text(&s);
	assert_string_equal(at, "1:3,7,9:10,4294967294:4294967295");
	for (i = 0; i < 8; i++) {
		assert_int_equal(imap_uidset_next(&at, &range, &uid), 1);
		assert_int_equal(uid, uids[i]);
	}
	assert_int_equal(imap_uidset_next(&at, &range, &uid), 0);
	imap_uidset_clear(&s);
	imap_uidset_init(&s);
	assert_string_equal(imap_uidset_text(&s), "");
	imap_uidset_clear(&s);
}

/* No command is longer than servers take. */
static void
test_set_is_full(void **state)
{
	struct imap_uidset s;
	uint32_t uid = 4000000000;

	(void)state;
	imap_uidset_init(&s);
	while (imap_uidset_add(&s, uid))
		uid += 2;
	assert_in_range(s.count, IMAP_LATER_MAX, IMAP_UIDSET_BYTES);
	assert_in_range(strlen(imap_uidset_text(&s)), IMAP_UIDSET_BYTES - 100,
	    IMAP_UIDSET_BYTES);
	imap_uidset_clear(&s);
}

static void
test_bad_sets(void **state)
{
	static const char *const bad[] = { ",", "0", "1,", "1,,2", "2:1",
		"1:", "a", "1 ", "4294967296", "1:*", "-1" };
	const char *at;
	uint64_t range;
	uint32_t uid;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		at = bad[i];
		range = 0;
		while ((rc = imap_uidset_next(&at, &range, &uid)) == 1)
			;
		if (rc != -1)
			fail_msg("%s: accepted", bad[i]);
	}
}

static char folder[64];

static struct imap_memory *
open_memory(const char *user)
{
	char host_text[] = "h", user_text[32] = "";
	const struct conf_imap account = { .host = host_text,
		.user = user_text };
	struct imap_memory *m = NULL;
	struct err e = { 0 };

	(void)snprintf(user_text, sizeof(user_text), "%s", user);
	if (imap_memory_open(&m, folder, &account, "INBOX", &e) < 0)
		fail_msg("%s", e.text);
	return m;
}

static void
test_memory(void **state)
{
	struct imap_memory *m = open_memory("a"), *other;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(m->next, 1);
	imap_memory_begin(m, 5);
	m->next = 1000;
	m->later[0] = 7;
	m->later[1] = 999;
	m->later_count = 2;
	assert_int_equal(imap_memory_save(m, &e), 0);
	imap_memory_close(&m);
	m = open_memory("a");
	imap_memory_begin(m, 5);
	assert_int_equal(m->next, 1000);
	assert_true(imap_memory_is_later(m, 7));
	assert_true(imap_memory_is_later(m, 999));
	assert_false(imap_memory_is_later(m, 8));
	other = open_memory("b"); /* of its own */
	assert_int_equal(other->next, 1);
	imap_memory_close(&other);
	imap_memory_begin(m, 6); /* the mailbox was made anew */
	assert_int_equal(m->next, 1);
	assert_int_equal(m->later_count, 0);
	m->next = 50;
	imap_memory_begin(m, 0); /* UIDs that mean nothing */
	assert_int_equal(m->next, 1);
	imap_memory_close(&m);
	assert_null(m);
}

static void
rewrite(const char *text)
{
	char pattern[96];
	glob_t found;
	int fd;

	(void)snprintf(pattern, sizeof(pattern), "%s/imap/*[!k]", folder);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	assert_int_equal(found.gl_pathc, 1);
	fd = open(found.gl_pathv[0], O_WRONLY | O_TRUNC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
	globfree(&found);
}

/* Of another version, or damaged: all is judged once more. */
static void
test_memory_is_void(void **state)
{
	static const char *const texts[] = { "",
		"reader 0.0.1-old\nuidvalidity 5\nnext 9\nlater \n",
		"uidvalidity 5\nnext 99999999999\nlater \n",
		"uidvalidity 5\nnext 0\nlater 3\n",
		"uidvalidity 5\nnext 9\nlater 3,,4\n",
		"uidvalidity 5\nnext 9\nlater 1:4000000000\n",
		"uidvalidity -5\nnext 9\n", "next\n", "\x01\x02" };
	struct imap_memory *m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		rewrite(texts[i]);
		m = open_memory("a");
		imap_memory_begin(m, 5);
		if (m->next != 1 || m->later_count != 0)
			fail_msg("%s: next %u", texts[i], m->next);
		imap_memory_close(&m);
	}
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

int
main(void)
{
	struct unit u = { .count = 0 };
	int rc;

	(void)snprintf(folder, sizeof(folder), "/tmp/test_imap.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return 1;
	UNIT_ONE(&u, test_names);
	UNIT_ONE(&u, test_sets);
	UNIT_ONE(&u, test_set_is_full);
	UNIT_ONE(&u, test_bad_sets);
	UNIT_ONE(&u, test_memory);
	UNIT_ONE(&u, test_memory_is_void);
	rc = unit_run("imap_memory", &u);
	(void)nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	return rc;
}
