/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.h - the sub-commands of dmarc-intake, one file each.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <sysexits.h>

#include "common/base/conf.h"
#include "common/base/err.h"

/* What stands before the sub-command, understood. */
struct cli {
	struct conf *conf; /* foreign */
};

/*
 * Each gets its own name as argv[0] and returns a code of sysexits.h.
 */
int cmd_parse(const struct cli *cli, int argc, char **argv);
int cmd_ingest(const struct cli *cli, int argc, char **argv);
int cmd_reclassify(const struct cli *cli, int argc, char **argv);
int cmd_replay(const struct cli *cli, int argc, char **argv);
int cmd_report(const struct cli *cli, int argc, char **argv);
int cmd_serve(const struct cli *cli, int argc, char **argv);
int cmd_check(const struct cli *cli, int argc, char **argv);
int cmd_import_config(const struct cli *cli, int argc, char **argv);
int cmd_doctor(const struct cli *cli, int argc, char **argv);
int cmd_setup(const struct cli *cli, int argc, char **argv);

/* "dmarc-intake: text" on stderr, e's sentence escaped for a terminal. */
void cli_complain(const struct err *e);
/* For pipeline_tell: something is not as it should be, and the work goes on. */
void cli_warn(void *context, const char *text);
/* EX_CONFIG, EX_TEMPFAIL and so on, by the kind. */
int cli_exit_code(const struct err *e);
/* Tell how the command is used; returns EX_USAGE. */
int cli_usage(const char *usage);
/* The same, and on the line before what is wrong: "command: reason". */
int cli_refuse(const char *usage, const char *fmt, ...) ATTR_PRINTF(2, 3);

#endif
