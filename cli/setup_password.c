/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_password.c - passwords: made, read, and written so that a crash
 * leaves either the old file or the new one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/text.h"

#include "cli/setup.h"

#define PASSWORD_MAX 1024
#define RANDOM_BYTES 24
#define BASE64_SIZE (RANDOM_BYTES / 3 * 4 + 1)
#define FILE_MODE 0640

char *
password_read(const char *path, struct err *e)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *f = is_stdin ? stdin : fopen(path, "re");
	char line[PASSWORD_MAX + 2];
	size_t len;

	if (f == NULL) {
		err_set_errno(e, "%s", path);
		e->kind = ERR_CONF;
		return NULL;
	}
	line[0] = '\0';
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	if (!is_stdin)
		(void)fclose(f);
	len = strcspn(line, "\r\n");
	if (len == 0 || len > PASSWORD_MAX) {
		err_set(e, ERR_CONF, "%s: no password in the first line", path);
		return NULL;
	}
	return xstrndup(line, len);
}

char *
password_new(void)
{
	unsigned char bytes[RANDOM_BYTES];
	char *text = xmalloc(BASE64_SIZE);

	/* up to 256 bytes come whole, once the kernel has any */
	while (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		if (errno != EINTR)
			abort();
	text_base64url(bytes, sizeof(bytes), text);
	return text;
}

static int
write_all(int fd, const char *text, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The daemon is of this group, and may read. */
static int
give_group(int fd, const char *state_path)
{
	struct stat st;

	if (geteuid() != 0 || stat(state_path, &st) < 0)
		return 0;
	return fchown(fd, (uid_t)-1, st.st_gid);
}

/* The name is durable too. */
static int
sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL
			   ? xstrdup(".")
			   : xstrndup(path, (size_t)(slash - path) + 1);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	free(folder);
	if (fd < 0)
		return -1;
	rc = fsync(fd);
	(void)close(fd);
	return rc;
}

int
password_write(const char *path, const char *password, const char *state_path,
    struct err *e)
{
	char *name = xasprintf("%s.XXXXXX", path);
	char *line = xasprintf("%s\n", password);
	int fd = mkostemp(name, O_CLOEXEC), rc = -1;

	if (fd < 0) {
		err_set_errno(e, "%s", path);
		goto out;
	}
	if (give_group(fd, state_path) < 0 || fchmod(fd, FILE_MODE) < 0 ||
	    write_all(fd, line, strlen(line)) < 0 || fsync(fd) < 0 ||
	    rename(name, path) < 0) {
		err_set_errno(e, "%s", path);
		(void)unlink(name);
	} else if (sync_folder(path) < 0) {
		err_set_errno(e, "folder of %s", path);
	} else {
		rc = 0;
	}
	(void)close(fd);
out:
	explicit_bzero(line, strlen(line));
	free(line);
	free(name);
	return rc;
}
