/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor.h - inside of "dmarc-intake doctor": probes, and what they say.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/conf.h"

struct doctor {
	const struct conf *conf;
	const char *postfix;  /* its configuration folder; NULL: the usual */
	char *const *address; /* whose way through Postfix is asked for */
	size_t address_count;
	bool asks_milter;            /* Postfix asks our milter */
	const char *instead_of_lmtp; /* how mails come; NULL: by LMTP */
	unsigned findings;
};

/* What is well, and what could not be looked at, with the reason. */
void doctor_well(const char *fmt, ...) ATTR_PRINTF(1, 2);
void doctor_skip(const char *fmt, ...) ATTR_PRINTF(1, 2);
/* What is not well, and then what to do about it. */
void doctor_find(struct doctor *d, const char *advice, const char *fmt, ...)
    ATTR_PRINTF(3, 4);

/*
 * doctor_run.c: the program's output, without the last line end; NULL when it
 * fails, is not there, or does not end in time. The caller frees it.
 */
char *doctor_run(const char *const *arguments);

/* A connection to "unix:/PATH" or "inet:HOST:PORT"; -1 with errno. */
int doctor_connect(const char *where);

/*
 * How do mails come? LMTP counts as not used only where there is another way
 * and Postfix sends nothing by LMTP.
 */
void doctor_find_ways(struct doctor *d);

/* doctor_system.c: this machine. */
void probe_permissions(struct doctor *d);
void probe_disk(struct doctor *d);
void probe_clock(struct doctor *d);
void probe_sockets(struct doctor *d);
void probe_ip_db(struct doctor *d);
void probe_sinks(struct doctor *d);

/* doctor_postfix.c, doctor_queue.c: what leads here. */
void probe_routes(struct doctor *d);
void probe_sizes(struct doctor *d);
void probe_lifetime(struct doctor *d);
void probe_deferred(struct doctor *d);

/* doctor_milter.c: is it asked, and does it answer? */
void probe_milter(struct doctor *d);
/* Is it among smtpd_milters? */
bool doctor_asks_milter(const struct doctor *d);

/* A parameter of Postfix, as it is in effect; NULL: there is no Postfix. */
char *doctor_postconf(const struct doctor *d, const char *name);
/* What master.cf says of it instead, for each service that has a port. */
char *doctor_postconf_services(const struct doctor *d, const char *name);
/* A time of Postfix's; a number alone counts units. -1: none. */
int64_t doctor_postfix_time(const char *text, int64_t unit_s);

#endif
