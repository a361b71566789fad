/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cage_paths.c - which paths a daemon needs: its own folders to write, and to
 * read what the configuration names and what libraries open by themselves.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/buf.h"
#include "common/base/cage_internal.h"
#include "common/base/conf_table.h"
#include "common/base/folder.h"

/*
 * The resolver and NSS, certificate authorities, the public suffix list,
 * iconv's modules, time zones. /etc as a whole: its files are replaced by
 * rename, and a rule for one file would stay with the old one. Rights of
 * users hold there as ever.
 */
static const char *const library_paths[] = { "/etc", "/usr", "/lib", "/lib32",
	"/lib64", "/gnu/store", "/nix/store", "/run/NetworkManager",
	"/run/nscd", "/run/resolvconf", "/run/systemd/resolve",
	"/var/lib/ca-certificates", "/sys/devices/system/cpu", "/proc/self" };

/* Also links of these may lead elsewhere. */
static const char *const linked_files[] = { "/etc/resolv.conf", "/etc/hosts",
	"/etc/nsswitch.conf", "/etc/localtime" };

/* Of libcurl and OpenSSL. */
static const char *const library_variables[] = { "CREDENTIALS_DIRECTORY",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "OPENSSL_CONF" };

static void
add(struct cage_rules *rules, enum cage_right right, const char *path)
{
	rules->rule =
	    xrealloc(rules->rule, (rules->count + 1) * sizeof(*rules->rule));
	rules->rule[rules->count++] =
	    (struct cage_rule){ xstrdup(path), right };
}

/* The folder that path is in; "/" gives path: that would be everything. */
static void
add_parent(struct cage_rules *rules, enum cage_right right, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *parent;

	if (slash == NULL || slash == path) {
		add(rules, right, slash == NULL ? "." : path);
		return;
	}
	parent = xstrndup(path, (size_t)(slash - path));
	add(rules, right, parent);
	free(parent);
}

/* A file is replaced by rename, so what counts is the folder that it is in. */
static void
add_readable(struct cage_rules *rules, const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		add(rules, CAGE_READ, path);
	else
		add_parent(rules, CAGE_READ, path);
}

static void
add_libraries(struct cage_rules *rules)
{
	const char *value;
	char *real;
	size_t i;

	for (i = 0; i < sizeof(library_paths) / sizeof(*library_paths); i++)
		add(rules, CAGE_READ, library_paths[i]);
	for (i = 0; i < sizeof(linked_files) / sizeof(*linked_files); i++)
		if ((real = realpath(linked_files[i], NULL)) != NULL) {
			add(rules, CAGE_READ, real);
			free(real);
		}
	for (i = 0; i < sizeof(library_variables) / sizeof(*library_variables);
	     i++)
		if ((value = getenv(library_variables[i])) != NULL &&
		    *value == '/')
			add_readable(rules, value);
	add(rules, CAGE_READ, "/dev/urandom");
	add(rules, CAGE_DEVICE, "/dev/null");
#ifdef INTAKE_DATADIR
	add(rules, CAGE_READ, INTAKE_DATADIR);
#endif
}

/* A path, or the paths in a list; other texts do not start so. */
static void
add_value(struct cage_rules *rules, const struct conf_key *k, const void *value)
{
	const struct conf_list *list = value;
	const char *path;
	size_t i;

	if (k->type == CONF_PATH) {
		path = *(char *const *)value;
		if (path != NULL && *path == '/')
			add_readable(rules, path);
	} else if (k->type == CONF_LIST) {
		for (i = 0; i < list->count; i++)
			if (*list->item[i] == '/')
				add_readable(rules, list->item[i]);
	}
}

/* The file itself, every path in it, and the files of its secrets. */
static void
add_configured(struct cage_rules *rules, const struct conf *conf)
{
	const struct conf_key *k;
	size_t i;

	if (conf->path != NULL)
		add_parent(rules, CAGE_READ, conf->path);
	for (k = conf_table.keys; k->section != NULL; k++)
		for (i = 0; i < conf_places(&conf_table, conf, k); i++)
			add_value(
			    rules, k, conf_place(&conf_table, conf, k, i));
	for (i = 0; i < conf->secret_files.count; i++)
		add_readable(rules, conf->secret_files.item[i]);
}

static void
add_written(struct cage_rules *rules, const struct conf *conf)
{
	const char *const folders[] = { conf->intake.state_path,
		conf->intake.temp_path, conf->quarantine.path };
	struct err ignored = { 0 };
	size_t i;

	for (i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		/* who uses it will tell */
		(void)folder_make(folders[i], &ignored);
		err_clear(&ignored);
		add(rules, CAGE_WRITE, folders[i]);
	}
	/* SQLite has files beside the database */
	if (conf->sqlite.on)
		add_parent(rules, CAGE_WRITE, conf->sqlite.path);
	if (conf->ndjson.on && *conf->ndjson.path == '/')
		add_parent(rules, CAGE_WRITE, conf->ndjson.path);
}

void
cage_rules_init(
    struct cage_rules *rules, const struct conf *conf, const char *listen)
{
	static const char unix_prefix[] = "unix:";

	*rules = (struct cage_rules){ 0 };
	add_libraries(rules);
	add_configured(rules, conf);
	add_written(rules, conf);
	if (listen != NULL &&
	    strncmp(listen, unix_prefix, sizeof(unix_prefix) - 1) == 0)
		add_parent(
		    rules, CAGE_REMOVE, listen + sizeof(unix_prefix) - 1);
}

void
cage_rules_clear(struct cage_rules *rules)
{
	while (rules->count > 0)
		free(rules->rule[--rules->count].path);
	free(rules->rule);
	rules->rule = NULL;
}
