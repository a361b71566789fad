/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ndjson.c - documents as lines at the end of a file, or on stdout.
 * in: reports and their records    out: whole lines, fsynced
 *
 * At least once: a report that comes again is written again, and readers
 * drop the copies by _id. A report's lines stand together: they are written
 * under flock, and cut off again when one of them cannot be written. Each
 * stream opens the file anew, since flock does not tell two users of one
 * descriptor apart, and so that a rotated file is left behind by itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/sink/ndjson_line.h"
#include "common/sink/sink.h"

#define PIECE_BYTES ((size_t)1 << 20) /* gathered before a write */
#define LINE_MAX_BYTES ((size_t)256 << 20)
#define LOCK_WAIT_MAX_MS 60000 /* where the deadline knows no end */
#define LOCK_POLL_MS 20
#define REOPEN_MAX 8     /* rotations in a row */
#define BLOCK_BYTES 4096 /* read at once, back to where a line begins */

static const char our_line[] = "{\"_index\":";

struct ndjson {
	struct sink sink;
	const struct conf *conf; /* borrowed */
	char *folder;            /* of the file; owned */
	pthread_mutex_t lock;    /* stdout, which flock cannot guard */
};

struct ndjson_stream {
	struct sink_stream stream;
	struct ndjson_line line;
	struct deadline *deadline; /* borrowed */
	struct buf out;
	uint64_t count;
	int fd;       /* -1: nothing is locked yet */
	bool is_file; /* a regular one: can be cut and fsynced */
	bool has_mutex;
	off_t before; /* size when the lock was had */
};

static const char *
path_of(const struct ndjson *n)
{
	return n->conf->ndjson.path;
}

static bool
is_stdout(const struct ndjson *n)
{
	return strcmp(path_of(n), "-") == 0;
}

static char *
folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return xstrdup(".");
	return slash == path ? xstrdup("/")
			     : xstrndup(path, (size_t)(slash - path));
}

static int
ndjson_open(struct sink **s, const struct conf *conf, struct err *e)
{
	struct ndjson *n;

	if (conf->ndjson.path == NULL || conf->ndjson.path[0] == '\0')
		return err_set(e, ERR_CONF, "ndjson: no path");
	n = xcalloc(1, sizeof(*n));
	n->sink.ops = &sink_ndjson_ops;
	n->conf = conf;
	n->folder = folder_of(conf->ndjson.path);
	pthread_mutex_init(&n->lock, NULL);
	*s = &n->sink;
	return 0;
}

static void
ndjson_close(struct sink **s)
{
	struct ndjson *n = (struct ndjson *)*s;

	if (n == NULL)
		return;
	pthread_mutex_destroy(&n->lock);
	free(n->folder);
	free(n);
	*s = NULL;
}

static int
ndjson_begin(struct sink *s, const struct report *r, struct deadline *d,
    struct sink_stream **st, struct err *e)
{
	struct ndjson *n = (struct ndjson *)s;
	struct ndjson_stream *ns = xcalloc(1, sizeof(*ns));

	(void)e; /* the file is not needed before there is a line for it */
	ns->stream.sink = s;
	ns->deadline = d;
	ns->fd = -1;
	ndjson_line_init(&ns->line, r, &n->conf->index);
	buf_init(&ns->out, LINE_MAX_BYTES);
	*st = &ns->stream;
	return 0;
}

/* Is fd still what path leads to? A rotation may have come in between. */
static bool
is_current(int fd, const char *path)
{
	struct stat ours, there;

	return fstat(fd, &ours) == 0 && stat(path, &there) == 0 &&
	       ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

/* Asks again and again: flock has no time-out, and the sender waits. */
static int
lock_file(int fd, struct deadline *d, const char *path, struct err *e)
{
	const struct timespec pause = { .tv_nsec = LOCK_POLL_MS * 1000000L };
	int64_t end = clock_mono_ms() + LOCK_WAIT_MAX_MS;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_set_errno(e, "%s: lock", path);
		if (deadline_is_over(d) || clock_mono_ms() >= end)
			return err_set(e, ERR_TEMP,
			    "%s: another process has it locked", path);
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}

/* The file, locked; one that was rotated away meanwhile is let go. */
static int
open_locked(struct ndjson_stream *ns, const char *path, struct err *e)
{
	int i, fd;

	for (i = 0; i < REOPEN_MAX; i++) {
		fd = open(path,
		    O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
		if (fd < 0)
			return err_set_errno(e, "%s", path);
		if (lock_file(fd, ns->deadline, path, e) < 0) {
			(void)close(fd);
			return -1;
		}
		if (is_current(fd, path)) {
			ns->fd = fd;
			return 0;
		}
		(void)close(fd);
	}
	return err_set(e, ERR_TEMP, "%s: is replaced all the time", path);
}

static int
write_all(int fd, const char *p, size_t len, const char *path, struct err *e)
{
	ssize_t n;

	while (len > 0) {
		if ((n = write(fd, p, len)) < 0) {
			if (errno == EINTR)
				continue;
			return err_set_errno(e, "%s", path);
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Where the last line begins: end itself when none is open. 0 or -1, errno. */
static int
last_line(int fd, off_t end, off_t *begin)
{
	char block[BLOCK_BYTES];
	const char *line;
	size_t len;
	ssize_t n;

	for (*begin = end; *begin > 0; *begin -= (off_t)len) {
		len = *begin < BLOCK_BYTES ? (size_t)*begin : BLOCK_BYTES;
		n = pread(fd, block, len, *begin - (off_t)len);
		if (n != (ssize_t)len) {
			errno = n < 0 ? errno : EIO; /* somebody cut it */
			return -1;
		}
		if ((line = memrchr(block, '\n', len)) != NULL) {
			*begin -= block + len - (line + 1);
			break;
		}
	}
	return 0;
}

/*
 * A crash may have left a line without its end. Nobody was told that it is
 * stored, so it goes when it is one of ours; what is not is ended instead.
 */
static int
mend_tail(struct ndjson_stream *ns, const char *path, struct err *e)
{
	char head[sizeof(our_line) - 1];
	off_t begin;
	ssize_t n;

	if (last_line(ns->fd, ns->before, &begin) < 0 ||
	    (n = pread(ns->fd, head, sizeof(head), begin)) < 0)
		return err_set_errno(e, "%s", path);
	if (begin == ns->before)
		return 0;
	if (memcmp(head, our_line, (size_t)n) == 0) {
		if (ftruncate(ns->fd, begin) < 0)
			return err_set_errno(e, "%s: cut back", path);
		ns->before = begin;
		return 0;
	}
	if (write_all(ns->fd, "\n", 1, path, e) < 0)
		return -1;
	ns->before++;
	return 0;
}

static int
take_stdout(struct ndjson *n, struct ndjson_stream *ns, struct err *e)
{
	int64_t left = deadline_left_ms(ns->deadline, LOCK_WAIT_MAX_MS);
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += left / 1000 + 1;
	if (pthread_mutex_timedlock(&n->lock, &end) != 0)
		return err_set(e, ERR_TEMP, "ndjson: stdout is busy");
	ns->has_mutex = true;
	ns->fd = STDOUT_FILENO;
	return 0;
}

/* From the first line on until finish or abort the file is ours. */
static int
take_file(struct ndjson *n, struct ndjson_stream *ns, struct err *e)
{
	struct stat st;

	if (ns->fd >= 0)
		return 0;
	if (is_stdout(n))
		return take_stdout(n, ns, e);
	if (open_locked(ns, path_of(n), e) < 0)
		return -1;
	if (fstat(ns->fd, &st) < 0)
		return err_set_errno(e, "%s", path_of(n));
	if (!S_ISREG(st.st_mode))
		return 0;
	ns->before = st.st_size;
	if (mend_tail(ns, path_of(n), e) < 0)
		return -1;
	ns->is_file = true;
	return 0;
}

static int
flush(struct ndjson_stream *ns, struct err *e)
{
	struct ndjson *n = (struct ndjson *)ns->stream.sink;

	if (ns->out.len == 0)
		return 0;
	if (take_file(n, ns, e) < 0)
		return -1;
	if (write_all(ns->fd, ns->out.data, ns->out.len,
		is_stdout(n) ? "stdout" : path_of(n), e) < 0)
		return -1;
	buf_reset(&ns->out);
	deadline_progress(ns->deadline);
	return 0;
}

static int
ndjson_add(struct sink_stream *st, const struct record *rec, struct err *e)
{
	struct ndjson_stream *ns = (struct ndjson_stream *)st;

	if (ndjson_line_add(&ns->line, rec, &ns->out, e) < 0)
		return err_add(e, "ndjson");
	ns->count++;
	if (ns->out.len >= PIECE_BYTES && flush(ns, e) < 0)
		return err_add(e, "ndjson");
	return 0;
}

static void
stream_free(struct sink_stream **st)
{
	struct ndjson_stream *ns = (struct ndjson_stream *)*st;
	struct ndjson *n = (struct ndjson *)ns->stream.sink;

	if (ns->has_mutex)
		pthread_mutex_unlock(&n->lock);
	else if (ns->fd >= 0)
		(void)close(ns->fd); /* and with it goes the lock */
	ndjson_line_clear(&ns->line);
	buf_clear(&ns->out);
	free(ns);
	*st = NULL;
}

/* Nothing of a report stays that is not wholly there. */
static void
ndjson_abort(struct sink_stream **st)
{
	struct ndjson_stream *ns = (struct ndjson_stream *)*st;

	if (ns == NULL)
		return;
	if (ns->is_file)
		/* where even this fails, the lines are copies to come */
		(void)!ftruncate(ns->fd, ns->before);
	stream_free(st);
}

static int
sync_folder(const char *folder, struct err *e)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return err_set_errno(e, "%s", folder);
	if (fsync(fd) < 0)
		rc = err_set_errno(e, "%s: fsync", folder);
	(void)close(fd);
	return rc;
}

static int
make_durable(struct ndjson_stream *ns, struct err *e)
{
	struct ndjson *n = (struct ndjson *)ns->stream.sink;

	if (!ns->is_file)
		return 0;
	if (fsync(ns->fd) < 0)
		return err_set_errno(e, "%s: fsync", path_of(n));
	/* an empty file may be a new one, whose name is not on disk yet */
	return ns->before == 0 ? sync_folder(n->folder, e) : 0;
}

static int
ndjson_finish(struct sink_stream **st, struct sink_count *n, struct err *e)
{
	struct ndjson_stream *ns = (struct ndjson_stream *)*st;

	if (flush(ns, e) < 0 || make_durable(ns, e) < 0) {
		ndjson_abort(st);
		return err_add(e, "ndjson");
	}
	*n = (struct sink_count){ .stored = ns->count };
	stream_free(st);
	return 0;
}

/* Leaves no trace: a file that is not there yet is not made. */
static int
ndjson_check(struct sink *s, struct err *e)
{
	struct ndjson *n = (struct ndjson *)s;
	int fd;

	if (is_stdout(n))
		return fcntl(STDOUT_FILENO, F_GETFD) < 0
			   ? err_set_errno(e, "ndjson: stdout")
			   : 0;
	fd = open(path_of(n), O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0) {
		(void)close(fd);
		return 0;
	}
	if (errno != ENOENT)
		return err_set_errno(e, "ndjson: %s", path_of(n));
	if (access(n->folder, W_OK | X_OK) < 0)
		return err_set_errno(e, "ndjson: %s", n->folder);
	return 0;
}

const struct sink_ops sink_ndjson_ops = {
	.name = "ndjson",
	.open = ndjson_open,
	.begin = ndjson_begin,
	.add = ndjson_add,
	.finish = ndjson_finish,
	.abort = ndjson_abort,
	.check = ndjson_check,
	.close = ndjson_close,
};
