/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c - the conversation with one client (RFC 2033).
 * in: lines and bytes (stream.c)    out: mails (mail.c), replies (reply.c)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/recipient.h"
#include "common/mail_log.h"
#include "lmtp/command.h"
#include "lmtp/data.h"
#include "lmtp/mail.h"
#include "lmtp/session.h"

/* Between MAIL and the last reply. */
struct transaction {
	bool is_open;
	bool has_chunk; /* BDAT began: mail is in use */
	bool smtputf8;
	enum lmtp_body body;
	const char *from;        /* in the arena */
	const char **recipients; /* owned; the texts are in the arena */
	size_t count, room;
	size_t refused; /* not ours; they take memory too */
	struct lmtp_mail mail;
};

struct session {
	struct lmtp_service *service; /* foreign */
	struct lmtp_stream stream;
	struct conf *conf; /* held */
	struct arena *arena;
	struct transaction t;
	const char *id; /* borrowed */
	unsigned long mails;
	char mail_id[LMTP_SESSION_ID_SIZE + 24]; /* the session's and a count */
	char client[LMTP_HOST_NAME_SIZE]; /* as it calls itself; or empty */
	bool was_greeted;
	bool has_unsent_answer; /* a mail's replies are still gathered */
};

static void
reply(struct session *s, enum lmtp_reply r)
{
	lmtp_stream_reply(&s->stream, lmtp_reply_text(r));
}

/* Take the newest conf. Between mails only: a mail keeps the one it has. */
static void
renew_conf(struct session *s)
{
	conf_free(&s->conf);
	s->conf = pipeline_hold_conf(s->service->pipeline);
	s->stream.idle_ms = s->conf->lmtp.idle_timeout_s * 1000;
	s->stream.command_ms = s->conf->lmtp.command_timeout_s * 1000;
	s->stream.line_max = s->conf->lmtp.command_line;
}

/* Forget the mail that is under way. */
static void
reset(struct session *s)
{
	struct transaction *t = &s->t;
	const char **recipients = t->recipients;
	size_t room = t->room;

	if (t->has_chunk)
		lmtp_mail_clear(&t->mail);
	arena_reset(s->arena);
	memset(t, 0, sizeof(*t));
	t->recipients = recipients;
	t->room = room;
}

static bool
on_lhlo(struct session *s, const struct lmtp_command *c)
{
	static const char *const extensions[] = { "250-8BITMIME",
		"250-BINARYMIME", "250-CHUNKING", "250-ENHANCEDSTATUSCODES",
		"250-PIPELINING", "250-SMTPUTF8", "250 SIZE" };
	char line[LMTP_HOST_NAME_SIZE + 8];
	size_t i;

	reset(s);
	s->was_greeted = true;
	(void)snprintf(s->client, sizeof(s->client), "%.*s",
	    c->address_len < sizeof(s->client) ? (int)c->address_len : 0,
	    c->address);
	(void)snprintf(line, sizeof(line), "250-%s", s->service->host_name);
	lmtp_stream_reply(&s->stream, line);
	for (i = 0; i < sizeof(extensions) / sizeof(*extensions); i++)
		lmtp_stream_reply(&s->stream, extensions[i]);
	return true;
}

static bool
on_mail(struct session *s, const struct lmtp_command *c)
{
	if (!s->was_greeted || s->t.is_open) {
		reply(s, LMTP_REPLY_SEQUENCE);
		return true;
	}
	renew_conf(s);
	if (c->size > s->conf->limits.message_hard) {
		log_warn("%s: size=%llu status=refused (552 5.3.4)", s->id,
		    (unsigned long long)c->size);
		reply(s, LMTP_REPLY_TOO_LARGE);
		return true;
	}
	s->t.is_open = true;
	s->t.smtputf8 = c->smtputf8;
	s->t.body = c->body;
	s->t.from = arena_strndup(s->arena, c->address, c->address_len);
	(void)snprintf(
	    s->mail_id, sizeof(s->mail_id), "%s.%lu", s->id, ++s->mails);
	reply(s, LMTP_REPLY_SENDER_OK);
	return true;
}

static void
add_recipient(struct transaction *t, const char *address)
{
	if (t->count == t->room) {
		t->room = t->room > 0 ? t->room * 2 : 8;
		t->recipients =
		    xrealloc(t->recipients, t->room * sizeof(*t->recipients));
	}
	t->recipients[t->count++] = address;
}

static void
log_refused(struct session *s, const char *address)
{
	char from[MAIL_LOG_TEXT], to[MAIL_LOG_TEXT];

	log_warn("%s: from=%s to=%s status=refused (550 5.1.1: not in "
		 "intake.recipients)",
	    s->mail_id, mail_log_value(s->t.from, from),
	    mail_log_value(address, to));
}

static bool
on_rcpt(struct session *s, const struct lmtp_command *c)
{
	struct transaction *t = &s->t;
	const char *address;

	if (!t->is_open || t->has_chunk) {
		reply(s, LMTP_REPLY_SEQUENCE);
		return true;
	}
	if (t->count + t->refused >= s->conf->lmtp.recipients) {
		reply(s, LMTP_REPLY_TOO_MANY_RECIPIENTS);
		return true;
	}
	address = arena_strndup(s->arena, c->address, c->address_len);
	if (!recipient_is_ours(&s->conf->intake.recipients, address)) {
		t->refused++;
		log_refused(s, address);
		reply(s, LMTP_REPLY_NOT_OURS);
		return true;
	}
	add_recipient(t, address);
	reply(s, LMTP_REPLY_RECIPIENT_OK);
	return true;
}

/* The client or the time is gone, or the server stops: say so and end. */
static bool
end(struct session *s, enum lmtp_event ev)
{
	bool is_in_mail = s->t.is_open;

	if (ev == LMTP_EVENT_TIMEOUT)
		reply(s, LMTP_REPLY_TIMEOUT);
	else if (ev == LMTP_EVENT_STOP)
		reply(s, LMTP_REPLY_STOPPING);
	if (is_in_mail)
		log_info("%s: %s before the mail was complete", s->mail_id,
		    ev == LMTP_EVENT_TIMEOUT ? "timeout"
		    : ev == LMTP_EVENT_STOP  ? "shutdown"
					     : "connection lost");
	else if (ev == LMTP_EVENT_TIMEOUT)
		log_info("%s: timeout", s->id);
	return false;
}

/*
 * The mail is complete: one reply for each accepted recipient, in order.
 * Whether the client is still there does not matter to the mail.
 */
static void
finish(struct session *s)
{
	struct transaction *t = &s->t;
	const struct envelope env = {
		.transport = "lmtp",
		.session = s->mail_id,
		.from = t->from,
		.recipients = t->recipients,
		.recipient_count = t->count,
		.received = clock_now(),
		.mta_name = s->client,
	};
	char line[128];
	enum lmtp_reply r;
	size_t i;

	(void)lmtp_stream_flush(&s->stream); /* what follows may take long */
	r = lmtp_mail_end(&t->mail, &env);
	(void)snprintf(
	    line, sizeof(line), "%s %s", lmtp_reply_text(r), s->mail_id);
	for (i = 0; i < t->count; i++)
		lmtp_stream_reply(&s->stream, line);
	s->has_unsent_answer = true;
}

/* Everything up to the final dot goes into the mail. */
static enum lmtp_event
take_data(struct session *s)
{
	struct bytes unread, rest, span;
	enum lmtp_data_event d = LMTP_DATA_MORE;
	enum lmtp_event ev;
	struct lmtp_data data;

	lmtp_data_init(&data);
	while (d != LMTP_DATA_END) {
		ev = lmtp_stream_bytes(&s->stream, &unread);
		if (ev != LMTP_EVENT_INPUT)
			return ev;
		rest = unread;
		while (
		    (d = lmtp_data_next(&data, &rest, &span)) == LMTP_DATA_SPAN)
			lmtp_mail_add(&s->t.mail, span.data, span.len);
		lmtp_stream_take(&s->stream, unread.len - rest.len);
	}
	return LMTP_EVENT_INPUT;
}

static bool
on_data(struct session *s, const struct lmtp_command *c)
{
	struct transaction *t = &s->t;
	enum lmtp_event ev;

	(void)c;
	/* RFC 3030, 3: BINARYMIME goes with BDAT only */
	if (!t->is_open || t->has_chunk || t->body == LMTP_BODY_BINARYMIME) {
		reply(s, LMTP_REPLY_SEQUENCE);
		return true;
	}
	if (t->count == 0) {
		reply(s, LMTP_REPLY_NO_RECIPIENT);
		return true;
	}
	lmtp_mail_begin(&t->mail, s->service->pipeline, s->conf);
	t->has_chunk = true; /* there is something to clear */
	reply(s, LMTP_REPLY_GO_ON);
	if ((ev = take_data(s)) != LMTP_EVENT_INPUT)
		return end(s, ev);
	finish(s);
	reset(s);
	return true;
}

/* size bytes of the client, into the mail or, without one, into nothing. */
static enum lmtp_event
take_chunk(struct session *s, uint64_t size, bool is_wanted)
{
	struct bytes unread;
	enum lmtp_event ev;

	while (size > 0) {
		ev = lmtp_stream_bytes(&s->stream, &unread);
		if (ev != LMTP_EVENT_INPUT)
			return ev;
		if (unread.len > size)
			unread.len = (size_t)size;
		if (is_wanted)
			lmtp_mail_add(&s->t.mail, unread.data, unread.len);
		lmtp_stream_take(&s->stream, unread.len);
		size -= unread.len;
	}
	return LMTP_EVENT_INPUT;
}

/*
 * RFC 3030, 2. The chunk is read whatever is wrong: it must not be taken for
 * commands. Trouble with the bytes is told with the last one, so that the
 * number of replies never depends on it.
 */
static bool
on_bdat(struct session *s, const struct lmtp_command *c)
{
	struct transaction *t = &s->t;
	bool is_wanted = t->is_open && t->count > 0;
	enum lmtp_event ev;

	if (is_wanted && !t->has_chunk) {
		lmtp_mail_begin(&t->mail, s->service->pipeline, s->conf);
		t->has_chunk = true;
	}
	ev = take_chunk(s, c->size, is_wanted);
	if (ev != LMTP_EVENT_INPUT)
		return end(s, ev);
	if (!is_wanted) {
		reply(s,
		    t->is_open ? LMTP_REPLY_NO_RECIPIENT : LMTP_REPLY_SEQUENCE);
	} else if (!c->last) {
		reply(s, LMTP_REPLY_OK);
	} else {
		finish(s);
		reset(s);
	}
	return true;
}

static bool
on_rset(struct session *s, const struct lmtp_command *c)
{
	(void)c;
	reset(s);
	reply(s, LMTP_REPLY_OK);
	return true;
}

static bool
on_noop(struct session *s, const struct lmtp_command *c)
{
	(void)c;
	reply(s, LMTP_REPLY_OK);
	return true;
}

static bool
on_vrfy(struct session *s, const struct lmtp_command *c)
{
	(void)c;
	reply(s, LMTP_REPLY_VRFY);
	return true;
}

static bool
on_help(struct session *s, const struct lmtp_command *c)
{
	(void)c;
	reply(s, LMTP_REPLY_HELP);
	return true;
}

static bool
on_quit(struct session *s, const struct lmtp_command *c)
{
	(void)c;
	reply(s, LMTP_REPLY_BYE);
	return false;
}

/* Each returns whether the conversation goes on. */
static bool (*const handlers[LMTP_VERB_COUNT])(
    struct session *, const struct lmtp_command *) = {
	[LMTP_LHLO] = on_lhlo,
	[LMTP_MAIL] = on_mail,
	[LMTP_RCPT] = on_rcpt,
	[LMTP_DATA] = on_data,
	[LMTP_BDAT] = on_bdat,
	[LMTP_RSET] = on_rset,
	[LMTP_NOOP] = on_noop,
	[LMTP_VRFY] = on_vrfy,
	[LMTP_HELP] = on_help,
	[LMTP_QUIT] = on_quit,
};

static bool
obey(struct session *s, const struct bytes *line)
{
	struct lmtp_command c;
	enum lmtp_reply r;

	r = lmtp_command_parse(&c, line->data, line->len, s->t.smtputf8);
	if (r == LMTP_REPLY_NONE)
		return handlers[c.verb](s, &c);
	reply(s, r);
	/* a chunk of unknown size may follow: it must not become commands */
	return c.verb != LMTP_BDAT;
}

/* start: of a line that was too long. Does the conversation go on? */
static bool
refuse_long(struct session *s, const struct bytes *start)
{
	reply(s, LMTP_REPLY_LINE_TOO_LONG);
	return !lmtp_command_is_chunk(start->data, start->len);
}

/* After each command; the answer of a mail leaves unless more waits. */
static void
check_answer(struct session *s)
{
	if (!s->has_unsent_answer ||
	    (s->stream.at < s->stream.len && !s->stream.is_deaf))
		return;
	if (!lmtp_stream_flush(&s->stream))
		log_warn("%s: connection lost after the end of the mail, the "
			 "client will send it again",
		    s->mail_id);
	s->has_unsent_answer = false;
}

static void
converse(struct session *s)
{
	enum lmtp_event ev;
	struct bytes line;
	bool goes_on = true;

	while (goes_on) {
		ev = lmtp_stream_line(&s->stream, s->t.has_chunk, &line);
		if (ev == LMTP_EVENT_INPUT)
			goes_on = obey(s, &line);
		else if (ev == LMTP_EVENT_LONG)
			goes_on = refuse_long(s, &line);
		else
			goes_on = end(s, ev);
		check_answer(s);
	}
}

void
lmtp_session_run(struct lmtp_service *sv, int fd, const char *id)
{
	struct session s = { .service = sv, .id = id };
	char greeting[LMTP_HOST_NAME_SIZE + 32];

	s.arena = arena_new();
	s.conf = pipeline_hold_conf(sv->pipeline);
	lmtp_stream_open(&s.stream, fd, &sv->stop, s.conf->lmtp.command_line);
	renew_conf(&s);
	log_debug("%s: connect", id);
	(void)snprintf(greeting, sizeof(greeting), "220 %s LMTP dmarc-intake",
	    sv->host_name);
	lmtp_stream_reply(&s.stream, greeting);
	converse(&s);
	lmtp_stream_close(&s.stream);
	log_debug("%s: disconnect", id);
	reset(&s);
	free(s.t.recipients);
	arena_free(&s.arena);
	conf_free(&s.conf);
}
