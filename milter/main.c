/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - dmarc-intake-milter: report mails are taken at the SMTP door.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <libmilter/mfapi.h>

#include "common/base/clock.h"
#include "common/base/conf.h"
#include "common/base/daemon.h"
#include "common/base/listen.h"
#include "common/base/log.h"
#include "common/pipeline.h"
#include "milter/callbacks.h"
#include "milter/house.h"
#include "milter/service.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unreleased"
#endif

#define GRACE_S 5     /* beyond every budget */
#define ANSWER_MS 250 /* for the last answers to leave */

static void
usage(FILE *out)
{
	(void)fprintf(out,
	    "usage: %s [-c FILE] [-V] [-h]\n"
	    "  -c FILE  read FILE instead of %s\n"
	    "  -V       print the version\n"
	    "  -h       print this\n",
	    MILTER_PROGRAM, CONF_PATH_DEFAULT);
}

static int
exit_code_of(const struct err *e)
{
	return e->kind == ERR_CONF ? EX_CONFIG : EX_TEMPFAIL;
}

/* libmilter makes the socket, while root may still do so. */
static int
open_socket(const struct conf_milter *conf, struct err *e)
{
	static const char unix_prefix[] = "unix:";
	const struct listen_rights rights = { conf->socket_owner,
		conf->socket_group, conf->socket_mode };
	bool is_unix = strncmp(conf->listen, unix_prefix, 5) == 0;
	const char *path = conf->listen + 5;
	mode_t mask;
	int rc;

	if (is_unix && listen_clear_way(path, e) < 0)
		return -1;
	mask = umask(0177); /* nobody connects before it has its rights */
	rc = smfi_setconn(conf->listen) == MI_SUCCESS &&
		     smfi_setbacklog(SOMAXCONN) == MI_SUCCESS &&
		     smfi_opensocket(false) == MI_SUCCESS
		 ? 0
		 : -1;
	(void)umask(mask);
	if (rc < 0)
		return err_set(e, ERR_CONF, "cannot listen on %s: %s",
		    conf->listen, strerrordesc_np(errno));
	return is_unix ? listen_set_rights(path, &rights, e) : 0;
}

/* Until the mails in hand are answered. A second signal ends it. */
static bool
wait_idle(struct milter_service *sv)
{
	struct conf *conf = milter_service_conf(sv);
	int64_t until_ms =
	    clock_mono_ms() + (conf->milter.budget_s + GRACE_S) * 1000;
	bool was_busy = false;
	unsigned left;

	conf_free(&conf);
	while ((left = milter_service_wait(sv)) > 0) {
		was_busy = true;
		if (clock_mono_ms() > until_ms || milter_house_is_hurried())
			break;
	}
	if (left > 0)
		log_err("%u mails are still in hand and end now; they were "
			"not acknowledged",
		    left);
	else if (was_busy) /* libmilter sends the answer after our part */
		(void)poll(NULL, 0, ANSWER_MS);
	return left == 0;
}

/* Threads of libmilter's may be left, so what they use is not torn down. */
static int
serve(struct milter_service *sv, struct err *e)
{
	struct milter_house house;
	int rc;

	if (milter_house_open(&house, sv, e) < 0)
		return -1;
	daemon_tell_ready();
	rc = smfi_main();
	daemon_tell_stopping();
	log_info("stopping");
	milter_house_close(&house);
	if (!wait_idle(sv))
		_exit(EX_TEMPFAIL);
	if (milter_service_close(sv) > 0)
		_exit(rc == MI_SUCCESS ? EX_OK : EX_TEMPFAIL);
	if (rc != MI_SUCCESS)
		return err_set(e, ERR_TEMP, "libmilter ended");
	return 0;
}

static int
serve_conf(struct milter_service *sv, struct conf *conf, struct err *e)
{
	struct pipeline *p = NULL;
	int rc;

	if (daemon_become_owner(conf->intake.state_path, e) < 0 ||
	    pipeline_open_ingest(&p, conf, e) < 0)
		return -1;
	milter_service_init(sv, p, conf);
	log_info("ready on %s", conf->milter.listen);
	rc = serve(sv, e);
	milter_service_clear(sv);
	pipeline_close(&p);
	return rc;
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

static int
run(const char *path, enum log_target *target, struct err *e)
{
	struct milter_service sv;
	struct conf *conf = NULL;
	int rc;

	if (conf_load(&conf, path, e) < 0)
		return -1;
	*target = conf->intake.log;
	log_open(MILTER_PROGRAM, *target, conf->intake.log_level);
	rc = milter_service_check(conf, e);
	/* signals before threads, sockets while root may still make them */
	if (rc == 0)
		rc = milter_house_block_signals(e);
	if (rc == 0) /* libmilter opens none before */
		rc = milter_callbacks_register(&sv, e);
	if (rc == 0)
		rc = open_socket(&conf->milter, e);
	if (rc == 0)
		rc = serve_conf(&sv, conf, e);
	conf_free(&conf);
	return rc;
}

int
main(int argc, char **argv)
{
	enum log_target target = LOG_TARGET_STDERR;
	const char *path = NULL;
	struct err e = { 0 };
	int opt;

	while ((opt = getopt(argc, argv, "c:Vh")) != -1) {
		switch (opt) {
		case 'c':
			path = optarg;
			break;
		case 'V':
			(void)printf(
			    "%s %s\n", MILTER_PROGRAM, PACKAGE_VERSION);
			return EX_OK;
		case 'h':
			usage(stdout);
			return EX_OK;
		default:
			usage(stderr);
			return EX_USAGE;
		}
	}
	if (optind < argc) {
		usage(stderr);
		return EX_USAGE;
	}
	if (run(path, &target, &e) == 0)
		return EX_OK;
	log_err("%s", e.text);
	if (is_hidden(target))
		(void)fprintf(stderr, "%s: %s\n", MILTER_PROGRAM, e.text);
	return exit_code_of(&e);
}
