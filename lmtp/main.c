/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - dmarc-intake-lmtpd: report mails come in by LMTP (RFC 2033).
 */
#include <sysexits.h>
#include <unistd.h>

#include "common/base/daemon.h"
#include "common/base/listen.h"
#include "common/daemon_main.h"
#include "common/mail_log.h"
#include "lmtp/server.h"

/* From the sockets on; l is closed by the caller on failure. */
static int
serve(struct conf *conf, struct listener *l, int signal_fd, struct err *e)
{
	struct pipeline *p = NULL;
	enum lmtp_left left = LMTP_LEFT_NOTHING;
	int rc;

	if (daemon_give_up(conf, conf->lmtp.listen, e) < 0 ||
	    pipeline_open(&p, conf, e) < 0)
		return -1;
	pipeline_tell(p, mail_log_warn, NULL);
	rc = lmtp_serve(p, conf, l, signal_fd, &left, e);
	if (left != LMTP_LEFT_NOTHING)
		_exit(left == LMTP_LEFT_REPLAY ? EX_OK : EX_TEMPFAIL);
	pipeline_close(&p);
	return rc;
}

static int
run(struct conf *conf, struct err *e)
{
	const struct listen_rights rights = { conf->lmtp.socket_owner,
		conf->lmtp.socket_group, conf->lmtp.socket_mode };
	struct listener l = { 0 };
	int signal_fd = -1, rc;

	/* signals before threads, sockets while root may still make them */
	rc = daemon_signals_open(&signal_fd, e);
	if (rc == 0)
		rc = listen_open(&l, conf->lmtp.listen, &rights, e);
	if (rc == 0)
		rc = serve(conf, &l, signal_fd, e);
	listen_close(&l);
	if (signal_fd >= 0)
		(void)close(signal_fd);
	return rc;
}

int
main(int argc, char **argv)
{
	static const struct daemon_program program = {
		.name = "dmarc-intake-lmtpd",
		.check = lmtp_check_conf,
		.run = run,
	};

	return daemon_main(&program, argc, argv);
}
