/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor.c - dmarc-intake doctor: looks at the installation as somebody would
 * who has set up many, and says what to do.
 * in: the configuration, Postfix, this machine    out: a line or two for each
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/text.h"

#include "cli/command.h"
#include "cli/doctor.h"

#define LINE_BYTES 1024

static const char usage[] =
    "usage: dmarc-intake doctor [--postfix FOLDER] [ADDRESS]...";

/* The sinks are the last: with them, root's rights are given up. */
static void (*const probes[])(struct doctor *d) = { probe_permissions,
	probe_disk, probe_clock, probe_ip_db, probe_sockets, probe_routes,
	probe_milter, probe_sizes, probe_lifetime, probe_deferred,
	probe_sinks };

static void
say(const char *what, const char *fmt, va_list ap)
{
	char line[LINE_BYTES], text[2 * LINE_BYTES];

	(void)vsnprintf(line, sizeof(line), fmt, ap);
	(void)printf("%s %s\n", what, text_escape(line, text, sizeof(text)));
}

void
doctor_well(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("ok  ", fmt, ap);
	va_end(ap);
}

void
doctor_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("--  ", fmt, ap);
	va_end(ap);
}

void
doctor_find(struct doctor *d, const char *advice, const char *fmt, ...)
{
	char text[2 * LINE_BYTES];
	va_list ap;

	va_start(ap, fmt);
	say("BAD ", fmt, ap);
	va_end(ap);
	(void)printf("     -> %s\n", text_escape(advice, text, sizeof(text)));
	d->findings++;
}

static int
examine(struct doctor *d)
{
	size_t i;

	doctor_find_ways(d);
	for (i = 0; i < sizeof(probes) / sizeof(*probes); i++)
		probes[i](d);
	if (d->findings == 0)
		(void)printf("nothing to do\n");
	else
		(void)printf("%u to look at\n", d->findings);
	return d->findings == 0 ? EX_OK : EX_CONFIG;
}

static void
print_help(void)
{
	(void)printf("%s\n\n"
		     "Looks at permissions, disk, clock, sockets, sinks and "
		     "Postfix, and says what to do.\nADDRESS: is its mail "
		     "routed here? Default: [intake] recipients.\n\n"
		     "      --postfix FOLDER  Postfix's configuration\n",
	    usage);
}

int
cmd_doctor(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = { { "postfix", required_argument,
						     NULL, 'p' },
		{ "help", no_argument, NULL, 'h' }, { 0 } };
	struct doctor d = { .conf = cli->conf };
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			d.postfix = optarg;
			break;
		case 'h':
			print_help();
			return EX_OK;
		default:
			return cli_usage(usage);
		}
	}
	d.address = argv + optind;
	d.address_count = (size_t)(argc - optind);
	if (d.address_count == 0) {
		d.address = cli->conf->intake.recipients.item;
		d.address_count = cli->conf->intake.recipients.count;
	}
	return examine(&d);
}
