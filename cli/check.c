/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.c - dmarc-intake check: is the configuration right, and can every
 * place that mails go to be written?
 * in: the configuration    out: a line for each on stdout
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/daemon.h"
#include "common/base/listen.h"
#include "common/base/text.h"
#include "common/pipeline.h"

#include "cli/backlog.h"
#include "cli/command.h"

#define POSTFIX_MAIN_CF "/etc/postfix/main.cf"
#define POSTFIX_QUEUE_DEFAULT "/var/spool/postfix"

static const char usage[] = "usage: dmarc-intake check [--print]";

/* pipeline_check tells one after the other; this is the worst of them. */
static int worst = EX_OK;

static void
told(const char *what, const struct err *e)
{
	char text[2 * sizeof(e->text)];

	if (e == NULL) {
		(void)printf("%s: ok\n", what);
		return;
	}
	if (e->kind == ERR_NONE) {
		(void)printf("%s: ok, but %s\n", what,
		    text_escape(e->text, text, sizeof(text)));
		return;
	}
	(void)printf(
	    "%s: %s\n", what, text_escape(e->text, text, sizeof(text)));
	if (worst != EX_CONFIG)
		worst = cli_exit_code(e);
}

/*
 * The value of a queue_directory line, or NULL. What refers to other settings
 * cannot be told without Postfix, and gives NULL too.
 */
static char *
queue_of_line(char *line)
{
	static const char key[] = "queue_directory";
	const char *p = line;
	size_t len;

	if (strncmp(p, key, sizeof(key) - 1) != 0)
		return NULL;
	p += sizeof(key) - 1;
	len = strlen(p);
	text_trim(&p, &len);
	if (len == 0 || *p != '=')
		return NULL;
	p++;
	len--;
	text_trim(&p, &len);
	if (len == 0 || *p != '/' || memchr(p, '$', len) != NULL)
		return NULL;
	return xstrndup(p, len);
}

/* The last one counts, as for Postfix. NULL: Postfix is not here. */
static char *
postfix_queue(const char *main_cf)
{
	FILE *f = fopen(main_cf, "re");
	char *line = NULL, *queue, *found;
	size_t size = 0;

	if (f == NULL)
		return NULL;
	queue = xstrdup(POSTFIX_QUEUE_DEFAULT);
	while (getline(&line, &size, f) > 0) {
		if ((found = queue_of_line(line)) != NULL) {
			free(queue);
			queue = found;
		}
	}
	free(line);
	(void)fclose(f);
	return queue;
}

static bool
is_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	while (len > 1 && folder[len - 1] == '/')
		len--;
	return strncmp(path, folder, len) == 0 && path[len] == '/';
}

/*
 * Debian chroots Postfix's lmtp client into the queue folder, where a socket
 * that lies elsewhere does not exist. No error: another MTA may be meant.
 */
static void
tell_reach(const char *path, const char *queue)
{
	if (queue == NULL || is_below(path, queue))
		(void)printf("lmtp socket %s: ok\n", path);
	else
		(void)printf("lmtp socket %s: not below Postfix's %s; an "
			     "lmtp client that is chrooted there, as on "
			     "Debian, cannot reach it\n",
		    path, queue);
}

/* As the daemon would, but nothing is bound: it may be running. */
static void
check_socket(const struct conf *conf)
{
	static const char unix_socket[] = "unix:";
	const struct conf_lmtp *lmtp = &conf->lmtp;
	const struct listen_rights rights = { lmtp->socket_owner,
		lmtp->socket_group, lmtp->socket_mode };
	const char *path = lmtp->listen + sizeof(unix_socket) - 1;
	struct err e = { 0 };
	char *queue;

	if (strncmp(lmtp->listen, unix_socket, sizeof(unix_socket) - 1) != 0)
		return;
	queue = postfix_queue(POSTFIX_MAIN_CF);
	if (listen_check(path, &rights, &e) == 0) {
		tell_reach(path, queue);
	} else {
		/* the default, where nobody may want LMTP */
		if (is_below(path, POSTFIX_QUEUE_DEFAULT) &&
		    (queue == NULL || conf->imap.count > 0))
			e.kind = ERR_NONE;
		told("lmtp socket", &e);
	}
	free(queue);
}

static int
check_all(const struct cli *cli)
{
	struct pipeline *p = NULL;
	struct err e = { 0 };

	(void)printf("configuration %s: ok\n", cli->conf->path != NULL
						   ? cli->conf->path
						   : "(no file, all defaults)");
	worst = EX_OK;
	if (daemon_become_owner(cli->conf->intake.state_path, &e) < 0)
		told("state folder", &e);
	else if (pipeline_open(&p, cli->conf, &e) < 0)
		told("start", &e);
	else
		(void)pipeline_check(p, told);
	pipeline_close(&p);
	backlog_print(&cli->conf->quarantine);
	check_socket(cli->conf);
	return worst;
}

static void
print_help(void)
{
	(void)printf("%s\n\n"
		     "Tells for the configuration, each sink, the quarantine "
		     "and the temporary folder\nwhether they can be used.\n\n"
		     "      --print  print every key with its value instead\n",
	    usage);
}

int
cmd_check(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = { { "print", no_argument, NULL,
						     'p' },
		{ "help", no_argument, NULL, 'h' }, { 0 } };
	bool prints = false;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			prints = true;
			break;
		case 'h':
			print_help();
			return EX_OK;
		default:
			return cli_usage(usage);
		}
	}
	if (optind != argc)
		return cli_usage(usage);
	if (!prints)
		return check_all(cli);
	conf_print(cli->conf, stdout);
	return EX_OK;
}
