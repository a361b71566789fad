/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim.c - what no kernel does on demand, in front of libc and libxml2 of one
 * daemon: failing writes and fsyncs of files, a wall clock that jumps, and a
 * crash on a mail that asks for it.
 * in: STORM_CONTROL, a file with struct control, which faults.py writes
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct control {
	int32_t write_permille; /* of writes to files that fail */
	int32_t sync_permille;  /* of fsyncs */
	int32_t errnum;         /* with this */
	int32_t unused;
	int64_t clock_s; /* added to the wall clock */
};

static const volatile struct control *control;

__attribute__((constructor)) static void
start(void)
{
	const char *path = getenv("STORM_CONTROL");
	int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, sizeof(*control), PROT_READ, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		control = p;
	(void)close(fd);
}

/* The log goes to stderr, and a daemon that cannot log is no test. */
static int
fails(int fd, int32_t permille)
{
	struct stat st;
	struct timespec ts;

	if (permille == 0 || fd == STDERR_FILENO || fstat(fd, &st) < 0 ||
	    !S_ISREG(st.st_mode))
		return 0;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	if (ts.tv_nsec / 100 % 1000 >= permille)
		return 0;
	errno = control->errnum;
	return 1;
}

#define REAL(name) \
	static __typeof__(name) *real; \
	if (real == NULL) \
	real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define FAIL(what) \
	if (control != NULL && fails(fd, control->what##_permille)) \
	return -1

ssize_t
write(int fd, const void *p, size_t len)
{
	REAL(write);
	FAIL(write);
	return real(fd, p, len);
}

ssize_t
pwrite(int fd, const void *p, size_t len, off_t at)
{
	REAL(pwrite);
	FAIL(write);
	return real(fd, p, len, at);
}

ssize_t
pwrite64(int fd, const void *p, size_t len, off64_t at)
{
	REAL(pwrite64);
	FAIL(write);
	return real(fd, p, len, at);
}

int
fsync(int fd)
{
	REAL(fsync);
	FAIL(sync);
	return real(fd);
}

int
fdatasync(int fd)
{
	REAL(fdatasync);
	FAIL(sync);
	return real(fd);
}

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	int rc;

	REAL(clock_gettime);
	rc = real(clock, ts);
	if (clock == CLOCK_REALTIME && control != NULL)
		ts->tv_sec += control->clock_s;
	return rc;
}

time_t
time(time_t *at)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	if (at != NULL)
		*at = ts.tv_sec;
	return ts.tv_sec;
}

static int (*real_read)(void *, char *, int);

static int
read_and_crash(void *context, char *p, int len)
{
	int n = real_read(context, p, len);

	if (n > 0 && memmem(p, (size_t)n, "planted-crash", 13) != NULL)
		abort();
	return n;
}

void *
xmlCreateIOParserCtxt(void *sax, void *data, int (*take)(void *, char *, int),
    int (*end)(void *), void *context, int encoding)
{
	static void *(*real)(void *, void *, int (*)(void *, char *, int),
	    int (*)(void *), void *, int);

	if (real == NULL)
		real =
		    (__typeof__(real))dlsym(RTLD_NEXT, "xmlCreateIOParserCtxt");
	real_read = take;
	return real(sax, data, read_and_crash, end, context, encoding);
}
