/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.c - a line on the terminal that says how far long work is.
 *
 * A thread of its own draws it: one large report keeps the main one busy for
 * seconds, and a line that stands still looks like a program that does.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"

#include "cli/progress.h"

#define PATIENCE_MS 1000 /* shorter work needs no progress bar */
#define REDRAW_MS 200
#define BAR_WIDTH 30
#define LINE_SIZE 256

struct progress {
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t stop_cond;
	bool is_stopping;
	uint64_t mails, done, total;
	int64_t started_ms;
	size_t shown; /* columns that are drawn now */
};

/* One write for a line: nothing half drawn is ever seen. */
static void
draw(const char *line, size_t len)
{
	(void)!write(STDERR_FILENO, line, len);
}

static size_t
terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 80;
	return size.ws_col < LINE_SIZE ? size.ws_col : LINE_SIZE;
}

static size_t
line_of(const struct progress *p, char *line, size_t size)
{
	long long seconds = (clock_mono_ms() - p->started_ms) / 1000;
	unsigned long long mails = p->mails;
	char bar[BAR_WIDTH + 1];
	size_t filled;
	int n;

	if (p->total == 0) {
		n = snprintf(line, size, "%llu mails, %.1f MB, %lld s", mails,
		    (double)p->done / 1e6, seconds);
	} else {
		filled = p->done >= p->total
			     ? BAR_WIDTH
			     : (size_t)(p->done * BAR_WIDTH / p->total);
		memset(bar, '.', BAR_WIDTH);
		memset(bar, '#', filled);
		bar[BAR_WIDTH] = '\0';
		n = snprintf(line, size, "[%s] %3.0f %%, %llu mails, %lld s",
		    bar, 100.0 * (double)p->done / (double)p->total, mails,
		    seconds);
	}
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

/* Over the old line, and only what is left of it is blanked. */
static void
redraw(struct progress *p)
{
	char line[2 * LINE_SIZE + 1];
	size_t width = terminal_width(), len;

	line[0] = '\r';
	/* not the last column: some terminals wrap there */
	len = line_of(p, line + 1, width);
	if (len < p->shown)
		memset(line + 1 + len, ' ', p->shown - len);
	draw(line, 1 + (len < p->shown ? p->shown : len));
	p->shown = len;
}

static void
blank(struct progress *p)
{
	char line[LINE_SIZE + 2];

	if (p->shown == 0)
		return;
	line[0] = '\r';
	memset(line + 1, ' ', p->shown);
	line[1 + p->shown] = '\r';
	draw(line, p->shown + 2);
	p->shown = 0;
}

static void
add_ms(struct timespec *ts, int64_t ms)
{
	ts->tv_sec += ms / 1000;
	ts->tv_nsec += ms % 1000 * 1000000;
	if (ts->tv_nsec >= 1000000000) {
		ts->tv_nsec -= 1000000000;
		ts->tv_sec++;
	}
}

static void *
run(void *arg)
{
	struct progress *p = arg;
	struct timespec next;

	pthread_mutex_lock(&p->lock);
	clock_gettime(CLOCK_MONOTONIC, &next);
	add_ms(&next, PATIENCE_MS);
	while (!p->is_stopping) {
		if (pthread_cond_timedwait(&p->stop_cond, &p->lock, &next) !=
		    ETIMEDOUT)
			continue;
		redraw(p);
		clock_gettime(CLOCK_MONOTONIC, &next);
		add_ms(&next, REDRAW_MS);
	}
	blank(p);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static bool
is_wanted(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && term != NULL &&
	       strcmp(term, "dumb") != 0;
}

static void
destroy(struct progress **p)
{
	pthread_cond_destroy(&(*p)->stop_cond);
	pthread_mutex_destroy(&(*p)->lock);
	free(*p);
	*p = NULL;
}

struct progress *
progress_start(void)
{
	struct progress *p;
	pthread_condattr_t attr;

	if (!is_wanted())
		return NULL;
	p = xcalloc(1, sizeof(*p));
	p->started_ms = clock_mono_ms();
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->stop_cond, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&p->thread, NULL, run, p) != 0)
		destroy(&p); /* the work matters, the line does not */
	return p;
}

void
progress_set(struct progress *p, uint64_t mails, uint64_t done, uint64_t total)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->mails = mails;
	p->done = done;
	p->total = total;
	pthread_mutex_unlock(&p->lock);
}

void
progress_hide(struct progress *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	blank(p);
	pthread_mutex_unlock(&p->lock);
}

void
progress_stop(struct progress **p)
{
	if (*p == NULL)
		return;
	pthread_mutex_lock(&(*p)->lock);
	(*p)->is_stopping = true;
	pthread_cond_signal(&(*p)->stop_cond);
	pthread_mutex_unlock(&(*p)->lock);
	pthread_join((*p)->thread, NULL);
	destroy(p);
}
