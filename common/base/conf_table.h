/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_table.h - inside of conf: the table that says what every key is, and
 * the functions that read, print, compare and free a struct by it. The table
 * is a parameter, so that tests can bring their own.
 */
#ifndef BASE_CONF_TABLE_H
#define BASE_CONF_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/buf.h"
#include "common/base/conf.h"
#include "common/base/err.h"

#define CONF_FILE_MAX (1024 * 1024)
#define CONF_LINE_MAX 4096  /* bytes, without the line end */
#define CONF_VALUE_MAX 4000 /* so that key and value fit a line again */
#define CONF_NAME_MAX 64    /* of a named section */
#define CONF_ITEMS_MAX 64   /* named sections of one kind */

enum conf_type {
	CONF_STRING,  /* char *; NULL: unset */
	CONF_PATH,    /* char *, absolute */
	CONF_SIZE,    /* uint64_t bytes */
	CONF_SECONDS, /* int64_t */
	CONF_COUNT,   /* uint64_t */
	CONF_BOOL,    /* bool */
	CONF_LIST,    /* struct conf_list */
	CONF_MODE,    /* mode_t */
	CONF_CHOICE,  /* an enum */
};

#define CONF_RESTART 1u /* a reload keeps the old value */
#define CONF_SECRET 2u  /* never printed; key_file and credential too */
#define CONF_DASH 4u    /* a path that may also be "-" */
#define CONF_URL 8u     /* a password in it is never printed */

struct conf_choice {
	const char *name; /* NULL ends */
	int value;
};

struct conf_key {
	const char *section; /* NULL ends */
	const char *name;
	enum conf_type type;
	unsigned flags;
	size_t offset; /* in the conf, or in the item of a named section */
	/* The default as a file would say it; NULL: unset. A path that is not
	 * absolute lies below state_path. */
	const char *preset;
	uint64_t least, most; /* most 0: as large as it gets */
	const struct conf_choice *choices;
	/* What else a text must be; for a list, each word. */
	int (*check)(const char *text, struct err *e);
};

struct conf_section {
	const char *name; /* NULL ends */
	unsigned flags;   /* CONF_RESTART is about "on" */
	size_t on;        /* offset of a bool: is the section there; 0: none */
	size_t many;      /* offset of a struct conf_many; 0: not named */
	size_t item_size;
};

struct conf_loader;

struct conf_table {
	const struct conf_section *sections;
	const struct conf_key *keys; /* of one section: side by side */
	size_t state_path;           /* offset of a char * */
	/* Offset of a struct conf_list: the files of secrets; 0: none. */
	size_t secret_files;
	/* What needs more than one key to tell. May change the conf. */
	int (*check)(struct conf_loader *l, void *conf, struct err *e);
};

extern const struct conf_table conf_table;

struct conf_sources {
	const char *path;         /* of the file; NULL: none */
	char *const *environment; /* as environ; NULL: none */
	const char *credentials;  /* $CREDENTIALS_DIRECTORY; NULL: none */
};

/* conf_load.c: conf is zeroed memory; conf_clear is due also on failure. */
int conf_fill(const struct conf_table *t, void *conf,
    const struct conf_sources *src, struct err *e);
void conf_clear(const struct conf_table *t, void *conf);

/* Where a value came from. */
struct conf_seen {
	const struct conf_key *key;
	const void *item;
	unsigned line;        /* in the file; 0: from the environment */
	const char *variable; /* NAME=VALUE; foreign */
};

struct conf_loader {
	const struct conf_table *table;
	void *conf;
	const char *file;
	unsigned line;
	const struct conf_section *section; /* that the file is in */
	void *item;                         /* that its keys are of */
	struct conf_seen *seen;
	size_t seen_count;
};

/* For the two that feed the loader, conf_file.c and conf_env.c. */
int conf_file_read(struct conf_loader *l, struct err *e);
int conf_env_read(
    struct conf_loader *l, char *const *environment, struct err *e);

const struct conf_section *conf_section_find(
    const struct conf_table *t, const char *name, size_t len);
/* is_file: the name is that of a secret with "_file" after it. */
const struct conf_key *conf_key_find(const struct conf_table *t,
    const struct conf_section *s, const char *name, size_t len, bool *is_file);
/*
 * The struct that the keys of s are in, made when it is a new item of a named
 * section. NULL and *e when there are too many.
 */
void *conf_item(struct conf_loader *l, const struct conf_section *s,
    const char *name, size_t len, struct err *e);
const char *conf_item_name(const struct conf_section *s, const void *item);

/*
 * Give key its value, text (or what the file named text holds). A value of
 * the file gives way to one of the environment. *e has no place yet.
 */
int conf_set(struct conf_loader *l, const struct conf_key *key, void *item,
    const char *text, bool is_file, const char *variable, struct err *e);

/* *e is about that key: put in front where its value came from. */
int conf_blame(
    struct conf_loader *l, const char *section, const char *key, struct err *e);

/* Add " (did you mean 'x'?)" to *e. */
int conf_suggest(struct err *e, const char *nearest);
/* The nearer of the two to word; best is NULL at first. ASCII case aside. */
const char *conf_nearer(
    const char *word, const char *best, const char *candidate);

/* How many places hold key (one, or one for each item), and their values. */
size_t conf_places(
    const struct conf_table *t, const void *conf, const struct conf_key *key);
void *conf_place(const struct conf_table *t, const void *conf,
    const struct conf_key *key, size_t at);

/* conf_value.c: at is where the value lies. */
int conf_value_set(
    const struct conf_key *key, void *at, const char *text, struct err *e);
/* As a file would say it; NULL when it is unset. The caller frees it. */
char *conf_value_text(const struct conf_key *key, const void *at);
void conf_value_copy(const struct conf_key *key, void *to, const void *from);
void conf_value_clear(const struct conf_key *key, void *at);
bool conf_value_equal(const struct conf_key *key, const void *a, const void *b);
const char *conf_type_name(enum conf_type type);

/* conf_print.c */
void conf_write(const struct conf_table *t, const void *conf, FILE *out);
void conf_write_keys(const struct conf_table *t, FILE *out);

/* conf_reload.c: names of what next was not given go to kept. */
void conf_keep(
    const struct conf_table *t, void *next, const void *now, struct buf *kept);

#endif
