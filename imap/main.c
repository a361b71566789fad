/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - dmarc-intake-imapd: report mails are read out of mailboxes.
 */
#include <stdbool.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/curl_setup.h"
#include "common/base/daemon.h"
#include "common/daemon_main.h"
#include "common/mail_log.h"
#include "imap/server.h"

static struct imap_run how;

static int
serve(struct conf *conf, int signal_fd, struct err *e)
{
	struct pipeline *p = NULL;
	bool is_idle = true;
	int rc;

	if (daemon_give_up(conf, NULL, e) < 0)
		return -1;
	rc = how.is_test ? pipeline_open_test(&p, conf, e)
			 : pipeline_open_ingest(&p, conf, e);
	if (rc == 0)
		pipeline_tell(p, mail_log_warn, NULL);
	if (rc < 0)
		return -1;
	pipeline_guard(p);
	rc = imap_serve(p, &how, signal_fd, &is_idle, e);
	if (!is_idle)
		_exit(EX_TEMPFAIL); /* threads are at work on the pipeline */
	pipeline_close(&p);
	return rc;
}

static int
run(struct conf *conf, struct err *e)
{
	int signal_fd = -1, rc;

	/* signals before threads */
	if (curl_setup(e) < 0)
		return -1;
	if ((rc = daemon_signals_open(&signal_fd, e)) == 0)
		rc = serve(conf, signal_fd, e);
	if (signal_fd >= 0)
		(void)close(signal_fd);
	curl_cleanup();
	return rc;
}

int
main(int argc, char **argv)
{
	static const struct daemon_flag flags[] = {
		{ "once", "look at each mailbox once, and end", &how.is_once },
		{ "test", "tell what would be done, and change nothing",
		    &how.is_test },
		{ NULL, NULL, NULL },
	};
	static const struct daemon_program program = {
		.name = "dmarc-intake-imapd",
		.check = imap_check_conf,
		.run = run,
		.flags = flags,
	};

	return daemon_main(&program, argc, argv);
}
