/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - dmarc-intake-milter: report mails are taken at the SMTP door.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <libmilter/mfapi.h>

#include "common/base/clock.h"
#include "common/base/daemon.h"
#include "common/base/listen.h"
#include "common/base/log.h"
#include "common/daemon_main.h"
#include "common/mail_log.h"
#include "milter/callbacks.h"
#include "milter/house.h"
#include "milter/service.h"

#define GRACE_S 5 /* beyond every budget */

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
		return err_set(e, listen_err_kind(errno),
		    "cannot listen on %s: %s", conf->listen,
		    strerrordesc_np(errno));
	return is_unix ? listen_set_rights(path, &rights, e) : 0;
}

/* Until the mails in hand are answered. A second signal ends it. */
static bool
wait_idle(struct milter_service *sv)
{
	struct conf *conf = pipeline_hold_conf(sv->pipeline);
	int64_t until_ms =
	    clock_mono_ms() + (conf->milter.budget_s + GRACE_S) * 1000;
	unsigned left;

	conf_free(&conf);
	while ((left = milter_service_wait(sv)) > 0) {
		daemon_tell_alive();
		if (clock_mono_ms() > until_ms || milter_house_is_hurried())
			break;
	}
	if (left > 0)
		log_err("%u mails are still in hand and end now; they were "
			"not acknowledged",
		    left);
	else
		milter_service_linger(sv);
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
	milter_house_stop(&house);
	if (!wait_idle(sv))
		_exit(EX_TEMPFAIL);
	if (milter_service_close(sv) > 0 || !milter_house_close(&house))
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

	if (daemon_give_up(conf, conf->milter.listen, e) < 0 ||
	    pipeline_open_waiting(&p, conf, e) < 0)
		return -1;
	pipeline_tell(p, mail_log_warn, NULL);
	milter_service_init(sv, p);
	log_info("ready on %s", conf->milter.listen);
	rc = serve(sv, e);
	milter_service_clear(sv);
	pipeline_close(&p);
	return rc;
}

static int
run(struct conf *conf, struct err *e)
{
	struct milter_service sv;

	/*
	 * Signals before threads, sockets while root may still make them;
	 * libmilter opens none before it has callbacks.
	 */
	if (milter_house_block_signals(e) < 0 ||
	    milter_callbacks_register(&sv, e) < 0 ||
	    open_socket(&conf->milter, e) < 0)
		return -1;
	return serve_conf(&sv, conf, e);
}

int
main(int argc, char **argv)
{
	static const struct daemon_program program = {
		.name = MILTER_PROGRAM,
		.check = milter_service_check,
		.run = run,
	};

	return daemon_main(&program, argc, argv);
}
