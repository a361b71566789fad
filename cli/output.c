/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.c - where a command writes: a file gets its name when it is whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"

#include "cli/output.h"

/* What a signal must not leave behind; set before the signals are caught. */
static char *volatile unfinished;

static const int numbers[] = { SIGHUP, SIGINT, SIGTERM };
#define NUMBERS (sizeof(numbers) / sizeof(*numbers))

static void
on_signal(int number)
{
	if (unfinished != NULL)
		(void)unlink(unfinished);
	(void)signal(number, SIG_DFL);
	(void)raise(number);
}

static void
catch_signals(void (*handler)(int number))
{
	size_t i;

	for (i = 0; i < NUMBERS; i++)
		if (signal(numbers[i], handler) == SIG_IGN)
			(void)signal(numbers[i], SIG_IGN); /* nohup(1) */
}

/* They wait, until before is set again. */
static void
hold_signals(sigset_t *before)
{
	sigset_t held;
	size_t i;

	sigemptyset(&held);
	for (i = 0; i < NUMBERS; i++)
		sigaddset(&held, numbers[i]);
	(void)sigprocmask(SIG_BLOCK, &held, before);
}

static mode_t
mode_by_umask(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

/* /dev/null and pipes cannot be renamed to. */
static bool
is_special(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

static int
output_open_fd(struct output *out, struct err *e)
{
	sigset_t before;
	int fd;

	if (is_special(out->path)) {
		fd = open(out->path, O_WRONLY | O_CLOEXEC);
	} else {
		out->temporary = xasprintf("%s.XXXXXX", out->path);
		/* one that comes between the file and the handler is for it */
		hold_signals(&before);
		fd = mkostemp(out->temporary, O_CLOEXEC);
		if (fd >= 0) {
			(void)fchmod(fd, mode_by_umask());
			unfinished = out->temporary;
			catch_signals(on_signal);
		}
		(void)sigprocmask(SIG_SETMASK, &before, NULL);
	}
	return fd < 0 ? err_set_errno(e, "%s", out->path) : fd;
}

int
output_open(struct output *out, const char *path, struct err *e)
{
	int fd;

	*out = (struct output){ .path = path, .stream = stdout };
	if (path == NULL)
		return 0;
	if ((fd = output_open_fd(out, e)) < 0) {
		free(out->temporary);
		out->temporary = NULL;
		return -1;
	}
	if ((out->stream = fdopen(fd, "w")) == NULL) {
		err_set_errno(e, "%s", path);
		(void)close(fd);
		return -1;
	}
	return 0;
}

int
output_close(struct output *out, bool is_success, struct err *e)
{
	const char *name = out->path != NULL ? out->path : "stdout";
	bool failed = ferror(out->stream) != 0;
	int rc = 0;

	errno = 0;
	if (fclose(out->stream) != 0 || failed) {
		if (errno == 0)
			errno = EIO;
		if (is_success)
			rc = err_set_errno(e, "%s", name);
		is_success = false;
	}
	if (out->temporary != NULL) {
		if (is_success && rename(out->temporary, out->path) < 0) {
			rc = err_set_errno(e, "%s", name);
			is_success = false;
		}
		if (!is_success)
			(void)unlink(out->temporary);
		catch_signals(SIG_DFL);
		unfinished = NULL;
	}
	free(out->temporary);
	return rc;
}
