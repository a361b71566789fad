/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_postfix.c - probes of Postfix's settings, asked of postconf and
 * postmap: does mail find its way here, whole and in time?
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"

#include "cli/doctor.h"

#define BUDGET_SPARE_S 30
#define SIZE_LEAST ((int64_t)30 << 20)

/* "postconf" or "postmap", its folder of settings, then what is asked. */
static char *
ask(const struct doctor *d, const char *program, const char *flag,
    const char *first, const char *second)
{
	const char *arguments[7] = { program };
	size_t n = 1;

	if (d->postfix != NULL) {
		arguments[n++] = "-c";
		arguments[n++] = d->postfix;
	}
	arguments[n++] = flag;
	arguments[n++] = first;
	if (second != NULL)
		arguments[n++] = second;
	return doctor_run(arguments);
}

char *
doctor_postconf(const struct doctor *d, const char *name)
{
	return ask(d, "postconf", "-hx", name, NULL);
}

char *
doctor_postconf_services(const struct doctor *d, const char *name)
{
	char *what = xasprintf("*/inet/%s", name);
	char *lines = ask(d, "postconf", "-P", what, NULL);

	free(what);
	return lines;
}

int64_t
doctor_postfix_time(const char *text, int64_t unit_s)
{
	static const char letters[] = "smhdw";
	static const int64_t seconds[] = { 1, 60, 3600, 86400, 604800 };
	size_t len = strspn(text, "0123456789");
	const char *letter;
	int64_t value;

	if (text_to_int64(text, len, &value) < 0)
		return -1;
	if (text[len] == '\0')
		return value * unit_s;
	letter = strchr(letters, text[len]);
	return letter == NULL ? -1 : value * seconds[letter - letters];
}

/* The value that a transport has in master.cf, else that of main.cf. */
static char *
setting_of(const struct doctor *d, const char *transport, const char *name)
{
	char *what = xasprintf("%s/unix/%s", transport, name);
	char *line = ask(d, "postconf", "-P", what, NULL), *value = NULL;
	const char *equals;

	if (line != NULL && (equals = strchr(line, '=')) != NULL)
		value = xstrdup(equals + 1 + strspn(equals + 1, " "));
	free(what);
	free(line);
	return value != NULL ? value : doctor_postconf(d, name);
}

static void
probe_line_length(struct doctor *d, const char *transport)
{
	char *value = setting_of(d, transport, "lmtp_line_length_limit");
	char *advice = xasprintf(
	    "postconf -P '%s/unix/lmtp_line_length_limit=0'", transport);

	if (value != NULL && strcmp(value, "0") != 0)
		doctor_find(d, advice,
		    "transport %s folds lines over %s bytes, which breaks "
		    "reports in one line",
		    transport, value);
	else
		doctor_well("transport %s does not fold lines", transport);
	free(advice);
	free(value);
}

/* Postfix must wait longer for the answer than we may take. */
static void
probe_patience(struct doctor *d, const char *transport)
{
	char *value = setting_of(d, transport, "lmtp_data_done_timeout");
	int64_t patience = value != NULL ? doctor_postfix_time(value, 1) : -1;

	if (patience >= 0 && patience < d->conf->lmtp.budget_s + BUDGET_SPARE_S)
		doctor_find(d,
		    "raise it above [lmtp] budget, or lower the budget",
		    "transport %s gives up after %" PRId64 " s "
		    "(lmtp_data_done_timeout), [lmtp] budget is %" PRId64
		    " s: mails would come twice",
		    transport, patience, d->conf->lmtp.budget_s);
	free(value);
}

/* The seventh column of master.cf; "-" is default_process_limit. */
static int64_t
processes_of(const struct doctor *d, const char *entry)
{
	const char *p = entry;
	int64_t count = -1;
	char *limit = NULL;
	int column;

	for (column = 0; column < 6; column++) {
		p += strcspn(p, " \t");
		p += strspn(p, " \t");
	}
	if (*p == '-' &&
	    (limit = doctor_postconf(d, "default_process_limit")) != NULL)
		p = limit;
	if (text_to_int64(p, strspn(p, "0123456789"), &count) < 0)
		count = -1;
	free(limit);
	return count;
}

static void
probe_concurrency(struct doctor *d, const char *transport, const char *entry)
{
	int64_t processes = processes_of(d, entry);

	if (processes == 0 || processes > (int64_t)d->conf->lmtp.connections)
		doctor_find(d,
		    "lower maxproc in master.cf, or raise [lmtp] connections",
		    "transport %s may open %" PRId64 " connections, [lmtp] "
		    "connections is %" PRIu64,
		    transport, processes, d->conf->lmtp.connections);
	else
		doctor_well("transport %s opens at most %" PRId64
			    " connections",
		    transport, processes);
}

/* As in [lmtp] listen: Postfix has unix:PATH below the queue folder, too. */
static char *
whole_nexthop(const struct doctor *d, const char *nexthop)
{
	char *queue, *whole;

	if (strncmp(nexthop, "unix:", 5) != 0 || nexthop[5] == '/' ||
	    (queue = doctor_postconf(d, "queue_directory")) == NULL)
		return xstrdup(nexthop);
	whole = xasprintf("unix:%s/%s", queue, nexthop + 5);
	free(queue);
	return whole;
}

static void
probe_nexthop(struct doctor *d, const char *address, const char *nexthop)
{
	const char *listen = d->conf->lmtp.listen;
	char *whole = whole_nexthop(d, nexthop);

	if (strcmp(whole, listen) != 0)
		doctor_find(d,
		    "make the two the same, then postmap the transport map",
		    "mail for %s goes to %s, [lmtp] listen is %s", address,
		    whole, listen);
	else
		doctor_well("mail for %s comes to %s", address, listen);
	free(whole);
}

static void
probe_transport(struct doctor *d, const char *transport)
{
	char *service = xasprintf("%s/unix", transport);
	char *entry = ask(d, "postconf", "-M", service, NULL), *soft;

	if (entry == NULL || *entry == '\0') {
		doctor_find(d,
		    "add the lines of conf/postfix/master.cf to master.cf",
		    "master.cf has no transport %s", transport);
	} else {
		probe_line_length(d, transport);
		probe_patience(d, transport);
		probe_concurrency(d, transport, entry);
		soft = setting_of(d, transport, "soft_bounce");
		if (soft != NULL && strcmp(soft, "yes") == 0)
			doctor_well("transport %s has soft_bounce=yes: take "
				    "it away when all is well",
			    transport);
		free(soft);
	}
	free(service);
	free(entry);
}

/* What a list of maps says of key; NULL: nothing. */
static char *
look_up(const struct doctor *d, const char *maps, const char *key)
{
	char *list = xstrdup(maps), *p = list, *found = NULL;
	size_t len;
	int depth;

	while (found == NULL && *(p += strspn(p, ", \t\n")) != '\0') {
		/* inline:{ ... } has blanks in it */
		for (len = 0, depth = 0;
		     p[len] != '\0' &&
		     (depth > 0 || strchr(", \t\n", p[len]) == NULL);
		     len++)
			depth += p[len] == '{' ? 1 : p[len] == '}' ? -1 : 0;
		if (p[len] != '\0')
			p[len++] = '\0';
		found = ask(d, "postmap", "-q", key, p);
		p += len;
	}
	free(list);
	return found;
}

/* "transport:nexthop" for the address, or its domain. */
static char *
route_of(const struct doctor *d, const char *maps, const char *address)
{
	const char *at = strrchr(address, '@');
	char *found = look_up(d, maps, address);

	if (found == NULL && at != NULL)
		found = look_up(d, maps, at + 1);
	return found;
}

static bool
comes_here(const struct doctor *d, const char *maps, const char *address)
{
	char *route = route_of(d, maps, address), *whole = NULL, *colon;
	bool comes = false;

	if (route != NULL && (colon = strchr(route, ':')) != NULL) {
		whole = whole_nexthop(d, colon + 1);
		comes = strcmp(whole, d->conf->lmtp.listen) == 0;
	}
	free(whole);
	free(route);
	return comes;
}

static bool
is_routed(const struct doctor *d)
{
	char *maps = doctor_postconf(d, "transport_maps");
	bool found = false;
	size_t i;

	for (i = 0; maps != NULL && !found && i < d->address_count; i++)
		found = strchr(d->address[i], '*') == NULL &&
			comes_here(d, maps, d->address[i]);
	free(maps);
	return found;
}

void
doctor_find_ways(struct doctor *d)
{
	const char *other = NULL;

	d->asks_milter = doctor_asks_milter(d);
	if (d->asks_milter)
		other = "the milter takes the mails";
	else if (d->conf->imap.count > 0)
		other = "mails are read out of mailboxes";
	if (other != NULL && !is_routed(d))
		d->instead_of_lmtp = other;
}

static void
probe_address(struct doctor *d, const char *maps, const char *address)
{
	char *route = route_of(d, maps, address), *colon;

	if (route == NULL || (colon = strchr(route, ':')) == NULL) {
		doctor_find(d,
		    "a line in the transport map, as in "
		    "conf/postfix/transport, then postmap; for a local "
		    "address, an alias to one in a domain that is not local",
		    "nothing in transport_maps sends mail for %s here",
		    address);
	} else if (colon == route) {
		doctor_find(d, "name the transport: intake:unix:...",
		    "the transport map has no transport for %s", address);
	} else {
		*colon = '\0';
		probe_nexthop(d, address, colon + 1);
		probe_transport(d, route);
	}
	free(route);
}

void
probe_routes(struct doctor *d)
{
	char *maps = doctor_postconf(d, "transport_maps");
	size_t i;

	if (maps == NULL) {
		doctor_skip("Postfix is not here, or does not say how it is "
			    "set up");
		return;
	}
	if (d->instead_of_lmtp != NULL) {
		doctor_skip("transport_maps sends no mail here: %s",
		    d->instead_of_lmtp);
		free(maps);
		return;
	}
	if (d->address_count == 0)
		doctor_skip("no ADDRESS and no [intake] recipients: whether "
			    "mail is routed here is not known");
	for (i = 0; i < d->address_count; i++)
		if (strchr(d->address[i], '*') == NULL)
			probe_address(d, maps, d->address[i]);
	free(maps);
}

/* Is the setting there, and says something? */
static bool
is_set(struct doctor *d, const char *name)
{
	char *value = doctor_postconf(d, name);
	bool is = value != NULL && *value != '\0';

	free(value);
	return is;
}

/* Bytes; 0 is no limit, -1 not known. */
static int64_t
size_of(struct doctor *d, const char *name)
{
	char *value = doctor_postconf(d, name);
	int64_t bytes;

	if (value == NULL || text_to_int64(value, strlen(value), &bytes) < 0)
		bytes = -1;
	free(value);
	return bytes;
}

/* local(8) and virtual(8) end when a mailbox could not hold every mail. */
static void
probe_mailboxes(struct doctor *d, int64_t message)
{
	static const struct {
		const char *used, *name, *advice;
	} agents[] = {
		{ "mydestination", "mailbox_size_limit",
		    "postconf mailbox_size_limit=0" },
		{ "virtual_mailbox_base", "virtual_mailbox_limit",
		    "postconf virtual_mailbox_limit=0" },
	};
	int64_t mailbox;
	size_t i;

	for (i = 0; i < sizeof(agents) / sizeof(*agents); i++) {
		mailbox = size_of(d, agents[i].name);
		if (mailbox > 0 && (message == 0 || mailbox < message) &&
		    is_set(d, agents[i].used))
			doctor_find(d, agents[i].advice,
			    "%s is %" PRId64 ", less than message_size_limit: "
			    "Postfix delivers to no mailbox",
			    agents[i].name, mailbox);
	}
}

void
probe_sizes(struct doctor *d)
{
	int64_t bytes = size_of(d, "message_size_limit");

	if (bytes < 0)
		return;
	if (bytes != 0 && bytes < SIZE_LEAST)
		doctor_find(d,
		    "postconf message_size_limit=104857600 "
		    "mailbox_size_limit=0 virtual_mailbox_limit=0",
		    "Postfix refuses mails over %" PRId64
		    " bytes (message_size_limit): large reporters are cut "
		    "off, and strike the address from their list",
		    bytes);
	else
		doctor_well("message_size_limit is %" PRId64, bytes);
	probe_mailboxes(d, bytes);
}

void
probe_lifetime(struct doctor *d)
{
	char *value = doctor_postconf(d, "maximal_queue_lifetime");
	int64_t lifetime;

	if (value == NULL)
		return;
	lifetime = doctor_postfix_time(value, 86400);
	if (lifetime >= 0 && lifetime <= d->conf->intake.hold_limit_s)
		doctor_find(d,
		    "lower [intake] hold_limit below it, or raise it",
		    "Postfix returns mails after %s (maximal_queue_lifetime), "
		    "before [intake] hold_limit keeps them as waiting",
		    value);
	else
		doctor_well("maximal_queue_lifetime is %s", value);
	free(value);
}
