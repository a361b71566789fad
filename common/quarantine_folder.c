/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quarantine_folder.c - the folders of the quarantine (Maildir++), the lock
 * that processes share, and the walk over what is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/quarantine_folder.h"

#define FOLDER_MODE 0750
#define FILE_MODE 0640
#define LOCK_NAME "dmarc-intake.lock"

static const char *const class_paths[QUARANTINE_CLASSES] = {
	[QUARANTINE_KEPT] = "",
	[QUARANTINE_WAITING] = "/.Waiting",
	[QUARANTINE_OTHER] = "/.Other",
};

static const char *const folder_names[FOLDERS] = {
	[FOLDER_TMP] = "tmp",
	[FOLDER_NEW] = "new",
	[FOLDER_CUR] = "cur",
	[FOLDER_WHY] = "why",
};

const char *
quarantine_path(const struct quarantine *q, enum quarantine_class class,
    enum quarantine_folder folder, const char *name, struct quarantine_path *p)
{
	(void)snprintf(p->text, sizeof(p->text), "%s%s/%s%s%s", q->conf->path,
	    class_paths[class], folder_names[folder], name != NULL ? "/" : "",
	    name != NULL ? name : "");
	return p->text;
}

static int
sync_path(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_set_errno(e, "%s", path);
	if (fsync(fd) < 0) {
		err_set_errno(e, "fsync %s", path);
		(void)close(fd);
		return -1;
	}
	(void)close(fd);
	return 0;
}

int
quarantine_sync(const struct quarantine *q, enum quarantine_class class,
    enum quarantine_folder folder, struct err *e)
{
	struct quarantine_path p;

	return sync_path(quarantine_path(q, class, folder, NULL, &p), e);
}

/* The folder that path is in. */
static int
sync_parent(const char *path, struct err *e)
{
	char *parent = xstrdup(path), *slash = strrchr(parent, '/');
	int rc;

	if (slash == parent)
		slash++;
	*slash = '\0';
	rc = sync_path(parent, e);
	free(parent);
	return rc;
}

static int
make_folder(const char *path, struct err *e)
{
	if (mkdir(path, FOLDER_MODE) == 0)
		return sync_parent(path, e);
	if (errno == EEXIST)
		return 0; /* a file of that name is found out by its use */
	return err_set_errno(e, "mkdir %s", path);
}

/* path and what leads to it. */
static int
make_way(const char *path, struct err *e)
{
	char *part = xstrdup(path), *slash = part;
	struct stat st;
	int rc = 0;

	while (rc == 0 && (slash = strchr(slash + 1, '/')) != NULL) {
		*slash = '\0';
		if (stat(part, &st) < 0)
			rc = make_folder(part, e);
		*slash = '/';
	}
	if (rc == 0)
		rc = make_folder(path, e);
	free(part);
	return rc;
}

/* An empty file by which mail readers know a Maildir++ folder. */
static int
mark_folder(const char *base, struct err *e)
{
	char *path = xasprintf("%s/maildirfolder", base);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, FILE_MODE);

	if (fd < 0)
		err_set_errno(e, "%s", path);
	else
		(void)close(fd);
	free(path);
	return fd < 0 ? -1 : 0;
}

static int
make_class(struct quarantine *q, enum quarantine_class class, struct err *e)
{
	char *base = xasprintf("%s%s", q->conf->path, class_paths[class]);
	struct quarantine_path p;
	int folder, rc;

	rc = make_way(base, e);
	for (folder = 0; rc == 0 && folder < FOLDERS; folder++)
		rc = make_folder(quarantine_path(q, class,
				     (enum quarantine_folder)folder, NULL, &p),
		    e);
	if (rc == 0 && *class_paths[class] != '\0')
		rc = mark_folder(base, e);
	free(base);
	return rc;
}

int
quarantine_make_folders(struct quarantine *q, struct err *e)
{
	char *path;
	int class;

	if (strlen(q->conf->path) > PATH_MAX - NAME_MAX - 32)
		return err_set(e, ERR_CONF, "the path is too long");
	for (class = 0; class < QUARANTINE_CLASSES; class ++)
		if (make_class(q, (enum quarantine_class) class, e) < 0)
			return -1;
	path = xasprintf("%s/%s", q->conf->path, LOCK_NAME);
	q->lock_fd =
	    open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (q->lock_fd < 0)
		err_set_errno(e, "%s", path);
	free(path);
	return q->lock_fd < 0 ? -1 : 0;
}

int
quarantine_lock(struct quarantine *q, struct err *e)
{
	int rc;

	pthread_mutex_lock(&q->lock);
	do {
		rc = flock(q->lock_fd, LOCK_EX);
	} while (rc < 0 && errno == EINTR);
	if (rc == 0)
		return 0;
	err_set_errno(e, "%s/%s", q->conf->path, LOCK_NAME);
	pthread_mutex_unlock(&q->lock);
	return -1;
}

void
quarantine_unlock(struct quarantine *q)
{
	(void)flock(q->lock_fd, LOCK_UN);
	pthread_mutex_unlock(&q->lock);
}

uint64_t
quarantine_generation(const struct quarantine *q)
{
	uint64_t n = 0;

	if (pread(q->lock_fd, &n, sizeof(n), 0) != (ssize_t)sizeof(n))
		return 0; /* a new file */
	return n;
}

/* On failure the others find out by the times of the folders, or later. */
void
quarantine_generation_next(const struct quarantine *q)
{
	uint64_t n = quarantine_generation(q) + 1;

	if (pwrite(q->lock_fd, &n, sizeof(n), 0) < 0)
		return;
}

void
quarantine_walk_begin(struct quarantine_walk *w, const struct quarantine *q,
    enum quarantine_class class)
{
	*w = (struct quarantine_walk){
		.q = q, .class = class, .folder = FOLDER_NEW
	};
}

void
quarantine_walk_end(struct quarantine_walk *w)
{
	if (w->dir != NULL)
		(void)closedir(w->dir);
	w->dir = NULL;
}

/* NAME in new/, NAME:2,FLAGS in cur/ once a mail reader has seen it. */
static bool
is_mail_name(const char *name)
{
	size_t len = strspn(name, QUARANTINE_HEX);

	return len == QUARANTINE_NAME_LEN &&
	       (name[len] == '\0' || name[len] == ':');
}

/* The next file of the open folder; 0 when there are no more. */
static int
next_file(
    struct quarantine_walk *w, struct quarantine_entry *entry, struct err *e)
{
	struct dirent *d;

	for (;;) {
		errno = 0;
		if ((d = readdir(w->dir)) == NULL) {
			if (errno == 0)
				return 0;
			quarantine_path(
			    w->q, w->class, w->folder, NULL, &entry->path);
			return err_set_errno(e, "%s", entry->path.text);
		}
		if (!is_mail_name(d->d_name) ||
		    (w->only != NULL &&
			strncmp(d->d_name, w->only, QUARANTINE_NAME_LEN) != 0))
			continue;
		quarantine_path(
		    w->q, w->class, w->folder, d->d_name, &entry->path);
		/* it may be gone again, or be moved, at any time */
		if (lstat(entry->path.text, &entry->st) < 0 ||
		    !S_ISREG(entry->st.st_mode))
			continue;
		memcpy(entry->name, d->d_name, QUARANTINE_NAME_LEN);
		entry->name[QUARANTINE_NAME_LEN] = '\0';
		return 1;
	}
}

int
quarantine_walk_next(
    struct quarantine_walk *w, struct quarantine_entry *entry, struct err *e)
{
	int rc;

	/* new/ before cur/: a mail that is moved meanwhile is seen twice
	 * rather than not at all */
	for (; w->folder <= FOLDER_CUR; w->folder++) {
		if (w->dir == NULL) {
			w->dir = opendir(quarantine_path(
			    w->q, w->class, w->folder, NULL, &entry->path));
			if (w->dir == NULL)
				return err_set_errno(e, "%s", entry->path.text);
		}
		if ((rc = next_file(w, entry, e)) != 0)
			return rc;
		quarantine_walk_end(w);
	}
	return 0;
}

int
quarantine_find(const struct quarantine *q, enum quarantine_class class,
    const char *name, struct quarantine_path *path, struct err *e)
{
	struct quarantine_walk w;
	struct quarantine_entry entry;
	struct stat st;
	int rc;

	quarantine_path(q, class, FOLDER_NEW, name, path);
	if (lstat(path->text, &st) == 0)
		return 1;
	if (errno != ENOENT)
		return err_set_errno(e, "%s", path->text);
	quarantine_walk_begin(&w, q, class);
	w.folder = FOLDER_CUR;
	w.only = name;
	if ((rc = quarantine_walk_next(&w, &entry, e)) == 1)
		*path = entry.path;
	quarantine_walk_end(&w);
	return rc;
}

/*
 * The mail goes first: what a kill leaves is a reason without a mail, which
 * nobody sees and the next sweep removes. Not fsynced: a mail that is back
 * after a crash is handled once more.
 */
int
quarantine_remove(struct quarantine *q, enum quarantine_class class,
    const char *name, const char *path, struct err *e)
{
	struct quarantine_path why;
	char *why_name;

	if (unlink(path) < 0 && errno != ENOENT)
		return err_set_errno(e, "unlink %s", path);
	quarantine_generation_next(q);
	why_name = xasprintf("%s.json", name);
	(void)unlink(quarantine_path(q, class, FOLDER_WHY, why_name, &why));
	free(why_name);
	return 0;
}
