/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.h - one client's connection: buffered input, gathered replies, and
 * waits that end.
 */
#ifndef LMTP_STREAM_H
#define LMTP_STREAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/daemon.h"

#define LMTP_INPUT_BYTES (64 * 1024)

enum lmtp_event {
	LMTP_EVENT_INPUT,   /* there is something to work on */
	LMTP_EVENT_LONG,    /* a line over the limit was skipped */
	LMTP_EVENT_GONE,    /* the client is */
	LMTP_EVENT_TIMEOUT, /* nothing came for too long */
	LMTP_EVENT_STOP,    /* the server shuts down */
};

struct lmtp_stream {
	int fd;                   /* owned, non-blocking */
	struct daemon_stop *stop; /* foreign */
	char *in;                 /* owned; unread: from at to len */
	size_t at, len, size;
	struct buf out;  /* replies that were not sent yet */
	bool is_deaf;    /* the client takes no more replies */
	int64_t stop_ms; /* when a mail in hand must be in, after a stop */
	/* what the session's conf says; may change between two calls */
	int64_t idle_ms, command_ms;
	size_t line_max;
	char start[8]; /* of a line that was too long */
};

/* line_max may be lowered later, and is no use above the value of now. */
void lmtp_stream_open(
    struct lmtp_stream *s, int fd, struct daemon_stop *stop, size_t line_max);

/*
 * The next command line, without its line end (CRLF; a bare LF is taken for
 * one), borrowed until the next call. is_in_mail: a mail is under way, so a
 * stop of the server gives it the time of one command. LMTP_EVENT_LONG: *line
 * has its first bytes.
 */
enum lmtp_event lmtp_stream_line(
    struct lmtp_stream *s, bool is_in_mail, struct bytes *line);

/*
 * Wait until bytes of the mail are there: *unread has them (borrowed);
 * lmtp_stream_take says how many were used.
 */
enum lmtp_event lmtp_stream_bytes(struct lmtp_stream *s, struct bytes *unread);
void lmtp_stream_take(struct lmtp_stream *s, size_t len);

/* Gather a reply line; CRLF is added. It leaves before the next wait. */
void lmtp_stream_reply(struct lmtp_stream *s, const char *text);

/* Send what was gathered. false: the client does not take it. */
bool lmtp_stream_flush(struct lmtp_stream *s);

/* Flush, then close in a way that the last reply arrives. */
void lmtp_stream_close(struct lmtp_stream *s);

#endif
