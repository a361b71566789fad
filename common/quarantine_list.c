/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quarantine_list.c - what is in the quarantine, whether there is room for
 * more, and what has been there too long.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/quarantine_folder.h"

#define STALE_S 86400   /* by then a leftover is of a process that died */
#define USAGE_MS 60000  /* by then the mails are counted anew in any case */
#define RESERVE_SHARE 5 /* a fifth of the cap is for waiting mails only */

static int
compare_items(const void *a, const void *b)
{
	const struct quarantine_item *x = a, *y = b;

	if (x->kept != y->kept)
		return x->kept < y->kept ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void
fill_item(const struct quarantine *q, const struct quarantine_entry *entry,
    enum quarantine_class class, struct arena *a, struct quarantine_item *item)
{
	struct quarantine_path why;
	char *why_name = xasprintf("%s.json", entry->name);

	*item = (struct quarantine_item){ .class = class };
	memcpy(item->name, entry->name, sizeof(item->name));
	item->size = (uint64_t)entry->st.st_size;
	item->path = arena_strdup(a, entry->path.text);
	item->kept = entry->st.st_mtime;
	quarantine_why_read(
	    quarantine_path(q, class, FOLDER_WHY, why_name, &why), a, item);
	free(why_name);
}

/* A mail that a reader moved from new/ to cur/ meanwhile is there twice. */
static size_t
drop_doubles(struct quarantine_item *items, size_t count)
{
	size_t i, kept = 0;

	for (i = 0; i < count; i++)
		if (kept == 0 ||
		    strcmp(items[kept - 1].name, items[i].name) != 0)
			items[kept++] = items[i];
	return kept;
}

int
quarantine_list(struct quarantine *q, enum quarantine_class class,
    struct arena *a, struct quarantine_item **items, size_t *count,
    struct err *e)
{
	struct quarantine_item *list = NULL, *copy;
	size_t used = 0, size = 0;
	struct quarantine_entry entry;
	struct quarantine_walk w;
	int rc;

	quarantine_walk_begin(&w, q, class);
	while ((rc = quarantine_walk_next(&w, &entry, e)) == 1) {
		if (used == size) {
			size = size > 0 ? size * 2 : 64;
			list = xrealloc(list, size * sizeof(*list));
		}
		fill_item(q, &entry, class, a, &list[used++]);
	}
	quarantine_walk_end(&w);
	if (rc == 0) {
		if (used > 0)
			qsort(list, used, sizeof(*list), compare_items);
		used = drop_doubles(list, used);
		copy = arena_alloc(a, (used + 1) * sizeof(*copy));
		if (used > 0)
			memcpy(copy, list, used * sizeof(*copy));
		*items = copy;
		*count = used;
	}
	free(list);
	return rc < 0 ? -1 : 0;
}

/* Have files come or gone since the last walk? Brings u->changed up to date. */
static bool
is_changed(const struct quarantine *q, struct quarantine_usage *u)
{
	struct quarantine_path p;
	struct timespec *then;
	struct stat st;
	uint64_t generation = quarantine_generation(q);
	bool changed = generation != u->generation;
	int class, i;

	u->generation = generation;
	for (class = 0; class < QUARANTINE_CLASSES; class ++) {
		for (i = 0; i < 2; i++) {
			quarantine_path(q, (enum quarantine_class) class,
			    i == 0 ? FOLDER_NEW : FOLDER_CUR, NULL, &p);
			if (stat(p.text, &st) < 0)
				return true;
			then = &u->changed[class][i];
			changed = changed ||
				  then->tv_sec != st.st_mtim.tv_sec ||
				  then->tv_nsec != st.st_mtim.tv_nsec;
			*then = st.st_mtim;
		}
	}
	return changed;
}

static int
count_class(const struct quarantine *q, enum quarantine_class class,
    struct quarantine_count *n, struct err *e)
{
	struct quarantine_entry entry;
	struct quarantine_walk w;
	int rc;

	quarantine_walk_begin(&w, q, class);
	while ((rc = quarantine_walk_next(&w, &entry, e)) == 1) {
		n->mails++;
		n->bytes += (uint64_t)entry.st.st_size;
		if (n->oldest == 0 || entry.st.st_mtime < n->oldest)
			n->oldest = entry.st.st_mtime;
	}
	quarantine_walk_end(&w);
	return rc;
}

/*
 * Ten thousand mails are not to be looked at for each new one: the numbers of
 * the last walk hold while the folders are as they were. Lock held.
 */
static int
refresh_usage(struct quarantine *q, struct err *e)
{
	struct quarantine_usage *u = &q->usage;
	struct quarantine_count n = { 0 };
	bool changed = is_changed(q, u);
	int class;

	if (u->is_known && !changed && clock_mono_ms() - u->at_ms < USAGE_MS)
		return 0;
	u->is_known = false;
	for (class = 0; class < QUARANTINE_CLASSES; class ++)
		if (count_class(q, (enum quarantine_class) class, &n, e) < 0)
			return -1;
	u->mails = n.mails;
	u->bytes = n.bytes;
	u->at_ms = clock_mono_ms();
	u->is_known = true;
	return 0;
}

int
quarantine_room(struct quarantine *q, enum quarantine_class class,
    uint64_t size, struct err *e)
{
	uint64_t mails = q->conf->max_mails, bytes = q->conf->max_bytes;

	if (refresh_usage(q, e) < 0)
		return -1;
	if (class != QUARANTINE_WAITING) {
		mails -= mails / RESERVE_SHARE;
		bytes -= bytes / RESERVE_SHARE;
	}
	if (q->usage.mails < mails && q->usage.bytes <= bytes &&
	    size <= bytes - q->usage.bytes)
		return 0;
	return err_set(e, ERR_FULL,
	    "full: %llu mails of %llu, %llu bytes of %llu%s",
	    (unsigned long long)q->usage.mails,
	    (unsigned long long)q->conf->max_mails,
	    (unsigned long long)q->usage.bytes,
	    (unsigned long long)q->conf->max_bytes,
	    class != QUARANTINE_WAITING ? ", the last fifth for waiting mails"
					: "");
}

void
quarantine_room_used(struct quarantine *q, uint64_t size)
{
	q->usage.mails++;
	q->usage.bytes += size;
	quarantine_generation_next(q);
	(void)is_changed(q, &q->usage); /* that was us */
}

int
quarantine_count(struct quarantine *q, enum quarantine_class class,
    struct quarantine_count *n, struct err *e)
{
	struct quarantine_count counted = { 0 };

	if (count_class(q, class, &counted, e) < 0)
		return -1;
	*n = counted;
	return 0;
}

int
quarantine_peek(const struct conf_quarantine *conf, enum quarantine_class class,
    struct quarantine_count *n, struct err *e)
{
	struct quarantine q = { .conf = conf, .lock_fd = -1 };
	struct quarantine_count counted = { 0 };
	struct quarantine_path path;

	quarantine_path(&q, class, FOLDER_NEW, NULL, &path);
	if ((access(path.text, F_OK) == 0 || errno != ENOENT) &&
	    count_class(&q, class, &counted, e) < 0)
		return -1;
	*n = counted;
	return 0;
}

/* Names of a class, sorted. */
struct names {
	char (*name)[SHA256_HEX_SIZE]; /* owned */
	size_t count, size;
};

static int
compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int
collect_names(const struct quarantine *q, enum quarantine_class class,
    struct names *n, struct err *e)
{
	struct quarantine_entry entry;
	struct quarantine_walk w;
	int rc;

	quarantine_walk_begin(&w, q, class);
	while ((rc = quarantine_walk_next(&w, &entry, e)) == 1) {
		if (n->count == n->size) {
			n->size = n->size > 0 ? n->size * 2 : 64;
			n->name = xrealloc(n->name, n->size * sizeof(*n->name));
		}
		memcpy(n->name[n->count++], entry.name, sizeof(*n->name));
	}
	quarantine_walk_end(&w);
	if (n->count > 0)
		qsort(n->name, n->count, sizeof(*n->name), compare_names);
	return rc;
}

/* Is this the reason of a mail that is not there? */
static bool
is_orphan(const struct names *n, const char *file_name)
{
	char name[SHA256_HEX_SIZE];

	if (strspn(file_name, QUARANTINE_HEX) != QUARANTINE_NAME_LEN ||
	    strcmp(file_name + QUARANTINE_NAME_LEN, ".json") != 0)
		return false;
	memcpy(name, file_name, QUARANTINE_NAME_LEN);
	name[QUARANTINE_NAME_LEN] = '\0';
	return n->count == 0 || bsearch(name, n->name, n->count,
				    sizeof(*n->name), compare_names) == NULL;
}

static bool
is_stale(const char *path, int64_t now)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_mtime <= now - STALE_S;
}

/* Once more, with the lock held: a mail may have come for it meanwhile. */
static void
remove_orphan(struct quarantine *q, enum quarantine_class class,
    const char *file_name, const char *path, int64_t now)
{
	struct quarantine_path mail;
	char name[SHA256_HEX_SIZE];
	struct err e;

	memcpy(name, file_name, QUARANTINE_NAME_LEN);
	name[QUARANTINE_NAME_LEN] = '\0';
	if (quarantine_lock(q, &e) < 0)
		return;
	if (is_stale(path, now) &&
	    quarantine_find(q, class, name, &mail, &e) == 0)
		(void)unlink(path);
	quarantine_unlock(q);
}

/* mails is NULL for tmp/, where all that is old is a leftover. */
static void
sweep_folder(struct quarantine *q, enum quarantine_class class,
    enum quarantine_folder folder, const struct names *mails, int64_t now)
{
	struct quarantine_path path;
	struct dirent *d;
	DIR *dir = opendir(quarantine_path(q, class, folder, NULL, &path));

	while (dir != NULL && (d = readdir(dir)) != NULL) {
		quarantine_path(q, class, folder, d->d_name, &path);
		if (d->d_name[0] == '.' || !is_stale(path.text, now))
			continue;
		if (mails == NULL)
			(void)unlink(path.text);
		else if (is_orphan(mails, d->d_name))
			remove_orphan(q, class, d->d_name, path.text, now);
	}
	if (dir != NULL)
		(void)closedir(dir);
}

static void
sweep_class(struct quarantine *q, enum quarantine_class class, int64_t now)
{
	struct names mails = { 0 };
	struct err e;

	sweep_folder(q, class, FOLDER_TMP, NULL, now);
	if (collect_names(q, class, &mails, &e) == 0)
		sweep_folder(q, class, FOLDER_WHY, &mails, now);
	free(mails.name);
}

/* What cannot be swept is no harm, and the next sweep tries again. */
void
quarantine_sweep(struct quarantine *q, int64_t now)
{
	int class;

	for (class = 0; class < QUARANTINE_CLASSES; class ++)
		sweep_class(q, (enum quarantine_class) class, now);
}

static int
remove_locked(struct quarantine *q, enum quarantine_class class,
    const struct quarantine_entry *entry, struct err *e)
{
	int rc;

	if (quarantine_lock(q, e) < 0)
		return -1;
	rc = quarantine_remove(q, class, entry->name, entry->path.text, e);
	quarantine_unlock(q);
	return rc;
}

/* Unless somebody has it in hand. 1 when it was removed. */
static int
expire_one(struct quarantine *q, enum quarantine_class class,
    const struct quarantine_entry *entry, struct err *e)
{
	int fd = open(entry->path.text, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	int rc = 0;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_set_errno(e, "%s", entry->path.text);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		rc = remove_locked(q, class, entry, e) < 0 ? -1 : 1;
	(void)close(fd);
	return rc;
}

static int
expire_class(struct quarantine *q, enum quarantine_class class, int64_t before,
    uint64_t *removed, struct err *e)
{
	struct quarantine_entry entry;
	struct quarantine_walk w;
	int rc;

	quarantine_walk_begin(&w, q, class);
	while ((rc = quarantine_walk_next(&w, &entry, e)) == 1) {
		if (entry.st.st_mtime >= before)
			continue;
		if ((rc = expire_one(q, class, &entry, e)) < 0)
			break;
		*removed += (uint64_t)rc;
	}
	quarantine_walk_end(&w);
	return rc < 0 ? -1 : 0;
}

int
quarantine_expire(
    struct quarantine *q, int64_t now, uint64_t *removed, struct err *e)
{
	int64_t before = now - q->conf->max_age_s;
	int rc;

	*removed = 0;
	quarantine_sweep(q, now);
	rc = expire_class(q, QUARANTINE_KEPT, before, removed, e);
	if (rc == 0)
		rc = expire_class(q, QUARANTINE_OTHER, before, removed, e);
	return rc < 0 ? -1 : 0;
}
