/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cage_landlock.c - the wall around files: Landlock, by its system calls, as
 * no library has them. The names are ours, since the kernel's header may be
 * older than the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/cage_internal.h"

/* The same on every architecture. */
#define CALL_CREATE_RULESET 444
#define CALL_ADD_RULE 445
#define CALL_RESTRICT_SELF 446
#define FLAG_VERSION 1u
#define RULE_PATH_BENEATH 1

#define FS_WRITE_FILE (1u << 1)
#define FS_READ_FILE (1u << 2)
#define FS_READ_DIR (1u << 3)
#define FS_REMOVE_DIR (1u << 4)
#define FS_REMOVE_FILE (1u << 5)
#define FS_MAKE_DIR (1u << 7)
#define FS_MAKE_REG (1u << 8)
#define FS_VERSION_1 ((1u << 13) - 1)
#define FS_REFER (1u << 13)     /* version 2 */
#define FS_TRUNCATE (1u << 14)  /* version 3 */
#define FS_IOCTL_DEV (1u << 15) /* version 5 */
#define NET_BIND_TCP 1u         /* version 4 */
#define SCOPE_SIGNAL 2u         /* version 6 */

/* Without "refer", no file can be moved from one folder to another. */
#define VERSION_LEAST 2

struct ruleset_attr {
	uint64_t handled_fs, handled_net, scoped;
};

struct path_beneath_attr {
	uint64_t allowed;
	int32_t folder_fd;
} __attribute__((packed));

static const uint64_t rights[] = {
	[CAGE_READ] = FS_READ_FILE | FS_READ_DIR,
	[CAGE_WRITE] = FS_READ_FILE | FS_READ_DIR | FS_WRITE_FILE |
		       FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR |
		       FS_MAKE_REG | FS_REFER | FS_TRUNCATE,
	[CAGE_DEVICE] = FS_READ_FILE | FS_WRITE_FILE,
	[CAGE_REMOVE] = FS_REMOVE_FILE,
};
/* What a rule for a file may say. */
#define FILE_RIGHTS (FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE)

/* All that the version knows; nothing of it is allowed but by a rule. */
static size_t
handled(int version, struct ruleset_attr *attr)
{
	*attr = (struct ruleset_attr){ .handled_fs = FS_VERSION_1 | FS_REFER };
	if (version >= 3)
		attr->handled_fs |= FS_TRUNCATE;
	if (version >= 5)
		attr->handled_fs |= FS_IOCTL_DEV;
	if (version >= 4) /* our sockets are open already */
		attr->handled_net = NET_BIND_TCP;
	if (version >= 6)
		attr->scoped = SCOPE_SIGNAL;
	return version >= 6   ? sizeof(*attr)
	       : version >= 4 ? 2 * sizeof(uint64_t)
			      : sizeof(uint64_t);
}

static int
add_rule(int ruleset, const struct cage_rule *rule, uint64_t handled_fs)
{
	struct path_beneath_attr attr = { .allowed = rights[rule->right] };
	struct stat st;
	int fd, rc = 0;

	if ((fd = open(rule->path, O_PATH | O_CLOEXEC)) < 0)
		return 0; /* what is not there need not be allowed */
	attr.folder_fd = fd;
	if (fstat(fd, &st) < 0)
		attr.allowed = 0;
	else if (!S_ISDIR(st.st_mode))
		attr.allowed &= FILE_RIGHTS;
	attr.allowed &= handled_fs;
	if (attr.allowed != 0)
		rc = (int)syscall(
		    CALL_ADD_RULE, ruleset, RULE_PATH_BENEATH, &attr, 0);
	(void)close(fd);
	return rc;
}

int
cage_landlock(const struct cage_rules *rules, int *version, const char **why)
{
	struct ruleset_attr attr;
	size_t size, i;
	int fd, rc = 0;

	*version =
	    (int)syscall(CALL_CREATE_RULESET, NULL, (size_t)0, FLAG_VERSION);
	if (*version < VERSION_LEAST) {
		*why = *version > 0          ? "the kernel is too old"
		       : errno == EOPNOTSUPP ? "switched off in this kernel"
					     : "not in this kernel";
		return -1;
	}
	size = handled(*version, &attr);
	if ((fd = (int)syscall(CALL_CREATE_RULESET, &attr, size, 0)) < 0) {
		*why = strerrordesc_np(errno);
		return -1;
	}
	for (i = 0; rc == 0 && i < rules->count; i++)
		rc = add_rule(fd, &rules->rule[i], attr.handled_fs);
	if (rc == 0)
		rc = (int)syscall(CALL_RESTRICT_SELF, fd, 0);
	if (rc < 0)
		*why = strerrordesc_np(errno);
	(void)close(fd);
	return rc;
}
