/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cage_internal.h - inside of cage: its two walls.
 */
#ifndef BASE_CAGE_INTERNAL_H
#define BASE_CAGE_INTERNAL_H

#include <stddef.h>

struct conf;

enum cage_right {
	CAGE_READ,   /* files, and what is in folders */
	CAGE_WRITE,  /* and make, change and remove them */
	CAGE_DEVICE, /* read and write a file that is there */
	CAGE_REMOVE, /* remove files, as our socket at the end */
};

/* A list of what may be done below which path. */
struct cage_rules {
	struct cage_rule {
		char *path; /* owned */
		enum cage_right right;
	} * rule;
	size_t count;
};

/* cage_paths.c: what a daemon with this configuration needs. */
void cage_rules_init(
    struct cage_rules *rules, const struct conf *conf, const char *listen);
void cage_rules_clear(struct cage_rules *rules);

/*
 * Each closes one wall. 0, or -1 with the reason in why, for "no X: why".
 * cage_landlock: *version is that of the kernel.
 */
int cage_landlock(
    const struct cage_rules *rules, int *version, const char **why);
int cage_seccomp(const char **why);

#endif
