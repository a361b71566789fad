/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quarantine.c - keep mails as they came, each with the reason.
 *
 * A mail is written and fsynced below tmp/ without the lock. Then, with it:
 * is the same mail there, is there room, reason to why/ and fsync, mail to
 * new/ and fsync. So a kill at any point leaves either nothing that counts
 * (a file in tmp/, a reason without a mail) or a whole mail with its reason.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/quarantine_folder.h"

#define FILE_MODE 0640
#define CHUNK_BYTES (64 * 1024)
#define WHY_BYTES_MAX (4 * 1024 * 1024)

int
quarantine_open(
    struct quarantine **q, const struct conf_quarantine *conf, struct err *e)
{
	struct quarantine *made = xcalloc(1, sizeof(*made));

	made->conf = conf;
	made->lock_fd = -1;
	pthread_mutex_init(&made->lock, NULL);
	if (quarantine_make_folders(made, e) < 0) {
		quarantine_close(&made);
		return -1;
	}
	quarantine_sweep(made, clock_now());
	*q = made;
	return 0;
}

void
quarantine_close(struct quarantine **q)
{
	if (*q == NULL)
		return;
	if ((*q)->lock_fd >= 0)
		(void)close((*q)->lock_fd);
	pthread_mutex_destroy(&(*q)->lock);
	free(*q);
	*q = NULL;
}

static int
write_all(int fd, const char *p, size_t len, struct err *e)
{
	ssize_t n;

	while (len > 0) {
		if ((n = write(fd, p, len)) < 0) {
			if (errno == EINTR)
				continue;
			return err_set_errno(e, "write");
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
copy_mail(int fd, struct spill *mail, struct err *e)
{
	char *chunk = xmalloc(CHUNK_BYTES);
	uint64_t at = 0;
	ssize_t n;

	while ((n = spill_read(mail, at, chunk, CHUNK_BYTES, e)) > 0) {
		if (write_all(fd, chunk, (size_t)n, e) < 0) {
			n = -1;
			break;
		}
		at += (uint64_t)n;
	}
	free(chunk);
	return n < 0 ? -1 : 0;
}

/* A new file in tmp/ that only its owner knows. */
static int
create_file(struct quarantine *q, enum quarantine_class class,
    struct quarantine_path *path, struct err *e)
{
	int fd;

	quarantine_path(q, class, FOLDER_TMP, "keep.XXXXXX", path);
	if ((fd = mkostemp(path->text, O_CLOEXEC)) < 0)
		return err_set_errno(e, "%s", path->text);
	if (fchmod(fd, FILE_MODE) < 0) {
		err_set_errno(e, "%s", path->text);
		(void)unlink(path->text);
		(void)close(fd);
		return -1;
	}
	return fd;
}

/*
 * mail, or else text, in a fsynced file of tmp/. After a failed fsync the
 * kernel may hold the pages for clean: the file is of no use any more, and
 * a second fsync would be a lie.
 */
static int
write_file(struct quarantine *q, enum quarantine_class class,
    struct spill *mail, const struct buf *text, struct quarantine_path *path,
    struct err *e)
{
	int fd, rc;

	if ((fd = create_file(q, class, path, e)) < 0)
		return -1;
	if (mail != NULL)
		rc = copy_mail(fd, mail, e);
	else
		rc = write_all(fd, text->data, text->len, e);
	if (rc == 0 && fsync(fd) < 0)
		rc = err_set_errno(e, "fsync");
	if (close(fd) < 0 && rc == 0)
		rc = err_set_errno(e, "close");
	if (rc < 0) {
		err_add(e, "%s", path->text);
		(void)unlink(path->text);
	}
	return rc;
}

/*
 * 1 when the mail is there, and stays: who put it there may have died just
 * before the fsync of its folder. 0 when it is not. Lock held.
 */
static int
find_copy(struct quarantine *q, enum quarantine_class class, const char *name,
    struct err *e)
{
	struct quarantine_path path;
	int rc = quarantine_find(q, class, name, &path, e);

	if (rc == 1 && (quarantine_sync(q, class, FOLDER_WHY, e) < 0 ||
			   quarantine_sync(q, class, FOLDER_NEW, e) < 0 ||
			   quarantine_sync(q, class, FOLDER_CUR, e) < 0))
		return -1;
	return rc;
}

/* Before anything large is written: a copy, or no room? */
static int
look_first(struct quarantine *q, enum quarantine_class class, const char *name,
    uint64_t size, struct err *e)
{
	int rc;

	if (quarantine_lock(q, e) < 0)
		return -1;
	rc = find_copy(q, class, name, e);
	if (rc == 0)
		rc = quarantine_room(q, class, size, e);
	quarantine_unlock(q);
	return rc;
}

/* Reason and mail get their names, in this order. Lock held. */
static int
name_files(struct quarantine *q, enum quarantine_class class, const char *name,
    const char *mail_path, const char *why_path, struct err *e)
{
	struct quarantine_path why, mail;
	char *why_name = xasprintf("%s.json", name);
	int rc = -1;

	quarantine_path(q, class, FOLDER_WHY, why_name, &why);
	quarantine_path(q, class, FOLDER_NEW, name, &mail);
	free(why_name);
	if (rename(why_path, why.text) < 0)
		return err_set_errno(e, "rename to %s", why.text);
	if (quarantine_sync(q, class, FOLDER_WHY, e) < 0)
		goto out;
	if (rename(mail_path, mail.text) < 0) {
		err_set_errno(e, "rename to %s", mail.text);
		goto out;
	}
	if (quarantine_sync(q, class, FOLDER_NEW, e) < 0) {
		(void)unlink(mail.text);
		goto out;
	}
	rc = 0;
out:
	if (rc < 0)
		(void)unlink(why.text);
	return rc;
}

/* 1: a copy was there already, 0: kept. */
static int
commit(struct quarantine *q, enum quarantine_class class, const char *name,
    uint64_t size, const char *mail_path, const char *why_path, struct err *e)
{
	int rc;

	if (quarantine_lock(q, e) < 0)
		return -1;
	rc = find_copy(q, class, name, e);
	if (rc == 0 && (rc = quarantine_room(q, class, size, e)) == 0 &&
	    (rc = name_files(q, class, name, mail_path, why_path, e)) == 0) {
		quarantine_room_used(q, size);
	}
	quarantine_unlock(q);
	return rc;
}

static int
write_both(struct quarantine *q, enum quarantine_class class, const char *name,
    const struct envelope *env, struct spill *mail, const char *reason,
    struct err *e)
{
	struct quarantine_path mail_path, why_path;
	struct buf why;
	int rc;

	buf_init(&why, WHY_BYTES_MAX);
	rc = quarantine_why_text(env, reason, name, clock_now(), &why, e);
	if (rc < 0 || write_file(q, class, NULL, &why, &why_path, e) < 0) {
		buf_clear(&why);
		return -1;
	}
	buf_clear(&why);
	rc = write_file(q, class, mail, NULL, &mail_path, e);
	if (rc == 0) {
		rc = commit(q, class, name, spill_size(mail), mail_path.text,
		    why_path.text, e);
		if (rc != 0)
			(void)unlink(mail_path.text);
	}
	if (rc != 0)
		(void)unlink(why_path.text);
	return rc;
}

int
quarantine_keep(struct quarantine *q, enum quarantine_class class,
    const struct envelope *env, struct spill *mail, const char *reason,
    bool *is_new, struct err *e)
{
	char name[SHA256_HEX_SIZE];
	int rc;

	rc = spill_sha256(mail, name, e);
	if (rc == 0)
		rc = look_first(q, class, name, spill_size(mail), e);
	if (rc == 0)
		rc = write_both(q, class, name, env, mail, reason, e);
	if (rc < 0) {
		/* whatever it is, the sender shall try again */
		if (!err_is_temporary(e))
			e->kind = ERR_TEMP;
		return -1;
	}
	*is_new = rc == 0;
	return 0;
}

int
quarantine_take(struct quarantine *q, const struct quarantine_item *item,
    int *fd, struct err *e)
{
	struct quarantine_path path;
	struct stat st;
	int taken, rc;

	if ((rc = quarantine_find(q, item->class, item->name, &path, e)) != 1)
		return rc < 0 ? -1 : 0;
	taken = open(path.text, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (taken < 0 && errno == ENOENT)
		return 0;
	if (taken < 0)
		return err_set_errno(e, "%s", path.text);
	if (flock(taken, LOCK_EX | LOCK_NB) < 0) {
		rc = errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
		if (rc < 0)
			err_set_errno(e, "flock %s", path.text);
		(void)close(taken);
		return rc;
	}
	/* somebody may have been done with it before the lock was ours */
	if (fstat(taken, &st) < 0 || st.st_nlink == 0) {
		(void)close(taken);
		return 0;
	}
	*fd = taken;
	return 1;
}

int
quarantine_release(struct quarantine *q, const struct quarantine_item *item,
    int *fd, bool done, struct err *e)
{
	struct quarantine_path path;
	int rc = 0;

	if (done && (rc = quarantine_lock(q, e)) == 0) {
		/* a mail reader may have moved it meanwhile */
		rc = quarantine_find(q, item->class, item->name, &path, e);
		if (rc == 1)
			rc = quarantine_remove(
			    q, item->class, item->name, path.text, e);
		quarantine_unlock(q);
	}
	(void)close(*fd);
	*fd = -1;
	return rc < 0 ? -1 : 0;
}

int
quarantine_check(struct quarantine *q, struct err *e)
{
	struct buf probe;
	struct quarantine_path path;
	int class, rc = 0;

	buf_init(&probe, CHUNK_BYTES);
	(void)buf_add_text(&probe, "dmarc-intake check\n", e);
	for (class = 0; rc == 0 && class < QUARANTINE_CLASSES; class ++) {
		rc = write_file(
		    q, (enum quarantine_class) class, NULL, &probe, &path, e);
		if (rc == 0)
			(void)unlink(path.text);
	}
	buf_clear(&probe);
	if (rc == 0 && (rc = quarantine_lock(q, e)) == 0) {
		rc = quarantine_room(q, QUARANTINE_KEPT, 1, e);
		quarantine_unlock(q);
	}
	return rc < 0 ? -1 : 0;
}
