/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup.c - dmarc-intake setup elasticsearch: index templates, retention,
 * roles and users, on Elasticsearch or OpenSearch.
 * in: the configuration, conf/elasticsearch/    out: a line for each thing
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/text.h"

#include "cli/command.h"
#include "cli/setup.h"

#ifndef INTAKE_DATADIR
#define INTAKE_DATADIR "/usr/local/share/dmarc-intake"
#endif

#define TEMPLATES_VARIABLE "INTAKE_TEMPLATES" /* for the build tree */
#define OBJECTS_VARIABLE "INTAKE_OBJECTS"
#define ANSWER_MAX ((size_t)64 * 1024 * 1024)
#define RETENTION_MAX 36500

static const char usage[] =
    "usage: dmarc-intake setup elasticsearch [OPTION]...\n"
    "       dmarc-intake setup kibana --url URL [--space NAME] [OPTION]...";

static const struct {
	const char *done, *would;
} words[] = {
	[SETUP_CREATED] = { "created", "would create" },
	[SETUP_CHANGED] = { "changed", "would change" },
	[SETUP_UNCHANGED] = { "unchanged", "unchanged" },
	[SETUP_LEFT] = { "left", "left" },
	[SETUP_SKIPPED] = { "skipped", "skipped" },
	[SETUP_WARNING] = { "warning", "warning" },
};

void
setup_tell(struct setup *s, enum setup_did did, const char *fmt, ...)
{
	char text[1024], escaped[2 * sizeof(text)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)printf("%-*s %s\n", s->options->dry_run ? 12 : 9,
	    s->options->dry_run ? words[did].would : words[did].done,
	    text_escape(text, escaped, sizeof(escaped)));
	s->created += did == SETUP_CREATED;
	s->changed += did == SETUP_CHANGED;
	s->unchanged += did == SETUP_UNCHANGED;
	s->warnings += did == SETUP_WARNING;
}

static int
old_server(const char *name, const char *number, struct err *e)
{
	return err_set(e, ERR_CONF,
	    "%s %.40s has no composable index templates; Elasticsearch 7.8 "
	    "or OpenSearch 1.0 is needed",
	    name, number);
}

/* version.number of GET /; "8.19.21" */
static int
product_of_version(struct setup *s, const json_t *version, struct err *e)
{
	const char *distribution =
	    json_string_value(json_object_get(version, "distribution"));
	const char *number =
	    json_string_value(json_object_get(version, "number"));
	char *end;
	long major, minor;

	if (number == NULL)
		return err_set(e, ERR_CONF,
		    "%s is neither Elasticsearch nor OpenSearch",
		    s->reply.host);
	if (distribution != NULL && strcmp(distribution, "opensearch") == 0) {
		s->product = SETUP_OPENSEARCH;
		(void)printf("OpenSearch %.40s at %s\n", number, s->reply.host);
		return 0;
	}
	s->product = SETUP_ELASTICSEARCH;
	major = strtol(number, &end, 10);
	minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
	if (major < 7 || (major == 7 && minor < 8))
		return old_server("Elasticsearch", number, e);
	(void)printf("Elasticsearch %.40s at %s\n", number, s->reply.host);
	return 0;
}

/* A login that may not GET / can still be told by what it may ask. */
static int
product_without_root(struct setup *s, struct err *e)
{
	json_t *body = NULL;
	int status;

	if (setup_get(s, "/_security/_authenticate", &status, &body, e) < 0)
		return -1;
	json_decref(body);
	s->product = status == 200 ? SETUP_ELASTICSEARCH : SETUP_OPENSEARCH;
	(void)printf("%s at %s (it does not tell its version)\n",
	    status == 200 ? "Elasticsearch" : "OpenSearch", s->reply.host);
	return 0;
}

static int
find_product(struct setup *s, struct err *e)
{
	json_t *body = NULL;
	int status, rc;

	if (setup_get(s, "/", &status, &body, e) < 0)
		return -1;
	if (status == 403)
		rc = product_without_root(s, e);
	else if (status != 200)
		rc = setup_blame(s, "GET", "/", status, body, e);
	else
		rc = product_of_version(s, json_object_get(body, "version"), e);
	json_decref(body);
	return rc;
}

static int
run_steps(struct setup *s, struct err *e)
{
	char *policy = NULL;
	int rc;

	rc = find_product(s, e);
	if (rc == 0)
		rc = setup_check_forms(s, e);
	if (rc == 0)
		rc = setup_retention(s, &policy, e);
	if (rc == 0)
		rc = setup_templates(s, policy, e);
	if (rc == 0)
		rc = setup_security(s, e);
	if (rc == 0)
		rc = setup_check_indexes(s, e);
	free(policy);
	return rc;
}

static int
run_kibana(
    struct setup *s, const struct conf_elasticsearch *login, struct err *e)
{
	if (find_product(s, e) < 0)
		return -1;
	return setup_kibana(s, login, e);
}

static int
setup_run(const struct conf *conf, const struct setup_options *o, struct err *e)
{
	struct conf_elasticsearch login = conf->elasticsearch;
	struct setup s = { .conf = conf, .options = o };
	char *password = NULL;
	int rc = -1;

	if (login.hosts.count == 0)
		return err_set(e, ERR_CONF,
		    "[elasticsearch] hosts is not set: which server?");
	if (o->admin_user != NULL) {
		password = password_read(o->admin_password_file, e);
		if (password == NULL)
			return -1;
		login.user = (char *)o->admin_user; /* is copied */
		login.password = password;
		login.api_key = NULL;
		login.bearer_token = NULL;
	}
	http_reply_init(&s.reply, ANSWER_MAX);
	if (http_open(&s.http, &login, e) == 0)
		rc = o->url != NULL ? run_kibana(&s, &login, e)
				    : run_steps(&s, e);
	if (rc == 0)
		(void)printf("%s%zu created, %zu changed, %zu unchanged, "
			     "%zu warnings\n",
		    o->dry_run ? "dry run, nothing was sent: " : "", s.created,
		    s.changed, s.unchanged, s.warnings);
	http_close(&s.http);
	http_reply_clear(&s.reply);
	free(password);
	return rc;
}

static void
print_help(void)
{
	(void)printf(
	    "%s\n\n"
	    "Makes Elasticsearch or OpenSearch ready: index templates, roles "
	    "and users with the\nleast rights, and if asked for, retention. "
	    "Can be repeated.\n\n"
	    "      --dry-run                   change nothing, tell what would "
	    "be\n"
	    "      --admin-user USER           ask as this user, not as the "
	    "configured one\n"
	    "      --admin-password-file FILE  its password; - is stdin\n"
	    "      --retention DAYS            delete an index when all its "
	    "records are older;\n"
	    "                                  0: never. Unset: as it is\n"
	    "      --password-file FILE        where the new user's password "
	    "goes; the viewer's\n"
	    "                                  goes to FILE.viewer\n"
	    "      --new-passwords             also when they have one\n"
	    "      --force                     although indexes of another "
	    "prefix, suffix or\n"
	    "                                  period are there\n"
	    "      --templates FOLDER          the bodies, instead "
	    "of " INTAKE_DATADIR "/elasticsearch\n"
	    "\nkibana: brings dashboards into Kibana or OpenSearch Dashboards, "
	    "in a space or\ntenant of their own, and lets the viewer look at "
	    "them.\n\n"
	    "      --url URL                   of Kibana or OpenSearch "
	    "Dashboards\n"
	    "      --space NAME                of the space or tenant (default "
	    "dmarc)\n"
	    "      --objects FOLDER            the saved objects, instead "
	    "of " INTAKE_DATADIR "/kibana\n",
	    usage);
}

enum {
	ADMIN_USER = 256,
	ADMIN_PASSWORD,
	PASSWORD,
	NEW_PASSWORDS,
	RETENTION,
	FORCE,
	DRY_RUN,
	TEMPLATES,
	URL,
	SPACE,
	OBJECTS,
};

static const struct option long_options[] = {
	{ "admin-user", required_argument, NULL, ADMIN_USER },
	{ "admin-password-file", required_argument, NULL, ADMIN_PASSWORD },
	{ "password-file", required_argument, NULL, PASSWORD },
	{ "new-passwords", no_argument, NULL, NEW_PASSWORDS },
	{ "retention", required_argument, NULL, RETENTION },
	{ "force", no_argument, NULL, FORCE },
	{ "dry-run", no_argument, NULL, DRY_RUN },
	{ "templates", required_argument, NULL, TEMPLATES },
	{ "url", required_argument, NULL, URL },
	{ "space", required_argument, NULL, SPACE },
	{ "objects", required_argument, NULL, OBJECTS },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int
read_days(const char *text, int64_t *days)
{
	if (text_to_int64(text, strlen(text), days) < 0 || *days < 0 ||
	    *days > RETENTION_MAX) {
		(void)fprintf(stderr,
		    "dmarc-intake: --retention: days, 0 to %d\n",
		    RETENTION_MAX);
		return -1;
	}
	return 0;
}

/* Of what both a space and a tenant may be called, and a header may hold. */
static int
read_space(const char *text, const char **space)
{
	if (*text == '\0' ||
	    text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-")] !=
		'\0') {
		(void)fprintf(stderr,
		    "dmarc-intake: --space: small letters, digits, - and _\n");
		return -1;
	}
	*space = text;
	return 0;
}

/* The word behind "setup", with the options that belong to it. */
static bool
is_target(const char *word, const struct setup_options *o)
{
	return strcmp(word, o->url != NULL ? "kibana" : "elasticsearch") == 0;
}

static int
read_option(struct setup_options *o, int c)
{
	switch (c) {
	case ADMIN_USER:
		o->admin_user = optarg;
		return 0;
	case ADMIN_PASSWORD:
		o->admin_password_file = optarg;
		return 0;
	case PASSWORD:
		o->password_file = optarg;
		return 0;
	case NEW_PASSWORDS:
		o->new_passwords = true;
		return 0;
	case RETENTION:
		return read_days(optarg, &o->retention_days);
	case FORCE:
		o->force = true;
		return 0;
	case DRY_RUN:
		o->dry_run = true;
		return 0;
	case TEMPLATES:
		o->templates_path = optarg;
		return 0;
	case URL:
		o->url = optarg;
		return 0;
	case SPACE:
		return read_space(optarg, &o->space);
	case OBJECTS:
		o->objects_path = optarg;
		return 0;
	default:
		return -1;
	}
}

/* jansson's own failures end the process, as ours do. */
static void *
allocate(size_t size)
{
	return xmalloc(size);
}

int
cmd_setup(const struct cli *cli, int argc, char **argv)
{
	struct setup_options o = { .retention_days = SETUP_KEEP_RETENTION,
		.templates_path = getenv(TEMPLATES_VARIABLE),
		.space = "dmarc",
		.objects_path = getenv(OBJECTS_VARIABLE) };
	struct err e = { 0 };
	int c;

	if (o.templates_path == NULL)
		o.templates_path = INTAKE_DATADIR "/elasticsearch";
	if (o.objects_path == NULL)
		o.objects_path = INTAKE_DATADIR "/kibana";
	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (c == 'h') {
			print_help();
			return EX_OK;
		}
		if (read_option(&o, c) < 0)
			return cli_usage(usage);
	}
	if (optind + 1 != argc || !is_target(argv[optind], &o))
		return cli_usage(usage);
	if ((o.admin_user == NULL) != (o.admin_password_file == NULL)) {
		(void)fprintf(stderr, "dmarc-intake: --admin-user and "
				      "--admin-password-file go together\n");
		return cli_usage(usage);
	}
	json_set_alloc_funcs(allocate, free);
	if (setup_run(cli->conf, &o, &e) < 0) {
		cli_complain(&e);
		return cli_exit_code(&e);
	}
	return EX_OK;
}
