/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - dmarc-intake-lmtpd: report mails come in by LMTP (RFC 2033).
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/conf.h"
#include "common/base/daemon.h"
#include "common/base/listen.h"
#include "common/base/log.h"
#include "common/pipeline.h"
#include "lmtp/server.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unreleased"
#endif

static void
usage(FILE *out)
{
	(void)fprintf(out,
	    "usage: %s [-c FILE] [-V] [-h]\n"
	    "  -c FILE  read FILE instead of %s\n"
	    "  -V       print the version\n"
	    "  -h       print this\n",
	    LMTP_PROGRAM, CONF_PATH_DEFAULT);
}

static int
exit_code_of(const struct err *e)
{
	return e->kind == ERR_CONF ? EX_CONFIG : EX_TEMPFAIL;
}

/* From the sockets on; l is closed by the caller on failure. */
static int
serve(struct conf *conf, struct listener *l, int signal_fd, struct err *e)
{
	struct pipeline *p = NULL;
	bool is_idle = true;
	int rc;

	if (daemon_become_owner(conf->intake.state_path, e) < 0 ||
	    pipeline_open(&p, conf, e) < 0)
		return -1;
	rc = lmtp_serve(p, conf, l, signal_fd, &is_idle, e);
	if (!is_idle)
		_exit(EX_TEMPFAIL); /* threads are at work on the pipeline */
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
	struct conf *conf = NULL;
	struct listen_rights rights;
	struct listener l = { 0 };
	int signal_fd = -1, rc;

	if (conf_load(&conf, path, e) < 0)
		return -1;
	*target = conf->intake.log;
	log_open(LMTP_PROGRAM, *target, conf->intake.log_level);
	rights.owner = conf->lmtp.socket_owner;
	rights.group = conf->lmtp.socket_group;
	rights.mode = conf->lmtp.socket_mode;
	/* signals before threads, sockets while root may still make them */
	rc = daemon_signals_open(&signal_fd, e);
	if (rc == 0)
		rc = listen_open(&l, conf->lmtp.listen, &rights, e);
	if (rc == 0)
		rc = serve(conf, &l, signal_fd, e);
	listen_close(&l);
	if (signal_fd >= 0)
		(void)close(signal_fd);
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
			(void)printf("%s %s\n", LMTP_PROGRAM, PACKAGE_VERSION);
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
		(void)fprintf(stderr, "%s: %s\n", LMTP_PROGRAM, e.text);
	return exit_code_of(&e);
}
