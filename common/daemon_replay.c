/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon_replay.c - what a daemon with a quarantine does beside its peers:
 * waiting mails are tried again, and once a day the log says what lies there.
 */
#include <poll.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/daemon_replay.h"
#include "common/mail_log.h"

/* Sleep, but not longer than the server lives. */
static bool
sleep_s(struct daemon_stop *stop, int64_t seconds)
{
	struct pollfd p = { .fd = stop->fd, .events = POLLIN };
	int64_t until_ms = clock_mono_ms() + seconds * 1000, left;

	while ((left = until_ms - clock_mono_ms()) > 0 && !stop->asked)
		(void)poll(&p, 1, left > 60000 ? 60000 : (int)left);
	return !stop->asked;
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
	mail_log(&again, o, 0, 0, verdict_name(o->verdict), "replay");
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
daemon_replay_run(struct pipeline *p, struct daemon_stop *stop)
{
	int64_t told_ms = clock_mono_ms(), interval_s;
	struct conf *conf;
	uint64_t left;

	expire(p);
	log_backlog(p);
	for (;;) {
		conf = pipeline_hold_conf(p);
		interval_s = conf->intake.replay_interval_s;
		conf_free(&conf);
		if (!sleep_s(stop, interval_s > 0 ? interval_s : CLOCK_DAY_S))
			break;
		if (interval_s > 0 &&
		    (left = pipeline_replay(p, &stop->asked, log_replayed)) > 0)
			log_info("replay: %llu waiting mails left the "
				 "quarantine",
			    (unsigned long long)left);
		if (clock_mono_ms() - told_ms >= CLOCK_DAY_S * 1000) {
			expire(p);
			log_backlog(p);
			told_ms = clock_mono_ms();
		}
	}
}
