/* SPDX-License-Identifier: Apache-2.0 */
/*
 * maildir.c - move, mark or delete a mail of a Maildir.
 * in: its file and what became of it (feed.c)    out: the file elsewhere
 *
 * One rename or unlink a mail: whenever the program ends, the mail is in one
 * place, and where it is not yet done the next run finds its records stored.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"

#include "cli/maildir.h"

#define INFO ":2," /* flags follow */
#define SEEN 'S'

/* ROOT/new/NAME, taken apart. */
struct place {
	char *path; /* owned; cut into the two below */
	const char *root, *name;
};

static int
place_of(struct place *p, const char *file, struct err *e)
{
	char *name, *sub;

	p->path = xstrdup(file);
	name = strrchr(p->path, '/');
	if (name != NULL)
		*name = '\0';
	sub = name != NULL ? strrchr(p->path, '/') : NULL;
	p->root = sub != NULL ? p->path : ".";
	if (sub != NULL)
		*sub = '\0';
	if (name == NULL) {
		free(p->path);
		return err_set(e, ERR_CONF, "not in a Maildir");
	}
	p->name = name + 1;
	return 0;
}

/* The name with SEEN among its flags, which are sorted. */
static char *
seen_name(const char *name)
{
	const char *flags = strstr(name, INFO);
	size_t at;

	if (flags == NULL)
		return xasprintf("%s" INFO "%c", name, SEEN);
	flags += strlen(INFO);
	for (at = 0; flags[at] != '\0' && flags[at] < SEEN; at++)
		;
	if (flags[at] == SEEN)
		return xstrdup(name);
	return xasprintf("%.*s%c%s", (int)(flags - name + (ptrdiff_t)at), name,
	    SEEN, flags + at);
}

static int
make_folder(const char *path, struct err *e)
{
	static const char *const subs[] = { "", "/tmp", "/new", "/cur" };
	int rc = 0;
	size_t i;

	for (i = 0; rc == 0 && i < sizeof(subs) / sizeof(*subs); i++) {
		char *sub = xasprintf("%s%s", path, subs[i]);

		if (mkdir(sub, 0700) < 0 && errno != EEXIST)
			rc = err_set_errno(e, "folder %s", sub);
		free(sub);
	}
	return rc;
}

static bool
is_same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

/* A file that is there already under this name is never replaced. */
static int
rename_only(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	/* NFS cannot; a run that was killed in between has left both */
	if (link(from, to) < 0 && (errno != EEXIST || !is_same_file(from, to)))
		return -1;
	return unlink(from);
}

static int
move(const char *from, const char *to, struct err *e)
{
	if (rename_only(from, to) == 0 || errno == ENOENT)
		return 0;
	return err_set_errno(e, "cannot be moved to %s", to);
}

static int
mark_seen(const char *file, const struct place *p, struct err *e)
{
	char *name = seen_name(p->name);
	char *to = xasprintf("%s/cur/%s", p->root, name);
	int rc = strcmp(file, to) == 0 ? 0 : move(file, to, e);

	free(to);
	free(name);
	return rc;
}

/* What was stored is seen there; what was not waits for somebody to look. */
static int
move_below(const char *file, const struct place *p, const char *archive,
    const char *folder, bool is_stored, struct err *e)
{
	char *path = xasprintf("%s/.%s.%s", p->root, archive, folder);
	char *name = is_stored ? seen_name(p->name) : xstrdup(p->name);
	char *slash = path + strlen(p->root) + 1, *to;
	int rc;

	while ((slash = strchr(slash, '/')) != NULL)
		*slash = '.';
	to = xasprintf(
	    "%s/%s/%s", path, strstr(name, INFO) != NULL ? "cur" : "new", name);
	rc = make_folder(path, e);
	if (rc == 0)
		rc = move(file, to, e);
	free(to);
	free(name);
	free(path);
	return rc;
}

static int
remove_file(const char *file, struct err *e)
{
	if (unlink(file) == 0 || errno == ENOENT)
		return 0;
	return err_set_errno(e, "cannot be deleted");
}

/*
 * Of a mail with reports of several kinds: who may not see failure reports,
 * which have personal data, must not find one among the others.
 */
static const char *
folder_of(const struct outcome *o)
{
	if (o->has_failure)
		return "Failure";
	return o->has_aggregate ? "Aggregate" : "SMTP-TLS";
}

static int
mark_stored(const char *file, const struct place *p,
    const struct conf_maildir *conf, const struct outcome *o, struct err *e)
{
	switch (conf->mark) {
	case CONF_MARK_SEEN:
		return mark_seen(file, p, e);
	case CONF_MARK_MOVE:
		return move_below(
		    file, p, conf->archive_folder, folder_of(o), true, e);
	case CONF_MARK_DELETE:
		return remove_file(file, e);
	case CONF_MARK_NONE:
		break;
	}
	return 0;
}

int
maildir_mark(const char *file, const struct conf_maildir *conf,
    const struct outcome *o, struct err *e)
{
	struct place p;
	int rc = 0;

	if (place_of(&p, file, e) < 0)
		return -1;
	if (o->verdict == VERDICT_STORED)
		rc = mark_stored(file, &p, conf, o, e);
	else if ((o->verdict == VERDICT_KEPT || o->verdict == VERDICT_BOTH) &&
		 (conf->mark == CONF_MARK_MOVE ||
		     conf->mark == CONF_MARK_DELETE))
		/* never deleted: nobody else has it */
		rc = move_below(
		    file, &p, conf->archive_folder, "Invalid", false, e);
	free(p.path);
	return rc;
}
