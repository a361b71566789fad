/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c - what the daemon does beside its clients: waiting mails are tried
 * again, and once a day the log says what lies in the quarantine.
 */
#include <poll.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "lmtp/mail.h"
#include "lmtp/replay.h"

/* Sleep, but not longer than the server lives. */
static bool
sleep_s(struct lmtp_service *sv, int64_t seconds)
{
	struct pollfd p = { .fd = sv->stop.fd, .events = POLLIN };
	int64_t until_ms = clock_mono_ms() + seconds * 1000, left;

	while ((left = until_ms - clock_mono_ms()) > 0 && !sv->stop.asked)
		(void)poll(&p, 1, left > 60000 ? 60000 : (int)left);
	return !sv->stop.asked;
}

/* Under the session that brought the mail, so that one search finds both. */
static void
log_replayed(const struct envelope *env, const struct outcome *o)
{
	struct envelope again = *env;
	char session[80];

	(void)snprintf(session, sizeof(session), "%s: replay",
	    env->session != NULL ? env->session : "-");
	again.session = session;
	lmtp_mail_log(&again, o, 0, 0, verdict_name(o->verdict),
	    lmtp_reply_of(o->verdict));
}

static void
log_backlog(struct pipeline *p)
{
	struct pipeline_backlog b = { 0 };
	char kept[CLOCK_TEXT_SIZE] = "-", waiting[CLOCK_TEXT_SIZE] = "-",
	     other[CLOCK_TEXT_SIZE] = "-";
	struct err e = { 0 };

	if (pipeline_backlog(p, &b, &e) < 0) {
		log_err("quarantine: %s", e.text);
		return;
	}
	if (b.kept + b.waiting + b.other == 0)
		return;
	if (b.oldest_kept > 0)
		clock_iso(b.oldest_kept, kept);
	if (b.oldest_waiting > 0)
		clock_iso(b.oldest_waiting, waiting);
	if (b.oldest_other > 0)
		clock_iso(b.oldest_other, other);
	log_warn("quarantine: kept=%llu waiting=%llu other=%llu "
		 "oldest-kept=%s oldest-waiting=%s oldest-other=%s",
	    (unsigned long long)b.kept, (unsigned long long)b.waiting,
	    (unsigned long long)b.other, kept, waiting, other);
}

/* What was kept for long enough goes. */
static void
expire(struct pipeline *p)
{
	struct err e = { 0 };
	uint64_t removed = 0;

	if (pipeline_expire(p, &removed, &e) < 0)
		log_err("quarantine: %s", e.text);
	if (removed > 0)
		log_info("quarantine: %llu mails older than max_age removed",
		    (unsigned long long)removed);
}

void
lmtp_replay_run(struct lmtp_service *sv)
{
	int64_t told_ms = clock_mono_ms(), interval_s;
	struct conf *conf;
	uint64_t left;

	expire(sv->pipeline);
	log_backlog(sv->pipeline);
	for (;;) {
		conf = pipeline_hold_conf(sv->pipeline);
		interval_s = conf->intake.replay_interval_s;
		conf_free(&conf);
		if (!sleep_s(sv, interval_s > 0 ? interval_s : CLOCK_DAY_S))
			break;
		if (interval_s > 0 && (left = pipeline_replay(sv->pipeline,
					   &sv->stop.asked, log_replayed)) > 0)
			log_info("replay: %llu waiting mails left the "
				 "quarantine",
			    (unsigned long long)left);
		if (clock_mono_ms() - told_ms >= CLOCK_DAY_S * 1000) {
			expire(sv->pipeline);
			log_backlog(sv->pipeline);
			told_ms = clock_mono_ms();
		}
	}
}
