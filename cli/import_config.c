/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_config.c - dmarc-intake import-config: take over the configuration
 * of parsedmarc.
 * in: its INI file    out: ours; on stderr, what has no counterpart
 *
 * The passwords go along, so the file is for its owner alone.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/conf_table.h"

#include "cli/command.h"
#include "cli/import.h"

static const char usage[] =
    "usage: dmarc-intake import-config [--output FILE [--force]] FILE";

static void
print_help(void)
{
	(void)printf("%s\n\n"
		     "Reads a configuration of parsedmarc and prints ours, "
		     "with a comment on each key,\nand on stderr the keys "
		     "that have no counterpart.\n\n"
		     "  -o, --output FILE  write there; it has the passwords, "
		     "so it is mode 0600\n"
		     "      --force        replace a file that is there; owner "
		     "and group stay\n",
	    usage);
}

/* A file that is replaced may be readable for a daemon's group; keep that. */
static int
keep_owner(int fd, const char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_set_errno(e, "%s", path);
	if (fchown(fd, st.st_uid, st.st_gid) < 0 ||
	    fchmod(fd, st.st_mode & 0640) < 0)
		return err_set_errno(e, "%s", path);
	return 0;
}

/* All of it or nothing, under a name that nobody reads yet. */
static int
write_all(const struct import *im, const char *from, int fd, struct err *e)
{
	FILE *out = fdopen(fd, "w");
	int rc = 0;

	if (out == NULL) {
		(void)close(fd);
		return err_set_errno(e, "output");
	}
	import_write(im, from, out);
	if (fflush(out) != 0 || fsync(fd) < 0)
		rc = err_set_errno(e, "output");
	if (fclose(out) != 0 && rc == 0)
		rc = err_set_errno(e, "output");
	return rc;
}

/* Does our own parser take the file as a whole? */
static int
try_load(const char *path, struct err *e)
{
	const struct conf_sources src = { .path = path };
	struct conf *conf = xcalloc(1, sizeof(*conf));
	int rc = conf_fill(&conf_table, conf, &src, e);

	conf_clear(&conf_table, conf);
	free(conf);
	return rc;
}

/* An exit code; *e says why it is not EX_OK. */
static int
write_file(const struct import *im, const char *from, const char *path,
    bool is_forced, struct err *e)
{
	char *name = xasprintf("%s.XXXXXX", path);
	int fd = mkstemp(name), rc, code = EX_CANTCREAT;

	if (fd < 0) {
		err_set_errno(e, "%s", path);
		goto out;
	}
	if (is_forced && keep_owner(fd, path, e) < 0) {
		(void)close(fd);
		goto out;
	}
	if (write_all(im, from, fd, e) < 0) {
		code = EX_IOERR;
		goto out;
	}
	rc = is_forced ? rename(name, path) : link(name, path);
	if (rc < 0 && errno == EEXIST)
		err_set(e, ERR_CONF, "%s is there already; --force replaces it",
		    path);
	else if (rc < 0)
		err_set_errno(e, "%s", path);
	else
		code = EX_OK;
out:
	if (fd >= 0)
		(void)unlink(name);
	free(name);
	return code;
}

static int
print_all(const struct import *im, const char *from, struct err *e)
{
	import_write(im, from, stdout);
	if (fflush(stdout) == 0)
		return EX_OK;
	err_set_errno(e, "output");
	return EX_IOERR;
}

/* An exit code; *e says why it is not EX_OK. */
static int
run(const char *from, const char *to, bool is_forced, struct err *e)
{
	struct arena *a = arena_new();
	struct import im = { 0 };
	struct ini ini;
	int code;

	if (ini_read(&ini, from, a, e) < 0) {
		code = access(from, R_OK) < 0 ? EX_NOINPUT : cli_exit_code(e);
		goto out;
	}
	import_settle(&im, &ini, a);
	code = to == NULL ? print_all(&im, from, e)
			  : write_file(&im, from, to, is_forced, e);
	if (code == EX_OK)
		(void)import_write_left(&im, "no counterpart: ", stderr);
	if (code == EX_OK && to != NULL && try_load(to, e) < 0)
		code = cli_exit_code(e);
out:
	import_clear(&im);
	ini_clear(&ini);
	arena_free(&a);
	return code;
}

int
cmd_import_config(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = { { "output", required_argument,
						     NULL, 'o' },
		{ "force", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' }, { 0 } };
	const char *to = NULL;
	struct err e = { 0 };
	bool is_forced = false;
	int c, code;

	(void)cli;
	while ((c = getopt_long(argc, argv, "ho:", options, NULL)) != -1) {
		switch (c) {
		case 'o':
			to = optarg;
			break;
		case 'f':
			is_forced = true;
			break;
		case 'h':
			print_help();
			return EX_OK;
		default:
			return cli_usage(usage);
		}
	}
	if (optind + 1 != argc)
		return cli_usage(usage);
	if ((code = run(argv[optind], to, is_forced, &e)) != EX_OK)
		cli_complain(&e);
	return code;
}
