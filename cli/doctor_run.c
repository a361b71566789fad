/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_run.c - ask a program of another package, for a bounded time.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"

#include "cli/doctor.h"

#define OUTPUT_MAX (16 * 1024 * 1024)
#define TIME_MS 30000

/* Its standard output is *fd; errors go nowhere. */
static int
start(const char *const *arguments, pid_t *pid, int *fd)
{
	posix_spawn_file_actions_t actions;
	int ends[2], rc;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(
	    &actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(
	    &actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	rc = posix_spawnp(pid, arguments[0], &actions, NULL,
	    (char *const *)(uintptr_t)arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	(void)close(ends[1]);
	if (rc != 0) {
		(void)close(ends[0]);
		return -1;
	}
	*fd = ends[0];
	return 0;
}

/* All that it says; -1 when it says too much or for too long. */
static int
listen_to(int fd, struct buf *out)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t end_ms = clock_mono_ms() + TIME_MS, left;
	struct err e = { 0 };
	ssize_t n;
	char *room;

	for (;;) {
		left = end_ms - clock_mono_ms();
		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			return -1;
		if ((room = buf_reserve(out, 4096, &e)) == NULL)
			return -1;
		n = read(fd, room, 4096);
		if (n == 0)
			return 0;
		if (n > 0)
			out->len += (size_t)n;
		else if (errno != EINTR)
			return -1;
	}
}

char *
doctor_run(const char *const *arguments)
{
	struct buf out;
	char *text = NULL;
	int fd, status = -1;
	pid_t pid;

	if (start(arguments, &pid, &fd) < 0)
		return NULL;
	buf_init(&out, OUTPUT_MAX);
	if (listen_to(fd, &out) < 0)
		(void)kill(pid, SIGKILL);
	(void)close(fd);
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	    WEXITSTATUS(status) == 0) {
		while (out.len > 0 && out.data[out.len - 1] == '\n')
			out.len--;
		text = xstrndup(out.len > 0 ? out.data : "", out.len);
	}
	buf_clear(&out);
	return text;
}
