/* SPDX-License-Identifier: Apache-2.0 */
/*
 * callbacks.c - what libmilter calls: they collect, and the end of message
 * hands on. Each may come at any time, and with anything missing.
 * in: libmilter's threads    out: session.c, reply.c
 *
 * Round trips: MAIL, RCPT, headers and body are not answered. One answer ends
 * a mail that is not ours: to DATA, or to the end of the header where its
 * content decides.
 */
#include <string.h>

#include <libmilter/mfapi.h>

#include "milter/callbacks.h"
#include "milter/reply.h"
#include "milter/session.h"

#define STEPS_NEVER (SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NOUNKNOWN)
#define STEPS_SILENT \
	(SMFIP_NR_MAIL | SMFIP_NR_RCPT | SMFIP_NR_HDR | SMFIP_NR_BODY)

/* libmilter hands nothing of ours to a first callback. Set before its start. */
static struct milter_service *service;

/* The session of ctx, made where there is none yet; NULL: we end. */
static struct milter_session *
session_of(SMFICTX *ctx)
{
	struct milter_session *s = smfi_getpriv(ctx);

	if (s != NULL || (s = milter_session_new(service)) == NULL)
		return s;
	if (smfi_setpriv(ctx, s) != MI_SUCCESS)
		milter_session_free(&s);
	return s;
}

/* Likewise, with a mail on it: NULL also when there was no MAIL. */
static struct milter_session *
mail_of(SMFICTX *ctx)
{
	struct milter_session *s = session_of(ctx);

	return s != NULL && s->mail.is_open ? s : NULL;
}

/* No reply where none was agreed on. */
static sfsistat
go_on(const struct milter_session *s, unsigned long step)
{
	return s != NULL && (s->steps & step) != 0 ? SMFIS_NOREPLY
						   : SMFIS_CONTINUE;
}

static sfsistat
cb_negotiate(SMFICTX *ctx, unsigned long rights, unsigned long steps,
    unsigned long unused_a, unsigned long unused_b, unsigned long *our_rights,
    unsigned long *our_steps, unsigned long *our_a, unsigned long *our_b)
{
	struct milter_session *s = session_of(ctx);
	unsigned long wanted = STEPS_NEVER | STEPS_SILENT | SMFIP_HDR_LEADSPC;
	char macros[] = "i j";

	(void)unused_a, (void)unused_b;
	if (s == NULL)
		return SMFIS_REJECT;
	if (s->conf->milter.match != CONF_MATCH_RECIPIENT)
		wanted |= SMFIP_NODATA;
	else if ((steps & SMFIP_NODATA) != 0) /* so it tells us of DATA */
		wanted |= SMFIP_NR_EOH;
	s->steps = wanted & steps;
	s->mail.has_leading_space = (s->steps & SMFIP_HDR_LEADSPC) != 0;
	*our_rights = rights & MILTER_RIGHTS;
	*our_steps = s->steps;
	*our_a = *our_b = 0;
	/* j comes at connect, which we leave out */
	if ((*our_rights & SMFIF_SETSYMLIST) != 0)
		(void)smfi_setsymlist(ctx, SMFIM_EOM, macros);
	return SMFIS_CONTINUE;
}

static sfsistat
cb_envfrom(SMFICTX *ctx, char **argv)
{
	struct milter_session *s = session_of(ctx);

	if (s != NULL)
		milter_mail_begin(&s->mail, s->service->pipeline, s->conf,
		    argv != NULL && argv[0] != NULL ? argv[0] : "");
	return go_on(s, SMFIP_NR_MAIL);
}

static sfsistat
cb_envrcpt(SMFICTX *ctx, char **argv)
{
	struct milter_session *s = mail_of(ctx);

	if (s != NULL && argv != NULL && argv[0] != NULL)
		milter_mail_recipient(&s->mail, argv[0]);
	return go_on(s, SMFIP_NR_RCPT);
}

/* The rest of a mail that is not ours is not even sent to us. */
static sfsistat
leave(struct milter_session *s)
{
	milter_mail_clear(&s->mail);
	return SMFIS_ACCEPT;
}

static sfsistat
cb_data(SMFICTX *ctx)
{
	struct milter_session *s = mail_of(ctx);

	if (s != NULL && !milter_mail_may_be_wanted(&s->mail))
		return leave(s);
	return SMFIS_CONTINUE;
}

static sfsistat
cb_header(SMFICTX *ctx, char *name, char *value)
{
	struct milter_session *s = mail_of(ctx);

	if (s != NULL && name != NULL && value != NULL &&
	    milter_mail_may_be_wanted(&s->mail))
		milter_mail_header(&s->mail, name, value);
	return go_on(s, SMFIP_NR_HDR);
}

static sfsistat
cb_eoh(SMFICTX *ctx)
{
	struct milter_session *s = mail_of(ctx);

	if (s == NULL)
		return SMFIS_CONTINUE;
	milter_mail_header_end(&s->mail);
	if ((s->steps & SMFIP_NR_EOH) != 0)
		return SMFIS_NOREPLY;
	return milter_mail_is_wanted(&s->mail) ? SMFIS_CONTINUE : leave(s);
}

static sfsistat
cb_body(SMFICTX *ctx, unsigned char *p, size_t len)
{
	struct milter_session *s = mail_of(ctx);

	if (s != NULL && p != NULL && milter_mail_is_wanted(&s->mail))
		milter_mail_body(&s->mail, p, len);
	return go_on(s, SMFIP_NR_BODY);
}

/*
 * From the progress thread; the end of message call writes nothing meanwhile.
 * A peer that has gone shows when that call is over.
 */
static void
tell_progress(void *ctx)
{
	(void)smfi_progress(ctx);
}

static sfsistat
cb_eom(SMFICTX *ctx)
{
	struct milter_session *s = mail_of(ctx);
	enum milter_action action;
	struct outcome o;
	sfsistat reply;

	if (s == NULL || !milter_mail_is_wanted(&s->mail))
		return SMFIS_ACCEPT;
	milter_session_name(s, smfi_getsymval(ctx, "i"));
	milter_mail_mta(&s->mail, smfi_getsymval(ctx, "j"));
	milter_session_run(s, tell_progress, ctx, &o);
	action = milter_session_action(s, &o);
	reply = milter_reply(ctx, s, &o, &action);
	milter_session_end(s, &o, milter_action_name(action));
	return reply;
}

/* Also between two mails, and before the first. */
static sfsistat
cb_abort(SMFICTX *ctx)
{
	struct milter_session *s = smfi_getpriv(ctx);

	if (s != NULL)
		milter_mail_clear(&s->mail);
	return SMFIS_CONTINUE;
}

static sfsistat
cb_close(SMFICTX *ctx)
{
	struct milter_session *s = smfi_getpriv(ctx);

	if (s != NULL) {
		(void)smfi_setpriv(ctx, NULL);
		milter_session_free(&s);
	}
	return SMFIS_CONTINUE;
}

int
milter_callbacks_register(struct milter_service *sv, struct err *e)
{
	char name[] = MILTER_PROGRAM;
	const struct smfiDesc callbacks = {
		.xxfi_name = name, /* copied */
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = MILTER_RIGHTS,
		.xxfi_negotiate = cb_negotiate,
		.xxfi_envfrom = cb_envfrom,
		.xxfi_envrcpt = cb_envrcpt,
		.xxfi_data = cb_data,
		.xxfi_header = cb_header,
		.xxfi_eoh = cb_eoh,
		.xxfi_body = cb_body,
		.xxfi_eom = cb_eom,
		.xxfi_abort = cb_abort,
		.xxfi_close = cb_close,
	};

	service = sv;
	if (smfi_register(callbacks) != MI_SUCCESS)
		return err_set(e, ERR_TEMP, "libmilter takes no callbacks");
	return 0;
}
