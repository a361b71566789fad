/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon_replay.c - what a daemon with a quarantine does beside its peers:
 * waiting mails are tried again, and once a day the log says what lies there
 * and what the sinks' servers lack.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/daemon_main.h"
#include "common/daemon_replay.h"
#include "common/mail_log.h"

#define LOOK_MS (60 * 1000)   /* between looks at what the settings are now */
#define SILENT_MS (10 * 1000) /* a silent server is asked again */
#define DAY_MS (CLOCK_DAY_S * 1000)
#define REPEAT_MS (60 * 60 * 1000) /* the same trouble is told again */
#define CLOCK_TRUST_S (60 * 60)

/* When what is done from time to time was done, by the monotonic clock. */
struct rounds {
	int64_t replayed_ms, told_ms, expire_ms;
	int64_t look_ms;    /* the next at what the sinks' servers have */
	struct err trouble; /* of the replay, as the log has it */
	int64_t trouble_ms;
};

static int64_t
interval_ms(struct pipeline *p)
{
	struct conf *conf = pipeline_hold_conf(p);
	int64_t ms = conf->intake.replay_interval_s * 1000;

	conf_free(&conf);
	return ms;
}

/* Until the next of them, or the next look. False: the server stops. */
static bool
sleep_until_next(
    struct daemon_stop *stop, const struct rounds *r, int64_t every_ms)
{
	struct pollfd p = { .fd = stop->fd, .events = POLLIN };
	int64_t now = clock_mono_ms(), left = LOOK_MS;

	if (r->replayed_ms + every_ms - now < left)
		left = r->replayed_ms + every_ms - now;
	if (r->expire_ms - now < left)
		left = r->expire_ms - now;
	if (r->look_ms - now < left)
		left = r->look_ms - now;
	if (left > 0 && !stop->asked)
		(void)poll(&p, 1, (int)left);
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

/*
 * The first time when the clock had some time to be set: one that is months
 * ahead at the start would make all that was kept too old.
 */
static int64_t
first_expiry_ms(struct pipeline *p)
{
	struct conf *conf = pipeline_hold_conf(p);
	int64_t s = conf->quarantine.max_age_s / 24;

	conf_free(&conf);
	return clock_mono_ms() + (s < CLOCK_TRUST_S ? s : CLOCK_TRUST_S) * 1000;
}

static void
tell_trouble(struct rounds *r, uint64_t stayed, const struct err *e)
{
	int64_t now = clock_mono_ms();

	if (strcmp(r->trouble.text, e->text) == 0 &&
	    now - r->trouble_ms < REPEAT_MS)
		return;
	r->trouble = *e;
	r->trouble_ms = now;
	log_warn("replay: %llu waiting mails stay in the quarantine: %s",
	    (unsigned long long)stayed, e->text);
}

static void
replay(struct pipeline *p, struct daemon_stop *stop, struct rounds *r)
{
	struct pipeline_again_count n;
	struct err e = { 0 };

	if (pipeline_replay(p, &stop->asked, log_replayed, &n, &e) < 0 &&
	    !stop->asked)
		tell_trouble(r, n.stayed, &e);
	if (n.left > 0)
		log_info("replay: %llu waiting mails left the quarantine",
		    (unsigned long long)n.left);
}

/* One that does not answer is asked again soon, without a word. */
static void
look(struct pipeline *p, struct rounds *r)
{
	bool is_answered = daemon_look(p, r->look_ms == 0);

	r->look_ms = clock_mono_ms() + (is_answered ? DAY_MS : SILENT_MS);
}

void
daemon_replay_run(struct pipeline *p, struct daemon_stop *stop)
{
	int64_t now = clock_mono_ms(), every_ms = interval_ms(p);
	struct rounds r = { .replayed_ms = now,
		.told_ms = now,
		.expire_ms = first_expiry_ms(p) };

	log_backlog(p);
	look(p, &r);
	while (sleep_until_next(stop, &r, every_ms)) {
		every_ms = interval_ms(p);
		now = clock_mono_ms();
		if (now - r.replayed_ms >= every_ms) {
			replay(p, stop, &r);
			r.replayed_ms = clock_mono_ms();
		}
		if (now >= r.expire_ms) {
			expire(p);
			r.expire_ms = now + DAY_MS;
		}
		if (now >= r.look_ms)
			look(p, &r);
		if (now - r.told_ms >= DAY_MS) {
			log_backlog(p);
			r.told_ms = now;
		}
	}
}
