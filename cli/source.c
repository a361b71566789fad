/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.c - the mails of what a person named.
 * in: paths    out: the bytes of one mail after the other
 *
 * A file that starts with "From " is an mbox (in mboxrd form, RFC 4155 has
 * the idea): a mail ends where an empty line is followed by "From ", and one
 * ">" is taken off lines that start with ">From ", ">>From " and so on.
 * Everything else is one mail or one bare report, whatever it is called.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"

#include "cli/source.h"

#define WINDOW_BYTES (64 * 1024)
#define MAILDIR 1 /* in fts_number of a folder */

/* A window on the open file, for whole lines where they fit. */
struct window {
	char data[WINDOW_BYTES];
	size_t at, len;
	bool is_end; /* of the file */
};

struct mail_source {
	char *const *paths; /* borrowed */
	size_t count, next;
	const struct conf_limits *limits; /* borrowed */
	FTS *tree;                        /* of the path in hand, if a folder */
	int fd;                           /* of the file in hand, or -1 */
	char *path;                       /* of the file in hand; owned */
	char *name;                       /* as told; owned */
	char *maildir_file; /* of the mail that was given last; owned */
	bool is_mbox;
	uint64_t mail_number; /* in the mbox, from 1 */
	uint64_t done, total;
	struct window window;
};

struct mail_source *
source_open(char *const *paths, size_t count, const struct conf_limits *limits)
{
	struct mail_source *s = xcalloc(1, sizeof(*s));
	struct stat st;
	size_t i;

	s->paths = paths;
	s->count = count;
	s->limits = limits;
	s->fd = -1;
	for (i = 0; i < count; i++) {
		if (stat(paths[i], &st) < 0 || !S_ISREG(st.st_mode)) {
			s->total = 0;
			break;
		}
		s->total += (uint64_t)st.st_size;
	}
	return s;
}

void
source_position(const struct mail_source *s, uint64_t *done, uint64_t *total)
{
	*done = s->done;
	*total = s->total;
}

static void
close_file(struct mail_source *s)
{
	if (s->fd >= 0 && s->fd != STDIN_FILENO)
		(void)close(s->fd);
	s->fd = -1;
	free(s->path);
	s->path = NULL;
}

void
source_close(struct mail_source **s)
{
	if (*s == NULL)
		return;
	close_file(*s);
	if ((*s)->tree != NULL)
		(void)fts_close((*s)->tree);
	free((*s)->name);
	free((*s)->maildir_file);
	free(*s);
	*s = NULL;
}

/* The input is at fault, and only the person who named it can help. */
static int
cannot(struct err *e, const char *what)
{
	err_set_errno(e, "%s", what);
	e->kind = ERR_CONF;
	return -1;
}

/* Move the rest to the front and fill up. Nothing to read is no failure. */
static int
window_fill(struct mail_source *s, struct err *e)
{
	struct window *w = &s->window;
	ssize_t n;

	memmove(w->data, w->data + w->at, w->len - w->at);
	w->len -= w->at;
	w->at = 0;
	while (!w->is_end && w->len < sizeof(w->data)) {
		n = read(s->fd, w->data + w->len, sizeof(w->data) - w->len);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return cannot(e, "cannot be read");
		}
		w->is_end = n == 0;
		w->len += (size_t)n;
		s->done += (uint64_t)n;
	}
	return 0;
}

static bool
starts(const char *p, size_t len, const char *prefix, size_t prefix_len)
{
	return len >= prefix_len && memcmp(p, prefix, prefix_len) == 0;
}

#define STARTS(p, len, text) starts(p, len, text, sizeof(text) - 1)

static int
take_fd(struct mail_source *s, int fd, const char *path, struct err *e)
{
	s->fd = fd;
	s->path = xstrdup(path);
	s->mail_number = 0;
	s->window.at = s->window.len = 0;
	s->window.is_end = false;
	if (window_fill(s, e) < 0)
		return -1;
	s->is_mbox = STARTS(s->window.data, s->window.len, "From ");
	return 1;
}

/* A report that no mail is around may be as large as an unpacked one. */
static uint64_t
limit_of(const struct mail_source *s)
{
	const char *p = s->window.data;
	size_t len = s->window.len;

	if (STARTS(p, len, "<") || STARTS(p, len, "\xef\xbb\xbf<") ||
	    STARTS(p, len, "\x1f\x8b") || STARTS(p, len, "PK\x03\x04"))
		return s->limits->decompressed;
	return s->limits->message;
}

static int
open_path(struct mail_source *s, const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0) {
		s->path = xstrdup(path); /* to be named with the error */
		return cannot(e, "cannot be opened");
	}
	return take_fd(s, fd, path, e);
}

static int
by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool
has_folder(const char *path, const char *name)
{
	char *inner = xasprintf("%s/%s", path, name);
	struct stat st;
	bool has = stat(inner, &st) == 0 && S_ISDIR(st.st_mode);

	free(inner);
	return has;
}

/* Hidden files are nobody's mail, and a Maildir's are in cur and new only. */
static bool
is_skipped(const FTSENT *entry)
{
	if (entry->fts_level == FTS_ROOTLEVEL)
		return false;
	if (entry->fts_name[0] == '.')
		return true;
	return entry->fts_parent->fts_number == MAILDIR &&
	       strcmp(entry->fts_name, "cur") != 0 &&
	       strcmp(entry->fts_name, "new") != 0;
}

static bool
is_of_maildir(const FTSENT *entry)
{
	const FTSENT *folder = entry->fts_parent;

	return folder->fts_level > FTS_ROOTLEVEL &&
	       folder->fts_parent->fts_number == MAILDIR;
}

static int
tree_trouble(struct mail_source *s, const FTSENT *entry, struct err *e)
{
	s->path = xstrdup(entry->fts_path);
	errno = entry->fts_errno;
	return cannot(e, "cannot be read");
}

/* False: a reader has renamed it since, and the next run will find it. */
static bool
open_maildir_file(
    struct mail_source *s, const char *path, int *rc, struct err *e)
{
	*rc = open_path(s, path, e);
	if (*rc < 0 && access(path, F_OK) < 0 && errno == ENOENT) {
		close_file(s);
		err_clear(e);
		return false;
	}
	s->maildir_file = xstrdup(path);
	return true;
}

/* The next file of the folder in hand: 1 open, 0 none left, -1 *e. */
static int
next_of_tree(struct mail_source *s, struct err *e)
{
	FTSENT *entry;
	int rc;

	while ((errno = 0, entry = fts_read(s->tree)) != NULL) {
		if (is_skipped(entry)) {
			(void)fts_set(s->tree, entry, FTS_SKIP);
			continue;
		}
		switch (entry->fts_info) {
		case FTS_D:
			if (has_folder(entry->fts_accpath, "cur") &&
			    has_folder(entry->fts_accpath, "new"))
				entry->fts_number = MAILDIR;
			break;
		case FTS_F:
			if (!is_of_maildir(entry))
				return open_path(s, entry->fts_accpath, e);
			if (open_maildir_file(s, entry->fts_accpath, &rc, e))
				return rc;
			break;
		case FTS_DNR:
		case FTS_ERR:
		case FTS_NS:
			return tree_trouble(s, entry, e);
		default: /* sockets, loops, links to nowhere: no mail */
			break;
		}
	}
	if (errno != 0)
		return cannot(e, "cannot be read");
	(void)fts_close(s->tree);
	s->tree = NULL;
	return 0;
}

static int
open_next(struct mail_source *s, struct err *e)
{
	char *path, *roots[2] = { NULL, NULL };
	struct stat st;
	int rc;

	for (;;) {
		if (s->tree != NULL && (rc = next_of_tree(s, e)) != 0)
			return rc;
		if (s->next == s->count)
			return 0;
		path = s->paths[s->next++];
		if (strcmp(path, "-") == 0)
			return take_fd(s, STDIN_FILENO, "stdin", e);
		if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
			return open_path(s, path, e);
		roots[0] = path;
		/* links are followed; a loop is seen and left alone */
		s->tree = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, by_name);
		if (s->tree == NULL) {
			s->path = xstrdup(path);
			return cannot(e, "cannot be read");
		}
	}
}

/* Past the limit nothing more is taken, but reading goes on to the end. */
struct taking {
	struct spill *mail; /* foreign */
	uint64_t limit;
	bool too_large;
};

static int
take(struct taking *t, const char *p, size_t len, struct err *e)
{
	if (t->too_large)
		return 0;
	if (len > t->limit - spill_size(t->mail)) {
		t->too_large = true;
		return 0;
	}
	return spill_add(t->mail, p, len, e);
}

static int
taken(const struct taking *t, struct err *e)
{
	if (!t->too_large)
		return 1;
	return err_set(e, ERR_LIMIT, "larger than %llu bytes",
	    (unsigned long long)t->limit);
}

static int
read_whole(struct mail_source *s, struct spill *mail, struct err *e)
{
	struct window *w = &s->window;
	struct taking t = { .mail = mail, .limit = limit_of(s) };

	while (w->len > 0 && !t.too_large) {
		if (take(&t, w->data, w->len, e) < 0)
			return -1;
		w->at = w->len;
		if (window_fill(s, e) < 0)
			return -1;
	}
	return taken(&t, e);
}

/*
 * The next line or piece of a long one: its length, with the line end; 0 at
 * the end of the file.
 */
static int
next_line(struct mail_source *s, const char **p, size_t *len, struct err *e)
{
	struct window *w = &s->window;
	const char *end = NULL;

	if (w->len > w->at)
		end = memchr(w->data + w->at, '\n', w->len - w->at);
	if (end == NULL) {
		if (window_fill(s, e) < 0)
			return -1;
		end = memchr(w->data, '\n', w->len);
	}
	*p = w->data + w->at;
	*len = end != NULL ? (size_t)(end + 1 - *p) : w->len - w->at;
	return 0;
}

static bool
is_quoted_from(const char *p, size_t len)
{
	size_t depth = 0;

	while (depth < len && p[depth] == '>')
		depth++;
	return depth > 0 && STARTS(p + depth, len - depth, "From ");
}

static bool
is_empty_line(const char *p, size_t len)
{
	return STARTS(p, len, "\n") || STARTS(p, len, "\r\n");
}

/* The "From " line is the mbox's, not the mail's. */
static int
skip_line(struct mail_source *s, struct err *e)
{
	const char *p;
	size_t len;

	do {
		if (next_line(s, &p, &len, e) < 0)
			return -1;
		s->window.at += len;
	} while (len > 0 && p[len - 1] != '\n');
	return 0;
}

static int
take_line(
    struct taking *t, const char *p, size_t len, bool at_start, struct err *e)
{
	if (at_start && is_quoted_from(p, len))
		return take(t, p + 1, len - 1, e);
	return take(t, p, len, e);
}

/*
 * One mail of the mbox; the window stands at its "From " line. An empty line
 * is held back: before a "From " line and at the end it is the mbox's own.
 */
static int
read_of_mbox(struct mail_source *s, struct spill *mail, struct err *e)
{
	struct taking t = { .mail = mail, .limit = s->limits->message };
	const char *p;
	size_t len, held_len = 0;
	char held[2];
	bool at_start = true;

	if (skip_line(s, e) < 0)
		return -1;
	for (;;) {
		if (next_line(s, &p, &len, e) < 0)
			return -1;
		if (len == 0 || (held_len > 0 && STARTS(p, len, "From ")))
			break;
		s->window.at += len; /* p stays until the next line */
		if (take(&t, held, held_len, e) < 0)
			return -1;
		held_len = 0;
		if (at_start && is_empty_line(p, len)) {
			memcpy(held, p, len);
			held_len = len;
			continue;
		}
		if (take_line(&t, p, len, at_start, e) < 0)
			return -1;
		at_start = p[len - 1] == '\n';
	}
	return taken(&t, e);
}

static void
set_name(struct mail_source *s, const char **name)
{
	free(s->name);
	if (s->mail_number > 0)
		s->name = xasprintf(
		    "%s#%llu", s->path, (unsigned long long)s->mail_number);
	else
		s->name = xstrdup(s->path != NULL ? s->path : "input");
	*name = s->name;
}

const char *
source_maildir_file(const struct mail_source *s)
{
	return s->is_mbox ? NULL : s->maildir_file;
}

int
source_next(
    struct mail_source *s, struct spill *mail, const char **name, struct err *e)
{
	int rc;

	free(s->maildir_file);
	s->maildir_file = NULL;
	if (s->fd < 0 && (rc = open_next(s, e)) <= 0) {
		if (rc < 0)
			set_name(s, name);
		close_file(s);
		return rc;
	}
	if (s->is_mbox)
		s->mail_number++;
	set_name(s, name);
	rc = s->is_mbox ? read_of_mbox(s, mail, e) : read_whole(s, mail, e);
	/* behind a mail that is too large the mbox goes on */
	if (!s->is_mbox || (rc < 0 && e->kind != ERR_LIMIT) ||
	    (s->window.is_end && s->window.at == s->window.len))
		close_file(s);
	return rc;
}
