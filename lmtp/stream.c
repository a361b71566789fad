/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.c - one client's connection.
 * in: a socket (server.c)    out: lines and bytes (session.c)
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "lmtp/stream.h"

#define OUTPUT_MAX (1024 * 1024)
#define OUTPUT_BURST (32 * 1024) /* sent even while input is waiting */
#define POLL_MAX_MS (3600 * 1000)

void
lmtp_stream_open(
    struct lmtp_stream *s, int fd, struct daemon_stop *stop, size_t line_max)
{
	*s = (struct lmtp_stream){ .fd = fd, .stop = stop };
	s->size = line_max > LMTP_INPUT_BYTES ? line_max : LMTP_INPUT_BYTES;
	s->in = xmalloc(s->size);
	buf_init(&s->out, OUTPUT_MAX);
}

static int
left_ms(int64_t until_ms)
{
	int64_t left = until_ms - clock_mono_ms();

	return left < 0 ? 0 : left > POLL_MAX_MS ? POLL_MAX_MS : (int)left;
}

/* 1: fd is ready; 0: time is up; -1: the server stops (if is_stoppable). */
static int
wait_for(
    struct lmtp_stream *s, short events, int64_t until_ms, bool is_stoppable)
{
	struct pollfd p[2] = {
		{ .fd = s->fd, .events = events },
		{ .fd = is_stoppable ? s->stop->fd : -1, .events = POLLIN },
	};
	int n;

	for (;;) {
		n = poll(p, 2, left_ms(until_ms));
		if (n < 0 && errno != EINTR)
			return 0;
		if (n > 0)
			return p[0].revents != 0 ? 1 : -1;
		if (left_ms(until_ms) == 0)
			return 0;
	}
}

bool
lmtp_stream_flush(struct lmtp_stream *s)
{
	int64_t until_ms = clock_mono_ms() + s->command_ms;
	const char *p = s->out.data;
	size_t left = s->out.len;
	ssize_t n;

	while (left > 0 && !s->is_deaf) {
		n = send(s->fd, p, left, MSG_NOSIGNAL);
		if (n >= 0) {
			p += n;
			left -= (size_t)n;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			s->is_deaf = wait_for(s, POLLOUT, until_ms, false) != 1;
		} else if (errno != EINTR) {
			s->is_deaf = true;
		}
	}
	buf_reset(&s->out);
	return !s->is_deaf;
}

void
lmtp_stream_reply(struct lmtp_stream *s, const char *text)
{
	struct err e = { 0 };

	if (s->is_deaf)
		return;
	if (buf_add_text(&s->out, text, &e) < 0 ||
	    buf_add(&s->out, "\r\n", 2, &e) < 0)
		s->is_deaf = true; /* none is that long: never half of one */
	else if (s->out.len >= OUTPUT_BURST)
		(void)lmtp_stream_flush(s);
}

/* Read once; the room is behind what is unread. */
static enum lmtp_event
read_once(struct lmtp_stream *s)
{
	ssize_t n;

	if (s->at > 0) {
		s->len -= s->at;
		memmove(s->in, s->in + s->at, s->len);
		s->at = 0;
	}
	do {
		n = recv(s->fd, s->in + s->len, s->size - s->len, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return LMTP_EVENT_INPUT; /* woken for nothing */
	if (n <= 0)
		return LMTP_EVENT_GONE;
	s->len += (size_t)n;
	return LMTP_EVENT_INPUT;
}

static bool
is_stopping(const struct lmtp_stream *s)
{
	return atomic_load_explicit(&s->stop->asked, memory_order_relaxed);
}

/*
 * Wait for more input. Replies leave first: the client may wait for them. A
 * mail in hand when the server stops gets the time of one command, no more.
 */
static enum lmtp_event
fill(struct lmtp_stream *s, int64_t until_ms, bool is_in_mail)
{
	int ready;

	/* with nobody listening, a mail that was sent already still counts */
	if (!lmtp_stream_flush(s) && !is_in_mail)
		return LMTP_EVENT_GONE;
	for (;;) {
		if (is_stopping(s) && !is_in_mail)
			return LMTP_EVENT_STOP;
		if (is_stopping(s) && s->stop_ms == 0)
			s->stop_ms = clock_mono_ms() + s->command_ms;
		if (s->stop_ms > 0 && s->stop_ms < until_ms)
			until_ms = s->stop_ms;
		ready = wait_for(s, POLLIN, until_ms, s->stop_ms == 0);
		if (ready > 0)
			return read_once(s);
		if (ready == 0)
			return s->stop_ms > 0 ? LMTP_EVENT_STOP
					      : LMTP_EVENT_TIMEOUT;
	}
}

/* Drop all up to the line's end, which is not in the buffer yet. */
static enum lmtp_event
skip_line(struct lmtp_stream *s, int64_t until_ms, bool is_in_mail)
{
	enum lmtp_event ev;
	char *end;

	for (;;) {
		end = memchr(s->in + s->at, '\n', s->len - s->at);
		if (end != NULL) {
			s->at = (size_t)(end + 1 - s->in);
			return LMTP_EVENT_LONG;
		}
		s->at = s->len = 0;
		if ((ev = fill(s, until_ms, is_in_mail)) != LMTP_EVENT_INPUT)
			return ev;
	}
}

static void
cut_line(struct lmtp_stream *s, const char *end, struct bytes *line)
{
	line->data = s->in + s->at;
	line->len = (size_t)(end - (s->in + s->at));
	if (line->len > 0 && end[-1] == '\r')
		line->len--;
	s->at = (size_t)(end + 1 - s->in);
}

enum lmtp_event
lmtp_stream_line(struct lmtp_stream *s, bool is_in_mail, struct bytes *line)
{
	size_t max = s->line_max < s->size ? s->line_max : s->size;
	int64_t until_ms = 0;
	enum lmtp_event ev;
	char *end;

	if (is_stopping(s) && !is_in_mail)
		return LMTP_EVENT_STOP;
	for (;;) {
		size_t unread = s->len - s->at;

		end = memchr(s->in + s->at, '\n', unread);
		if (end != NULL && (size_t)(end + 1 - (s->in + s->at)) <= max) {
			cut_line(s, end, line);
			return LMTP_EVENT_INPUT;
		}
		if (unread > 0 && until_ms == 0)
			until_ms = clock_mono_ms() + s->command_ms;
		if (end != NULL || unread >= max) {
			memcpy(s->start, s->in + s->at, sizeof(s->start));
			*line = (struct bytes){ s->start, sizeof(s->start) };
			return skip_line(s, until_ms, is_in_mail);
		}
		ev = fill(s,
		    unread > 0 ? until_ms : clock_mono_ms() + s->idle_ms,
		    is_in_mail);
		if (ev != LMTP_EVENT_INPUT)
			return ev;
	}
}

enum lmtp_event
lmtp_stream_bytes(struct lmtp_stream *s, struct bytes *unread)
{
	int64_t until_ms = 0;
	enum lmtp_event ev;

	while (s->at == s->len) {
		if (until_ms == 0)
			until_ms = clock_mono_ms() + s->idle_ms;
		if ((ev = fill(s, until_ms, true)) != LMTP_EVENT_INPUT)
			return ev;
	}
	unread->data = s->in + s->at;
	unread->len = s->len - s->at;
	return LMTP_EVENT_INPUT;
}

void
lmtp_stream_take(struct lmtp_stream *s, size_t len)
{
	s->at += len;
}

void
lmtp_stream_close(struct lmtp_stream *s)
{
	int i;

	(void)lmtp_stream_flush(s);
	/* unread input would turn the close into a reset, and the last reply
	 * could be lost with it */
	(void)shutdown(s->fd, SHUT_WR);
	for (i = 0; i < 16; i++)
		if (recv(s->fd, s->in, s->size, MSG_DONTWAIT) <= 0)
			break;
	(void)close(s->fd);
	free(s->in);
	buf_clear(&s->out);
}
