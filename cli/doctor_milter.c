/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_milter.c - probes of the milter: does Postfix ask it, does it answer,
 * and what becomes of mails when it does not?
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/doctor.h"

#define BUDGET_SPARE_S 30

/* [milter] listen as Postfix writes it: the host before the port. */
static char *
postfix_address(const char *listen)
{
	const char *port = strchr(listen, ':') + 1, *at = strchr(port, '@');

	if (strncmp(listen, "unix:", 5) == 0)
		return xstrdup(listen);
	return xasprintf(strncmp(listen, "inet6:", 6) == 0 ? "inet:[%s]:%.*s"
							   : "inet:%s:%.*s",
	    at + 1, (int)(at - port), port);
}

/* The same without Postfix's queue folder; NULL: it is not below. */
static char *
below_queue(const struct doctor *d, const char *address)
{
	char *queue = doctor_postconf(d, "queue_directory"), *below = NULL;
	size_t len = queue != NULL ? strlen(queue) : 0;

	if (len > 0 && strncmp(address, "unix:", 5) == 0 &&
	    strncmp(address + 5, queue, len) == 0 && address[5 + len] == '/')
		below = xasprintf("unix:%s", address + 5 + len + 1);
	free(queue);
	return below;
}

/* Those of main.cf and master.cf; NULL: there is no Postfix. */
static char *
milters_of(const struct doctor *d)
{
	char *main_cf = doctor_postconf(d, "smtpd_milters");
	char *master_cf = doctor_postconf_services(d, "smtpd_milters");
	char *all = NULL;

	if (main_cf != NULL)
		all = xasprintf(
		    "%s\n%s", main_cf, master_cf != NULL ? master_cf : "");
	free(main_cf);
	free(master_cf);
	return all;
}

static bool
is_named(const struct doctor *d, const char *milters)
{
	char *address = postfix_address(d->conf->milter.listen);
	char *below = below_queue(d, address);
	bool found = strstr(milters, "dmarc-intake") != NULL ||
		     strstr(milters, address) != NULL ||
		     (below != NULL && strstr(milters, below) != NULL);

	free(address);
	free(below);
	return found;
}

bool
doctor_asks_milter(const struct doctor *d)
{
	char *milters = milters_of(d);
	bool asks = milters != NULL && is_named(d, milters);

	free(milters);
	return asks;
}

static void
probe_answer(struct doctor *d)
{
	const char *listen = d->conf->milter.listen;
	char *address = postfix_address(listen);
	int fd = doctor_connect(address);

	if (fd < 0) {
		doctor_find(d,
		    "systemctl status dmarc-intake-milter.service; meanwhile "
		    "mails go by, or wait, as default_action says",
		    "nobody answers on %s: %s", listen, strerrordesc_np(errno));
	} else {
		doctor_well("dmarc-intake-milter answers on %s", listen);
		(void)close(fd);
	}
	free(address);
}

static void
probe_default(struct doctor *d)
{
	char *milters = milters_of(d);

	if (milters != NULL && strstr(milters, "default_action=accept") == NULL)
		doctor_find(d,
		    "smtpd_milters = { unix:..., default_action=accept }, as "
		    "in conf/postfix/milter.cf",
		    "when the milter is away, everybody's mail waits "
		    "(smtpd_milters without default_action=accept)");
	free(milters);
}

/* Postfix must wait longer for the answer than we may take. */
static void
probe_patience(struct doctor *d)
{
	char *value = doctor_postconf(d, "milter_content_timeout");
	int64_t patience = value != NULL ? doctor_postfix_time(value, 1) : -1;

	if (patience >= 0 &&
	    patience < d->conf->milter.budget_s + BUDGET_SPARE_S)
		doctor_find(d, "raise it, or lower [milter] budget",
		    "milter_content_timeout is %" PRId64
		    " s, [milter] budget %" PRId64 " s",
		    patience, d->conf->milter.budget_s);
	free(value);
}

void
probe_milter(struct doctor *d)
{
	if (!d->asks_milter)
		return;
	probe_answer(d);
	probe_default(d);
	probe_patience(d);
}
