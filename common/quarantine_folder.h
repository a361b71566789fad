/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quarantine_folder.h - inside of the quarantine: its folders, the reason
 * beside each mail, and the walk over what is there.
 */
#ifndef COMMON_QUARANTINE_FOLDER_H
#define COMMON_QUARANTINE_FOLDER_H

#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>

#include "common/base/sha256.h"
#include "common/quarantine.h"

#define QUARANTINE_HEX "0123456789abcdef"
#define QUARANTINE_NAME_LEN (SHA256_HEX_SIZE - 1)

enum quarantine_folder {
	FOLDER_TMP,
	FOLDER_NEW,
	FOLDER_CUR,
	FOLDER_WHY,
	FOLDERS
};

/* What all classes together hold, and the state of the folders then. */
struct quarantine_usage {
	bool is_known;
	int64_t at_ms;       /* monotonic */
	uint64_t generation; /* of the changes that our processes made */
	struct timespec changed[QUARANTINE_CLASSES][2];
	uint64_t mails, bytes;
};

struct quarantine {
	const struct conf_quarantine *conf; /* borrowed */
	pthread_mutex_t lock; /* threads; other processes by flock of lock_fd */
	int lock_fd;
	struct quarantine_usage usage; /* under lock */
};

struct quarantine_path {
	char text[PATH_MAX];
};

/* "PATH[/.Class]/FOLDER[/NAME]"; returns p->text. */
const char *quarantine_path(const struct quarantine *q,
    enum quarantine_class class, enum quarantine_folder folder,
    const char *name, struct quarantine_path *p);

/* Makes what is missing, and opens the lock. */
int quarantine_make_folders(struct quarantine *q, struct err *e);
/* Removes what processes that died left. */
void quarantine_sweep(struct quarantine *q, int64_t now);

/* fsync of a folder, so that what was named in it stays. */
int quarantine_sync(const struct quarantine *q, enum quarantine_class class,
    enum quarantine_folder folder, struct err *e);

/* Mails of new/ and cur/ of one class, in no order. */
struct quarantine_walk {
	const struct quarantine *q;
	enum quarantine_class class;
	enum quarantine_folder folder;
	const char *only; /* this name; NULL: all */
	DIR *dir;
};
struct quarantine_entry {
	char name[SHA256_HEX_SIZE];
	struct quarantine_path path;
	struct stat st;
};
void quarantine_walk_begin(struct quarantine_walk *w,
    const struct quarantine *q, enum quarantine_class class);
/* 1 with *entry filled, 0 at the end, -1 and *e. */
int quarantine_walk_next(
    struct quarantine_walk *w, struct quarantine_entry *entry, struct err *e);
void quarantine_walk_end(struct quarantine_walk *w);

/* Where name is now: 1 with *path, 0 when it is not there, -1 and *e. */
int quarantine_find(const struct quarantine *q, enum quarantine_class class,
    const char *name, struct quarantine_path *path, struct err *e);

/* Against other threads and processes. */
int quarantine_lock(struct quarantine *q, struct err *e);
void quarantine_unlock(struct quarantine *q);

/*
 * How often our processes changed the folders, kept in the lock's file: times
 * of folders are too coarse to tell two changes of one moment apart. Lock
 * held.
 */
uint64_t quarantine_generation(const struct quarantine *q);
void quarantine_generation_next(const struct quarantine *q);

/*
 * Is there room for one more mail of a class? ERR_FULL when there is not.
 * Then count it. Lock held.
 */
int quarantine_room(struct quarantine *q, enum quarantine_class class,
    uint64_t size, struct err *e);
void quarantine_room_used(struct quarantine *q, uint64_t size);

/* Remove mail and reason, with the lock held. */
int quarantine_remove(struct quarantine *q, enum quarantine_class class,
    const char *name, const char *path, struct err *e);

/* quarantine_why.c: the reason as JSON. */
int quarantine_why_text(const struct envelope *env, const char *reason,
    const char *name, int64_t kept, struct buf *out, struct err *e);
/* quarantine_why_read.c. What cannot be read leaves *item with an empty
 * envelope and no reason. */
void quarantine_why_read(
    const char *path, struct arena *a, struct quarantine_item *item);

#endif
