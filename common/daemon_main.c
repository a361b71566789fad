/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon_main.c - what the daemons' mains have in common: options, log,
 * configuration, exit code; reading the configuration again, and the look at
 * the sinks.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/cage.h"
#include "common/base/daemon.h"
#include "common/base/log.h"
#include "common/daemon_main.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unreleased"
#endif

static int
usage(const struct daemon_program *d, FILE *out, int code)
{
	const struct daemon_flag *f;

	(void)fprintf(out, "usage: %s [-c FILE] [-V] [-h]", d->name);
	for (f = d->flags; f != NULL && f->name != NULL; f++)
		(void)fprintf(out, " [--%s]", f->name);
	(void)fprintf(out,
	    "\n"
	    "  -c FILE  read FILE instead of %s\n"
	    "  -V       print the version\n"
	    "  -h       print this\n",
	    CONF_PATH_DEFAULT);
	for (f = d->flags; f != NULL && f->name != NULL; f++)
		(void)fprintf(out, "  --%-6s %s\n", f->name, f->help);
	return code;
}

/* Does somebody who starts it by hand not see what is logged? */
static bool
is_hidden(enum log_target target)
{
	if (target == LOG_TARGET_AUTO)
		return !isatty(STDERR_FILENO) &&
		       getenv("JOURNAL_STREAM") == NULL;
	return target == LOG_TARGET_SYSLOG;
}

static void
warn_of_risks(const struct conf *conf)
{
	if (conf->elasticsearch.on &&
	    conf->elasticsearch.skip_certificate_verification)
		log_warn("[elasticsearch] skip_certificate_verification is "
			 "on: anybody on the way can read what is sent");
}

static int
run(const struct daemon_program *d, const char *path, struct err *e)
{
	enum log_target target = LOG_TARGET_STDERR;
	struct conf *conf = NULL;
	int rc;

	if ((rc = conf_load(&conf, path, e)) == 0) {
		target = conf->intake.log;
		log_open(d->name, target, conf->intake.log_level);
		if ((rc = d->check(conf, e)) == 0) {
			warn_of_risks(conf);
			rc = d->run(conf, e);
		}
		conf_free(&conf);
	}
	if (rc >= 0)
		return rc;
	log_err("%s", e->text);
	if (is_hidden(target))
		(void)fprintf(stderr, "%s: %s\n", d->name, e->text);
	return e->kind == ERR_CONF ? EX_CONFIG : EX_TEMPFAIL;
}

/* As getopt_long wants them; each gives 0 and its number. */
static void
fill_options(const struct daemon_program *d, struct option *options)
{
	const struct daemon_flag *f;

	for (f = d->flags; f != NULL && f->name != NULL; f++)
		*options++ = (struct option){ f->name, no_argument, NULL, 0 };
}

int
daemon_main(const struct daemon_program *d, int argc, char **argv)
{
	struct option options[DAEMON_FLAGS_MAX + 1] = { { 0 } };
	const char *path = NULL;
	struct err e = { 0 };
	int opt, at;

	fill_options(d, options);
	while ((opt = getopt_long(argc, argv, "c:Vh", options, &at)) != -1) {
		switch (opt) {
		case 0:
			*d->flags[at].is_on = true;
			break;
		case 'c':
			path = optarg;
			break;
		case 'V':
			(void)printf("%s %s\n", d->name, PACKAGE_VERSION);
			return EX_OK;
		case 'h':
			return usage(d, stdout, EX_OK);
		default:
			return usage(d, stderr, EX_USAGE);
		}
	}
	if (optind < argc)
		return usage(d, stderr, EX_USAGE);
	return run(d, path, &e);
}

int
daemon_give_up(const struct conf *conf, const char *listen, struct err *e)
{
	struct cage_state cage;

	if (daemon_become_owner(conf->intake.state_path, e) < 0)
		return -1;
	if (geteuid() == 0)
		log_warn("runs as root, because state_path %s is root's or "
			 "not there: make it, and chown it to the user of the "
			 "service",
		    conf->intake.state_path);
	cage_close(conf, listen, &cage);
	log_line(cage.is_whole ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "cage: %s",
	    cage.text);
	return 0;
}

static void
told_danger(const char *what, const struct err *e)
{
	if (e->kind == ERR_NONE)
		log_warn("%s: %s", what, e->text);
}

static void
told_all(const char *what, const struct err *e)
{
	log_warn("%s: %s", what, e->text);
}

bool
daemon_look(struct pipeline *p, bool tells_silence)
{
	return pipeline_look(p, tells_silence ? told_all : told_danger) == 0;
}

void
daemon_reload(
    struct pipeline *p, int (*check)(const struct conf *conf, struct err *e))
{
	struct conf *now = pipeline_hold_conf(p), *next = NULL;
	char *kept = NULL;
	struct err e = { 0 };

	daemon_tell_reloading();
	if (conf_reload(&next, now, &kept, &e) < 0 || check(next, &e) < 0) {
		log_err("the configuration stays as it was: %s", e.text);
	} else {
		if (next->intake.log != now->intake.log ||
		    next->intake.log_level != now->intake.log_level)
			log_reopen(next->intake.log, next->intake.log_level);
		pipeline_set_conf(p, next);
		log_info("configuration read again%s%s",
		    kept != NULL ? ", needs a restart: " : "",
		    kept != NULL ? kept : "");
	}
	free(kept);
	conf_free(&next);
	conf_free(&now);
	daemon_tell_ready();
}
