/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.c - a session with an IMAP server.
 * in: bytes (imap_link.c), cut into replies (wire.c)    out: what they say
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "imap/client.h"

#define INPUT_BYTES (64 * 1024)
#define COMMAND_BYTES 8192

static int send_args(struct imap_client *c, struct err *e, const char *fmt,
    va_list ap) __attribute__((format(printf, 3, 0)));

static int
send_args(struct imap_client *c, struct err *e, const char *fmt, va_list ap)
{
	struct buf line;
	char *text;
	int rc;

	if (vasprintf(&text, fmt, ap) < 0)
		return err_set(e, ERR_TEMP, "out of memory");
	buf_init(&line, COMMAND_BYTES);
	rc =
	    buf_printf(&line, e, IMAP_TAG "%" PRIu32 " %s\r\n", ++c->tag, text);
	free(text);
	if (rc == 0)
		rc = imap_link_send(
		    c->link, line.data, line.len, c->timeout_ms, e);
	buf_clear(&line);
	return rc;
}

int
imap_client_send(struct imap_client *c, struct err *e, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = send_args(c, e, fmt, ap);
	va_end(ap);
	return rc;
}

/* 1 *r is the next reply, 0 there was none within the time, -1. */
static int
next_reply(struct imap_client *c, int64_t timeout_ms, bool ends_on_stop,
    struct imap_reply *r, struct err *e)
{
	struct bytes in, span;
	ssize_t n;
	int rc;

	for (;;) {
		in = (struct bytes){ c->in + c->at, c->len - c->at };
		rc = imap_wire_next(&c->wire, &in, &span, e);
		c->at = c->len - in.len;
		if (rc < 0)
			return -1;
		if (rc == IMAP_WIRE_REPLY)
			break;
		if (rc == IMAP_WIRE_BODY) {
			if (c->on_body != NULL)
				c->on_body(c->context, span.data, span.len);
			continue;
		}
		n = imap_link_read(
		    c->link, c->in, INPUT_BYTES, timeout_ms, ends_on_stop, e);
		if (n <= 0)
			return (int)n;
		c->at = 0;
		c->len = (size_t)n;
	}
	rc = imap_reply_parse(r, c->wire.text.data, c->wire.text.len, e);
	return rc < 0 ? -1 : 1;
}

static void
take_capabilities(struct imap_client *c, struct imap_tokens *t)
{
	static const struct {
		const char *word;
		unsigned can;
	} known[] = {
		{ "IDLE", IMAP_CAN_IDLE },
		{ "MOVE", IMAP_CAN_MOVE },
		{ "UIDPLUS", IMAP_CAN_UIDPLUS },
		{ "NAMESPACE", IMAP_CAN_NAMESPACE },
	};
	struct bytes word;
	size_t i;

	c->can = 0;
	while (imap_token_next(t, &word) == IMAP_TOKEN_ATOM)
		for (i = 0; i < sizeof(known) / sizeof(*known); i++)
			if (word.len == strlen(known[i].word) &&
			    text_equal_nocase_n(
				word.data, known[i].word, word.len))
				c->can |= known[i].can;
}

/* What stands in quotes as the delimiter; NIL: there are no levels. */
static void
take_delimiter(struct imap_client *c, struct imap_tokens *t)
{
	struct bytes value;

	c->names.delimiter = '\0';
	if (imap_token_next(t, &value) == IMAP_TOKEN_STRING && value.len == 1)
		c->names.delimiter = *(const char *)value.data;
}

/* NAMESPACE (("INBOX." ".")) NIL NIL: the first is for personal ones. */
static void
take_namespace(struct imap_client *c, struct imap_tokens *t)
{
	struct bytes value;

	if (imap_token_next(t, &value) != IMAP_TOKEN_OPEN ||
	    imap_token_next(t, &value) != IMAP_TOKEN_OPEN ||
	    imap_token_next(t, &value) != IMAP_TOKEN_STRING)
		return;
	free(c->names.prefix);
	c->names.prefix = xstrndup(value.data, value.len);
	take_delimiter(c, t);
}

/* * LIST (\Noselect) "/" "" */
static void
take_list(struct imap_client *c, struct imap_tokens *t)
{
	struct bytes value;

	imap_token_skip(t, imap_token_next(t, &value));
	take_delimiter(c, t);
}

static int
goodbye(const struct imap_reply *r, struct err *e)
{
	char shown[IMAP_SHOWN_BYTES];

	return err_set(e, ERR_TEMP, "the server says goodbye: %s",
	    imap_reply_shown(r->text.data, r->text.len, shown));
}

/* What no command asked for, or what one of the first asked for. */
static int
take_untagged(struct imap_client *c, struct imap_reply *r, struct err *e)
{
	struct imap_fetch f;

	switch (r->kind) {
	case IMAP_REPLY_STATUS:
		return r->status == IMAP_STATUS_BYE ? goodbye(r, e) : 0;
	case IMAP_REPLY_EXISTS:
		c->has_news = c->has_news || r->number > c->exists;
		c->exists = r->number;
		return 0;
	case IMAP_REPLY_CAPABILITY:
		take_capabilities(c, &r->rest);
		return 0;
	case IMAP_REPLY_NAMESPACE:
		take_namespace(c, &r->rest);
		return 0;
	case IMAP_REPLY_LIST:
		take_list(c, &r->rest);
		return 0;
	case IMAP_REPLY_EXPUNGE:
		if (c->exists > 0)
			c->exists--;
		return 0;
	case IMAP_REPLY_FETCH:
		if (imap_fetch_parse(r, &f, e) < 0)
			return -1;
		return c->on_fetch != NULL ? c->on_fetch(c->context, &f, e) : 0;
	default:
		return 0;
	}
}

/* The next reply, within the time that a server has for one. */
static int
must_reply(struct imap_client *c, struct imap_reply *r, struct err *e)
{
	int rc = next_reply(c, c->timeout_ms, false, r, e);

	if (rc == 0)
		return err_set(e, ERR_TEMP, "the server says nothing for %d s",
		    (int)(c->timeout_ms / 1000));
	return rc;
}

int
imap_client_wait(
    struct imap_client *c, uint32_t tag, struct imap_reply *done, struct err *e)
{
	for (;;) {
		if (must_reply(c, done, e) < 0)
			return -1;
		if (done->kind != IMAP_REPLY_DONE) {
			if (take_untagged(c, done, e) < 0)
				return -1;
			continue;
		}
		if (done->tag == tag)
			return 0;
		return err_set(e, ERR_MALFORMED,
		    "reply of the server: command %" PRIu32
		    " is done, but %" PRIu32 " was next",
		    done->tag, tag);
	}
}

int
imap_client_run(struct imap_client *c, struct imap_reply *done, struct err *e,
    const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = send_args(c, e, fmt, ap);
	va_end(ap);
	return rc < 0 ? -1 : imap_client_wait(c, c->tag, done, e);
}

/*
 * What Dovecot says of the time that it took is not the cause: with it, the
 * same cause would be another one each time.
 */
static size_t
cause_length(const struct bytes *text)
{
	static const char end[] = " secs).";
	const char *p = text->data;
	size_t len = text->len, end_len = sizeof(end) - 1, at = len;

	if (len > end_len && memcmp(p + len - end_len, end, end_len) == 0) {
		while (at > 0 && p[at - 1] != '(')
			at--;
		len = at > 1 ? at - 2 : len;
	}
	return len;
}

int
imap_client_refused(
    const struct imap_reply *done, enum err_kind kind, struct err *e)
{
	char shown[IMAP_SHOWN_BYTES];

	return err_set(e, kind, "%s: %s",
	    done->status == IMAP_STATUS_NO ? "NO" : "BAD",
	    imap_reply_shown(
		done->text.data, cause_length(&done->text), shown));
}

/* What it can do may have changed with the login, so it is asked now. */
static int
greet(struct imap_client *c, struct err *e)
{
	struct imap_reply done;

	if (imap_client_run(c, &done, e, "CAPABILITY") < 0)
		return -1;
	return imap_client_run(c, &done, e,
	    c->can & IMAP_CAN_NAMESPACE ? "NAMESPACE" : "LIST \"\" \"\"");
}

int
imap_client_open(struct imap_client **opened, const struct conf_imap *conf,
    const struct conf_limits *limits, int stop_fd, struct err *e)
{
	struct imap_client *c = xcalloc(1, sizeof(*c));

	c->timeout_ms = conf->timeout_s * 1000;
	c->in = xmalloc(INPUT_BYTES);
	imap_wire_init(&c->wire, limits->imap_reply, limits->message_hard);
	if (imap_link_open(&c->link, conf, stop_fd, e) < 0 || greet(c, e) < 0) {
		imap_client_close(&c, true);
		return -1;
	}
	*opened = c;
	return 0;
}

/* RFC 5530, 3: the mailbox is there, and can be read at another time. */
static bool
is_for_now(const struct imap_reply *r)
{
	static const char *const codes[] = { "UNAVAILABLE", "INUSE",
		"SERVERBUG", "LIMIT" };
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (imap_reply_is_code(r, codes[i]))
			return true;
	return false;
}

int
imap_client_select(struct imap_client *c, const char *name, bool is_read_only,
    struct imap_mailbox *m, struct err *e)
{
	char *quoted = imap_name_quoted(&c->names, name);
	struct imap_reply r = { .kind = IMAP_REPLY_DONE };
	int rc;

	*m = (struct imap_mailbox){ 0 };
	c->exists = 0;
	rc = imap_client_send(
	    c, e, "%s %s", is_read_only ? "EXAMINE" : "SELECT", quoted);
	while (rc == 0 && (rc = must_reply(c, &r, e)) == 1) {
		(void)imap_reply_code_number(
		    &r, "UIDVALIDITY", &m->uidvalidity);
		if (r.kind == IMAP_REPLY_DONE)
			break;
		rc = take_untagged(c, &r, e);
	}
	if (rc < 0) {
		free(quoted);
		return -1;
	}
	if (r.status == IMAP_STATUS_OK)
		m->is_read_only = imap_reply_is_code(&r, "READ-ONLY");
	else
		(void)imap_client_refused(
		    &r, is_for_now(&r) ? ERR_TEMP : ERR_CONF, e);
	rc = r.status == IMAP_STATUS_OK ? 0 : err_add(e, "mailbox %s", quoted);
	free(quoted);
	return rc;
}

/* The end of IDLE; the server may have much to tell before it. */
static int
idle_end(struct imap_client *c, struct err *e)
{
	struct imap_reply done;

	if (imap_link_send(c->link, "DONE\r\n", 6, c->timeout_ms, e) < 0)
		return -1;
	return imap_client_wait(c, c->tag, &done, e);
}

int
imap_client_idle(struct imap_client *c, int64_t wait_ms, struct err *e)
{
	int64_t until_ms = clock_mono_ms() + wait_ms, left;
	struct imap_reply r;
	int rc;

	if (imap_client_send(c, e, "IDLE") < 0)
		return -1;
	while (!c->has_news && (left = until_ms - clock_mono_ms()) > 0) {
		if ((rc = next_reply(c, left, true, &r, e)) < 0)
			return -1;
		if (rc == 0)
			break;
		if (r.kind == IMAP_REPLY_DONE) { /* it does not want to */
			c->can &= ~(unsigned)IMAP_CAN_IDLE;
			return 0;
		}
		if (take_untagged(c, &r, e) < 0)
			return -1;
	}
	return idle_end(c, e) < 0 ? -1 : c->has_news;
}

void
imap_client_close(struct imap_client **c, bool is_broken)
{
	struct err ignored;

	if (*c == NULL)
		return;
	if (!is_broken) /* nobody waits for what is said to it */
		(void)imap_client_send(*c, &ignored, "LOGOUT");
	imap_link_close(&(*c)->link);
	imap_wire_clear(&(*c)->wire);
	free((*c)->names.prefix);
	free((*c)->in);
	free(*c);
	*c = NULL;
}
