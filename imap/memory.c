/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.c - which mails of a mailbox were judged. A file for each mailbox,
 * replaced as a whole; what it says holds for this version of the program
 * only, so that an upgrade judges once more what an older one has left.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/sha256.h"
#include "common/base/text.h"
#include "imap/memory.h"
#include "imap/uidset.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unreleased"
#endif

#define FOLDER "imap"
#define FOLDER_MODE 0750
#define FILE_MODE 0640
#define FILE_BYTES (16 * 1024)

/* Behind another port may be another server: tunnels end at one address. */
static bool
is_usual(uint64_t port)
{
	return port == 143 || port == 993;
}

/*
 * The same mailbox has the same file, however the section is called, and also
 * when it is read with TLS from now on.
 */
static char *
path_of(
    const char *state_path, const struct conf_imap *account, const char *folder)
{
	unsigned char digest[SHA256_BYTES];
	char hex[SHA256_HEX_SIZE];
	struct sha256 *s = sha256_new();

	sha256_add(s, account->host, strlen(account->host) + 1);
	sha256_add(s, account->user, strlen(account->user) + 1);
	sha256_add(s, folder, strlen(folder) + 1);
	if (!is_usual(account->port))
		sha256_add(s, &account->port, sizeof(account->port));
	sha256_end(s, digest);
	sha256_free(&s);
	text_hex(digest, sizeof(digest), hex);
	return xasprintf("%s/" FOLDER "/%.32s", state_path, hex);
}

static void
forget(struct imap_memory *m)
{
	m->uidvalidity = 0;
	m->next = 1;
	m->later_count = 0;
}

static bool
number_of(const char *text, uint32_t *number)
{
	int64_t n;

	if (text_to_int64(text, strlen(text), &n) < 0 || n < 0 ||
	    n > UINT32_MAX)
		return false;
	*number = (uint32_t)n;
	return true;
}

static bool
take_later(struct imap_memory *m, const char *text)
{
	uint64_t range = 0;
	uint32_t uid;
	int rc;

	while ((rc = imap_uidset_next(&text, &range, &uid)) == 1) {
		if (m->later_count == IMAP_LATER_MAX)
			return false;
		m->later[m->later_count++] = uid;
	}
	return rc == 0;
}

/* false: it is of another version, or damaged. */
static bool
take_line(struct imap_memory *m, char *line)
{
	char *value = strchr(line, ' ');

	if (value == NULL)
		return *line == '\0';
	*value++ = '\0';
	if (strcmp(line, "reader") == 0)
		return strcmp(value, PACKAGE_VERSION) == 0;
	if (strcmp(line, "uidvalidity") == 0)
		return number_of(value, &m->uidvalidity);
	if (strcmp(line, "next") == 0)
		return number_of(value, &m->next) && m->next > 0;
	if (strcmp(line, "later") == 0)
		return take_later(m, value);
	return true;
}

/* What cannot be read is forgotten: then all is judged once more. */
static void
take_file(struct imap_memory *m, char *text)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (!take_line(m, line)) {
			forget(m);
			return;
		}
	}
}

static int
read_file(struct imap_memory *m, struct err *e)
{
	char text[FILE_BYTES];
	int fd = open(m->path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	forget(m);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_set_errno(e, "%s", m->path);
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		err_set_errno(e, "%s", m->path);
	(void)close(fd);
	if (n < 0)
		return -1;
	text[n] = '\0';
	take_file(m, text);
	return 0;
}

/* Two processes would judge, and move, each mail twice. */
static int
lock(struct imap_memory *m, struct err *e)
{
	char *path = xasprintf("%s.lock", m->path);

	m->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
	if (m->lock_fd < 0)
		err_set_errno(e, "%s", path);
	else if (flock(m->lock_fd, LOCK_EX | LOCK_NB) == 0)
		e = NULL;
	else if (errno == EWOULDBLOCK)
		err_set(e, ERR_TEMP, "another process reads this mailbox");
	else
		err_set_errno(e, "lock %s", path);
	free(path);
	return e == NULL ? 0 : -1;
}

int
imap_memory_open(struct imap_memory **opened, const char *state_path,
    const struct conf_imap *account, const char *folder, struct err *e)
{
	struct imap_memory *m = xcalloc(1, sizeof(*m));
	char *parent = xasprintf("%s/" FOLDER, state_path);
	int rc = -1;

	m->lock_fd = -1;
	m->path = path_of(state_path, account, folder);
	m->about = xasprintf(
	    "mailbox %s of %s at %s", folder, account->user, account->host);
	if (mkdir(parent, FOLDER_MODE) < 0 && errno != EEXIST)
		err_set_errno(e, "folder %s", parent);
	else if (lock(m, e) == 0)
		rc = read_file(m, e);
	free(parent);
	if (rc < 0) {
		imap_memory_close(&m);
		return -1;
	}
	*opened = m;
	return 0;
}

struct imap_memory *
imap_memory_blank(void)
{
	struct imap_memory *m = xcalloc(1, sizeof(*m));

	m->lock_fd = -1;
	forget(m);
	return m;
}

void
imap_memory_begin(struct imap_memory *m, uint32_t uidvalidity)
{
	if (m->uidvalidity != uidvalidity || uidvalidity == 0)
		forget(m);
	m->uidvalidity = uidvalidity;
}

bool
imap_memory_is_later(const struct imap_memory *m, uint32_t uid)
{
	size_t i;

	for (i = 0; i < m->later_count; i++)
		if (m->later[i] == uid)
			return true;
	return false;
}

static void
write_text(const struct imap_memory *m, struct buf *text)
{
	struct imap_uidset later;
	struct err e; /* all of it fits */
	size_t i;

	imap_uidset_init(&later);
	for (i = 0; i < m->later_count; i++)
		(void)imap_uidset_add(&later, m->later[i]);
	(void)buf_printf(text, &e,
	    "# %s\nreader " PACKAGE_VERSION "\nuidvalidity %" PRIu32
	    "\nnext %" PRIu32 "\nlater %s\n",
	    m->about, m->uidvalidity, m->next, imap_uidset_text(&later));
	imap_uidset_clear(&later);
}

static int
write_file(const char *path, const struct buf *text, struct err *e)
{
	int fd =
	    open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
	ssize_t n;
	int rc = 0;

	if (fd < 0)
		return err_set_errno(e, "%s", path);
	n = write(fd, text->data, text->len);
	if (n != (ssize_t)text->len || fsync(fd) < 0)
		rc = err_set_errno(e, "%s", path);
	(void)close(fd);
	return rc;
}

int
imap_memory_save(const struct imap_memory *m, struct err *e)
{
	char *fresh;
	struct buf text;
	int rc;

	if (m->path == NULL || m->uidvalidity == 0)
		return 0; /* UIDs of this server mean nothing later */
	buf_init(&text, FILE_BYTES);
	write_text(m, &text);
	fresh = xasprintf("%s.new", m->path);
	rc = write_file(fresh, &text, e);
	if (rc == 0 && rename(fresh, m->path) < 0)
		rc = err_set_errno(e, "rename to %s", m->path);
	free(fresh);
	buf_clear(&text);
	return rc;
}

void
imap_memory_close(struct imap_memory **m)
{
	if (*m == NULL)
		return;
	if ((*m)->lock_fd >= 0)
		(void)close((*m)->lock_fd);
	free((*m)->path);
	free((*m)->about);
	free(*m);
	*m = NULL;
}
