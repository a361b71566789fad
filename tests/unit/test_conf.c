/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_conf.c - the configuration: what is accepted, and the exact words for
 * what is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/conf.h"
#include "common/base/conf_table.h"

static char folder[] = "/tmp/test_conf.XXXXXX";
static char file[64];

static void
write_bytes(const char *path, const void *p, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void
write_text(const char *path, const char *text)
{
	write_bytes(path, text, strlen(text));
}

static int
load_with(struct conf **conf, const char *text, char *const *environment,
    struct err *e)
{
	struct conf *c = xcalloc(1, sizeof(*c));
	struct conf_sources src = { .path = text != NULL ? file : NULL,
		.environment = environment };

	if (text != NULL)
		write_text(file, text);
	c->holders = 1;
	if (conf_fill(&conf_table, c, &src, e) < 0) {
		conf_free(&c);
		return -1;
	}
	*conf = c;
	return 0;
}

/* FILE stands for the path of the file. */
static void
assert_error(const char *name, const struct err *e, const char *expected)
{
	char want[1024];

	if (strncmp(expected, "FILE", 4) == 0)
		(void)snprintf(want, sizeof(want), "%s%s", file, expected + 4);
	else
		(void)snprintf(want, sizeof(want), "%s", expected);
	if (e->kind != ERR_CONF || strcmp(e->text, want) != 0)
		fail_msg("%s: kind %d\n  says \"%s\"\n  not  \"%s\"", name,
		    e->kind, e->text, want);
}

static const struct {
	const char *name, *text, *error;
} bad_files[] = {
	{ "unknown section", "\n[lmpt]\n",
	    "FILE:2: [lmpt]: unknown section (did you mean 'lmtp'?)" },
	{ "account without host", "[imap a]\nuser=u\npassword=p\n",
	    "[imap a] host: is not set" },
	{ "account without user", "[imap]\nhost=h\npassword=p\n",
	    "[imap] user: is not set" },
	{ "account without password", "[imap a]\nhost=h\nuser=u\n",
	    "[imap a] password: is not set" },
	{ "account without token",
	    "[imap a]\nhost=h\nuser=u\npassword=p\nauth=xoauth2\n",
	    "[imap a] token_path: is not set" },
	{ "folder that is none", "[imap a]\nreports_folder = INBOX, a//b\n",
	    "FILE:2: [imap a] reports_folder: 'a//b' is no folder (as INBOX, "
	    "Reports/DMARC)" },
	{ "unknown section, control bytes", "[a\x01]\n",
	    "FILE:1: [a\\x01]: unknown section (did you mean 'imap'?)" },
	{ "header not closed", "[lmtp\n",
	    "FILE:1: a section header ends in ']'" },
	{ "comment behind a header", "[lmtp] # x\n",
	    "FILE:1: a section header ends in ']'" },
	{ "name where none is taken", "[lmtp second]\n",
	    "FILE:1: [lmtp]: this section takes no name" },
	{ "bad name", "[lmtp a/b]\n",
	    "FILE:1: [lmtp]: this section takes no name" },
	{ "unknown key", "[lmtp]\nlistn = unix:/x\n",
	    "FILE:2: [lmtp] listn: unknown key (did you mean 'listen'?)" },
	{ "unknown key, other case", "[lmtp]\nLISTEN = unix:/x\n",
	    "FILE:2: [lmtp] LISTEN: unknown key (did you mean 'listen'?)" },
	{ "key of another section", "[intake]\nlisten = unix:/x\n",
	    "FILE:2: [intake] listen: unknown key (did you mean "
	    "'[lmtp] listen'?)" },
	{ "key_file of what is no secret", "[lmtp]\nlisten_file = /x\n",
	    "FILE:2: [lmtp] listen_file: unknown key (did you mean "
	    "'listen'?)" },
	{ "empty key", "[lmtp]\n= 1\n",
	    "FILE:2: [lmtp] : unknown key (did you mean 'listen'?)" },
	{ "doubled key", "[lmtp]\nbudget = 1s\n\nbudget = 1s\n",
	    "FILE:4: [lmtp] budget: set in line 2 already" },
	{ "doubled key, section continued",
	    "[lmtp]\nbudget = 1s\n[intake]\n[lmtp]\nbudget: 2s\n",
	    "FILE:5: [lmtp] budget: set in line 2 already" },
	{ "no section yet", "budget = 1s\n",
	    "FILE:1: budget: stands before the first [section]" },
	{ "neither pair nor header", "[lmtp]\nbudget\n",
	    "FILE:2: [lmtp] expected 'key = value'" },
	{ "neither, before a section", "budget\n",
	    "FILE:1: expected 'key = value'" },
	{ "no value", "[lmtp]\nbudget =\n",
	    "FILE:2: [lmtp] budget: has no value" },
	{ "no value in quotes", "[lmtp]\nlisten = \"\"\n",
	    "FILE:2: [lmtp] listen: has no value" },
	{ "quote open", "[intake]\nstate_path = \"/x\n",
	    "FILE:2: [intake] state_path: a quote is not closed" },
	{ "quote alone", "[intake]\nstate_path = \"\n",
	    "FILE:2: [intake] state_path: a quote is not closed" },
	{ "control character", "[intake]\nstate_path = /a\x1b[1m\n",
	    "FILE:2: [intake] state_path: has a control character" },
	{ "not UTF-8", "[intake]\nstate_path = /a\xff\n",
	    "FILE:2: [intake] state_path: not UTF-8" },
	{ "path not absolute", "[intake]\nstate_path = var\n",
	    "FILE:2: [intake] state_path: 'var' is no absolute path" },
	{ "dash where no stdout goes", "[sqlite]\npath = -\n",
	    "FILE:2: [sqlite] path: '-' is no absolute path" },
	{ "size", "[limits]\nmessage = 10 MB\n",
	    "FILE:2: [limits] message: '10 MB' is no size "
	    "(as 64K, 128M, 1G)" },
	{ "size with a comment", "[limits]\nmessage = 10M # enough\n",
	    "FILE:2: [limits] message: '10M # enough' is no size "
	    "(as 64K, 128M, 1G); a comment needs a line of its own" },
	{ "size, negative", "[limits]\nmessage = -1\n",
	    "FILE:2: [limits] message: '-1' is no size (as 64K, 128M, 1G)" },
	{ "size past 64 bits", "[limits]\nmessage = 99999999999G\n",
	    "FILE:2: [limits] message: '99999999999G' is no size "
	    "(as 64K, 128M, 1G)" },
	{ "size too small", "[lmtp]\ncommand_line = 511\n",
	    "FILE:2: [lmtp] command_line: must be 512 to 1M" },
	{ "size too large", "[lmtp]\ncommand_line = 1025K\n",
	    "FILE:2: [lmtp] command_line: must be 512 to 1M" },
	{ "time", "[intake]\nhold_limit = 3 days\n",
	    "FILE:2: [intake] hold_limit: '3 days' is no time "
	    "(as 90s, 5m, 12h, 3d)" },
	{ "time too long", "[intake]\nhold_limit = 31d\n",
	    "FILE:2: [intake] hold_limit: must be 0 to 30d" },
	{ "time too short", "[lmtp]\nbudget = 0\n",
	    "FILE:2: [lmtp] budget: must be 1s to 1d" },
	{ "count", "[limits]\nparts = 1K\n",
	    "FILE:2: [limits] parts: '1K' is no whole number" },
	{ "count, negative", "[limits]\nparts = -5\n",
	    "FILE:2: [limits] parts: '-5' is no whole number" },
	{ "count too small", "[limits]\nparts = 0\n",
	    "FILE:2: [limits] parts: must be 1 to 1000000000" },
	{ "bool", "[elasticsearch]\nmonthly_indexes = maybe\n",
	    "FILE:2: [elasticsearch] monthly_indexes: 'maybe' is neither yes "
	    "nor no" },
	{ "mode", "[lmtp]\nsocket_mode = rw\n",
	    "FILE:2: [lmtp] socket_mode: 'rw' is no mode (as 0660)" },
	{ "mode, setuid", "[lmtp]\nsocket_mode = 4777\n",
	    "FILE:2: [lmtp] socket_mode: '4777' is no mode (as 0660)" },
	{ "mode, not octal", "[lmtp]\nsocket_mode = 668\n",
	    "FILE:2: [lmtp] socket_mode: '668' is no mode (as 0660)" },
	{ "choice", "[intake]\nlog_level = inof\n",
	    "FILE:2: [intake] log_level: 'inof' is not known here "
	    "(did you mean 'info'?)" },
	{ "a longer choice", "[intake]\nlog_level = Warning\n",
	    "FILE:2: [intake] log_level: 'Warning' is not known here "
	    "(did you mean 'warn'?)" },
	{ "no near choice", "[intake]\nlog_level = verbose\n",
	    "FILE:2: [intake] log_level: 'verbose' is not known here "
	    "(err, warn, info or debug)" },
	{ "list, empty word", "[intake]\nrecipients = a@b, ,c@d\n",
	    "FILE:2: [intake] recipients: nothing between two commas" },
	{ "list, comma at the end", "[intake]\nrecipients = a@b,\n",
	    "FILE:2: [intake] recipients: nothing between two commas" },
	{ "list, no comma", "[intake]\nrecipients = a@b c@d\n",
	    "FILE:2: [intake] recipients: 'a@b c@d' is two words without a "
	    "comma" },
	{ "recipient without domain", "[intake]\nrecipients = rua\n",
	    "FILE:2: [intake] recipients: 'rua' is no address (as "
	    "rua@example.org, *@example.org, rua@*)" },
	{ "recipient, nothing after @", "[intake]\nrecipients = rua@\n",
	    "FILE:2: [intake] recipients: 'rua@' is no address (as "
	    "rua@example.org, *@example.org, rua@*)" },
	{ "listen, no scheme", "[lmtp]\nlisten = /run/lmtp.sock\n",
	    "FILE:2: [lmtp] listen: must be unix:/PATH or inet:HOST:PORT" },
	{ "listen, relative", "[lmtp]\nlisten = unix:lmtp.sock\n",
	    "FILE:2: [lmtp] listen: the path of the socket is not absolute" },
	{ "listen, no port", "[lmtp]\nlisten = inet:localhost\n",
	    "FILE:2: [lmtp] listen: must be inet:HOST:PORT" },
	{ "listen, no host", "[lmtp]\nlisten = inet::24\n",
	    "FILE:2: [lmtp] listen: must be inet:HOST:PORT" },
	{ "listen, port 0", "[lmtp]\nlisten = inet:localhost:0\n",
	    "FILE:2: [lmtp] listen: '0' is no port (1 to 65535)" },
	{ "listen, port too large", "[lmtp]\nlisten = inet:localhost:65536\n",
	    "FILE:2: [lmtp] listen: '65536' is no port (1 to 65535)" },
	{ "listen, port empty", "[lmtp]\nlisten = inet:localhost:\n",
	    "FILE:2: [lmtp] listen: '' is no port (1 to 65535)" },
	{ "listen, bare IPv6", "[lmtp]\nlisten = inet:::1:24\n",
	    "FILE:2: [lmtp] listen: an IPv6 address stands in brackets: "
	    "inet:[ADDRESS]:PORT" },
	{ "listen, bracket open", "[lmtp]\nlisten = inet:[::1:24\n",
	    "FILE:2: [lmtp] listen: a bracket is not closed" },
	{ "network", "[lmtp]\nnetworks = localhost\n",
	    "FILE:2: [lmtp] networks: 'localhost' is no network "
	    "(as 192.0.2.0/24, ::1/128)" },
	{ "network, prefix too long",
	    "[lmtp]\nnetworks = ::1/128, 10.0.0.0/33\n",
	    "FILE:2: [lmtp] networks: '10.0.0.0/33' is no network "
	    "(as 192.0.2.0/24, ::1/128)" },
	{ "network, no prefix behind /", "[lmtp]\nnetworks = ::1/\n",
	    "FILE:2: [lmtp] networks: '::1/' is no network "
	    "(as 192.0.2.0/24, ::1/128)" },
	{ "index suffix", "[elasticsearch]\nindex_suffix = A\n",
	    "FILE:2: [elasticsearch] index_suffix: 'A' cannot be in the name "
	    "of an index: lower case, no space and none of "
	    "\\ / * ? \" < > | , # :" },
	{ "forward to nobody", "[intake]\nother = forward\n",
	    "FILE: [intake] forward_to: is not set, and other = forward needs "
	    "it" },
	{ "forward to ourselves",
	    "[intake]\nrecipients = a@d.example\nforward_to = A@d.example\n",
	    "FILE:3: [intake] forward_to: is one of recipients: what is "
	    "forwarded would come back" },
	{ "no address", "[intake]\nforward_to = a b@d.example\n",
	    "FILE:2: [intake] forward_to: 'a b@d.example' is no address (as "
	    "postmaster@example.org)" },
	{ "a command in an address", "[intake]\nforward_from = <a@d.example>\n",
	    "FILE:2: [intake] forward_from: '<a@d.example>' is no address (as "
	    "postmaster@example.org)" },
	{ "a URL for a host", "[smtp]\nhost = smtp://d.example\n",
	    "FILE:2: [smtp] host: 'smtp://d.example' is no host (as "
	    "mail.example.org, 192.0.2.1, 2001:db8::1)" },
	{ "a password in the clear",
	    "[smtp]\nuser = a\npassword = b\ntls = may\n",
	    "FILE:2: [smtp] user: is set: tls must be starttls or tls, or the "
	    "password could be read on its way" },
	{ "a user without a password", "[smtp]\nuser = a\ntls = tls\n",
	    "FILE: [smtp] password: is not set, user is" },
	{ "hosts missing", "[elasticsearch]\nuser = x\n",
	    "FILE: [elasticsearch] hosts: is not set" },
	{ "hosts missing, nothing at all", "[elasticsearch]\n",
	    "FILE: [elasticsearch] hosts: is not set" },
	{ "no host", "[elasticsearch]\nhosts = ftp://a\n",
	    "FILE:2: [elasticsearch] hosts: is no host (as "
	    "https://search.example.org:9200, search.example.org:9200)" },
	{ "key of a client certificate missing",
	    "[elasticsearch]\nhosts = a\nclient_cert_path = /x\n",
	    "FILE: [elasticsearch] client_key_path: is not set, "
	    "client_cert_path is" },
	{ "region missing",
	    "[elasticsearch]\nhosts = a\nauth_type = awssigv4\n",
	    "FILE: [elasticsearch] aws_region: is not set, and awssigv4 needs "
	    "it" },
	{ "index prefix", "[elasticsearch]\nindex_prefix = -a\n",
	    "FILE:2: [elasticsearch] index_prefix: the name of an index "
	    "cannot start with '-'" },
	{ "message over message_hard",
	    "[limits]\nmessage_hard = 1M\nmessage = 2M\n",
	    "FILE:3: [limits] message: larger than message_hard" },
	{ "default message over message_hard", "[limits]\nmessage_hard = 1M\n",
	    "FILE: [limits] message: larger than message_hard" },
};

static void
test_bad_files(void **state)
{
	struct conf *conf = NULL;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad_files) / sizeof(*bad_files); i++) {
		memset(&e, 0, sizeof(e));
		if (load_with(&conf, bad_files[i].text, NULL, &e) == 0)
			fail_msg("%s: accepted", bad_files[i].name);
		assert_error(bad_files[i].name, &e, bad_files[i].error);
		assert_null(conf);
	}
}

static const struct {
	const char *name, *variable, *text, *error;
} bad_variables[] = {
	{ "unknown", "DMARC_INTAKE_LMTP_LISTN=unix:/x", NULL,
	    "environment: DMARC_INTAKE_LMTP_LISTN: unknown variable "
	    "(did you mean 'DMARC_INTAKE_LMTP_LISTEN'?)" },
	{ "unknown section", "DMARC_INTAKE_LPTM_BUDGET=1s", NULL,
	    "environment: DMARC_INTAKE_LPTM_BUDGET: unknown variable "
	    "(did you mean 'DMARC_INTAKE_LMTP_BUDGET'?)" },
	{ "lower case", "DMARC_INTAKE_lmtp_listen=unix:/x", NULL,
	    "environment: DMARC_INTAKE_lmtp_listen: unknown variable "
	    "(did you mean 'DMARC_INTAKE_LMTP_LISTEN'?)" },
	{ "no section, no key", "DMARC_INTAKE_=1", NULL,
	    "environment: DMARC_INTAKE_: unknown variable "
	    "(did you mean 'DMARC_INTAKE_IMAP_TLS'?)" },
	{ "no key", "DMARC_INTAKE_LMTP=1", NULL,
	    "environment: DMARC_INTAKE_LMTP: unknown variable "
	    "(did you mean 'DMARC_INTAKE_LMTP_LISTEN'?)" },
	{ "malformed", "DMARC_INTAKE_LMTP_BUDGET=never", NULL,
	    "environment: DMARC_INTAKE_LMTP_BUDGET: 'never' is no time "
	    "(as 90s, 5m, 12h, 3d)" },
	{ "empty", "DMARC_INTAKE_LMTP_BUDGET=", NULL,
	    "environment: DMARC_INTAKE_LMTP_BUDGET: has no value" },
	{ "cross check", "DMARC_INTAKE_LIMITS_MESSAGE=2G", NULL,
	    "environment: DMARC_INTAKE_LIMITS_MESSAGE: [limits] message: "
	    "larger than message_hard" },
	{ "control character", "DMARC_INTAKE_INTAKE_STATE_PATH=/a\nb", NULL,
	    "environment: DMARC_INTAKE_INTAKE_STATE_PATH: has a control "
	    "character" },
};

static void
test_bad_variables(void **state)
{
	struct conf *conf = NULL;
	char *environment[2] = { NULL, NULL };
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad_variables) / sizeof(*bad_variables); i++) {
		memset(&e, 0, sizeof(e));
		environment[0] = xstrdup(bad_variables[i].variable);
		if (load_with(&conf, bad_variables[i].text, environment, &e) ==
		    0)
			fail_msg("%s: accepted", bad_variables[i].name);
		assert_error(bad_variables[i].name, &e, bad_variables[i].error);
		free(environment[0]);
	}
}

static void
test_doubled_variable(void **state)
{
	char one[] = "DMARC_INTAKE_LMTP_BUDGET=1s";
	char two[] = "DMARC_INTAKE_LMTP_BUDGET=2s";
	char *environment[] = { one, two, NULL };
	struct conf *conf = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(load_with(&conf, NULL, environment, &e), -1);
	assert_error("doubled variable", &e,
	    "environment: DMARC_INTAKE_LMTP_BUDGET: set by "
	    "DMARC_INTAKE_LMTP_BUDGET already");
}

static void
must_load(struct conf **conf, const char *text, char *const *environment)
{
	struct err e = { 0 };

	if (load_with(conf, text, environment, &e) < 0)
		fail_msg("%s", e.text);
}

static void
test_defaults(void **state)
{
	struct conf *c = NULL;

	(void)state;
	must_load(&c, NULL, NULL);
	assert_int_equal(c->intake.recipients.count, 0);
	assert_string_equal(c->intake.state_path, "/var/lib/dmarc-intake");
	assert_string_equal(c->intake.temp_path, "/var/lib/dmarc-intake/tmp");
	assert_int_equal(c->intake.hold_limit_s, 3 * 86400);
	assert_int_equal(c->intake.log, LOG_TARGET_AUTO);
	assert_int_equal(c->intake.log_level, LOG_LEVEL_INFO);
	assert_int_equal(c->intake.replay_interval_s, 60);
	assert_int_equal(c->intake.failure_sample, CONF_SAMPLE_HEADERS);
	assert_int_equal(c->limits.message, 128 << 20);
	assert_int_equal(c->limits.message_hard, 1 << 30);
	assert_int_equal(c->limits.message_memory, 1 << 20);
	assert_int_equal(c->limits.header, 1 << 20);
	assert_int_equal(c->limits.decompressed, (uint64_t)2 << 30);
	assert_int_equal(c->limits.ratio, 200);
	assert_int_equal(c->limits.members, 100);
	assert_int_equal(c->limits.nesting, 4);
	assert_int_equal(c->limits.parts, 1000);
	assert_int_equal(c->limits.part_depth, 20);
	assert_int_equal(c->limits.records, 5000000);
	assert_int_equal(c->limits.span_days, 93);
	assert_int_equal(c->limits.xml_depth, 16);
	assert_int_equal(c->limits.xml_text, 64 << 10);
	assert_int_equal(c->limits.temporary, (uint64_t)4 << 30);
	assert_int_equal(c->limits.spool_memory, 2 << 20);
	assert_int_equal(c->limits.sample, 1 << 20);
	assert_int_equal(c->limits.header_fields, 500);
	assert_int_equal(c->limits.tls_report, 16 << 20);
	assert_int_equal(c->limits.tls_entries, 25000);
	assert_string_equal(
	    c->lmtp.listen, "unix:/var/spool/postfix/dmarc-intake/lmtp.sock");
	assert_null(c->lmtp.socket_owner);
	assert_null(c->lmtp.socket_group);
	assert_int_equal(c->lmtp.socket_mode, 0660);
	assert_int_equal(c->lmtp.networks.count, 2);
	assert_string_equal(c->lmtp.networks.item[1], "::1/128");
	assert_int_equal(c->lmtp.connections, 100);
	assert_int_equal(c->lmtp.recipients, 1000);
	assert_int_equal(c->lmtp.command_line, 4096);
	assert_int_equal(c->lmtp.idle_timeout_s, 300);
	assert_int_equal(c->lmtp.command_timeout_s, 60);
	assert_int_equal(c->lmtp.budget_s, 540);
	assert_int_equal(c->lmtp.progress_timeout_s, 60);
	assert_true(c->sqlite.on);
	assert_false(c->ndjson.on);
	assert_string_equal(
	    c->sqlite.path, "/var/lib/dmarc-intake/dmarc-intake.db");
	assert_string_equal(
	    c->quarantine.path, "/var/lib/dmarc-intake/quarantine");
	assert_int_equal(c->quarantine.max_bytes, 1 << 30);
	assert_int_equal(c->quarantine.max_mails, 10000);
	assert_int_equal(c->quarantine.max_age_s, 180 * 86400);
	assert_null(c->index.prefix);
	assert_null(c->index.suffix);
	assert_true(c->index.monthly);
	assert_null(c->path);
	conf_free(&c);
	assert_null(c);
}

/* What an account must have, and no default can be. */
static const char account[] =
    "[imap reports]\nhost = h\nuser = u\npassword = p\n";

static const char *
account_value(const char *line)
{
	static const char *const keys[] = { "host", "user", "password" };
	static const char *const lines[] = { "host = h\n", "user = u\n",
		"password = p\n" };
	size_t i;

	for (i = 0; i < 3; i++)
		if (strncmp(line, keys[i], strlen(keys[i])) == 0 &&
		    strncmp(line + strlen(keys[i]), " =\n", 3) == 0)
			return lines[i];
	return line;
}

/* The file as shipped, and with every key and section in force. */
static void
test_shipped_file(void **state)
{
	const char *srcdir = getenv("srcdir");
	char path[512], line[512], text[32768] = "";
	struct conf *plain = NULL, *shipped = NULL;
	const struct conf_key *k;
	struct err e = { 0 };
	bool in_imap = false;
	size_t len = 0;
	FILE *f;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/conf/dmarc-intake.conf",
	    srcdir != NULL ? srcdir : ".");
	if (conf_load(&shipped, path, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(shipped->sqlite.on);
	assert_false(shipped->ndjson.on);
	conf_free(&shipped);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		const char *p = line;

		if (*p == '#' && ((p[1] >= 'a' && p[1] <= 'z') || p[1] == '['))
			p++;
		if (*p == '[')
			in_imap = strncmp(p, "[imap", 5) == 0;
		if (in_imap)
			p = account_value(p);
		assert_true(len + strlen(p) < sizeof(text));
		len +=
		    (size_t)snprintf(text + len, sizeof(text) - len, "%s", p);
	}
	(void)fclose(f);
	must_load(&plain, account, NULL);
	must_load(&shipped, text, NULL);
	assert_true(shipped->ndjson.on);
	for (k = conf_table.keys; k->section != NULL; k++)
		if (!conf_value_equal(k, conf_place(&conf_table, plain, k, 0),
			conf_place(&conf_table, shipped, k, 0)))
			fail_msg("[%s] %s", k->section, k->name);
	conf_free(&plain);
	conf_free(&shipped);
}

/* All the forms of a file at once. */
static void
test_forms(void **state)
{
	struct conf *c = NULL;

	(void)state;
	must_load(&c,
	    "\xef\xbb\xbf# a comment\r\n"
	    "  ; another = one\r\n"
	    "[intake]\r\n"
	    "\tstate_path\t=\t/srv/a b \r\n"
	    "recipients: rua@example.org , *@example.net,ruf@*\r\n"
	    "[ lmtp ]\r\n"
	    "listen : inet:[::1]:10024\r\n"
	    "socket_mode = 600\r\n"
	    "\r\n"
	    "networks =\r\n"
	    "[intake]\r\n"
	    "temp_path = \"/x#y;z \"\r\n"
	    "log = Syslog\r\n"
	    "[elasticsearch]\n"
	    "monthly_indexes = off\n"
	    "index_prefix =\n"
	    "[sqlite]",
	    NULL);
	assert_string_equal(c->intake.state_path, "/srv/a b");
	assert_int_equal(c->intake.recipients.count, 3);
	assert_string_equal(c->intake.recipients.item[0], "rua@example.org");
	assert_string_equal(c->intake.recipients.item[2], "ruf@*");
	assert_string_equal(c->lmtp.listen, "inet:[::1]:10024");
	assert_int_equal(c->lmtp.socket_mode, 0600);
	assert_int_equal(c->lmtp.networks.count, 0);
	assert_string_equal(c->intake.temp_path, "/x#y;z ");
	assert_int_equal(c->intake.log, LOG_TARGET_SYSLOG);
	assert_false(c->index.monthly);
	assert_null(c->index.prefix);
	assert_true(c->sqlite.on);
	assert_string_equal(c->sqlite.path, "/srv/a b/dmarc-intake.db");
	conf_free(&c);
}

static void
test_quotes(void **state)
{
	struct conf *c = NULL;

	(void)state;
	must_load(&c,
	    "[lmtp]\nsocket_owner = \" a\\\"b \"\nsocket_group = a\"b\n", NULL);
	assert_string_equal(c->lmtp.socket_owner, " a\\\"b ");
	assert_string_equal(c->lmtp.socket_group, "a\"b");
	conf_free(&c);
}

static const struct {
	const char *name, *text, *variable;
	bool sqlite, ndjson;
} sinks[] = {
	{ "neither", "[lmtp]\n", NULL, true, false },
	{ "sqlite, empty section", "[sqlite]\n", NULL, true, false },
	{ "ndjson, empty section", "[ndjson]\n", NULL, false, true },
	{ "both", "[ndjson]\npath = -\n[sqlite]\n", NULL, true, true },
	{ "ndjson by the environment", NULL, "DMARC_INTAKE_NDJSON_PATH=-",
	    false, true },
	{ "file and environment", "[ndjson]\n",
	    "DMARC_INTAKE_SQLITE_PATH=/x.db", true, true },
};

static void
test_sinks(void **state)
{
	char *environment[2] = { NULL, NULL };
	struct conf *c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sinks) / sizeof(*sinks); i++) {
		environment[0] = sinks[i].variable == NULL
				     ? NULL
				     : xstrdup(sinks[i].variable);
		must_load(&c, sinks[i].text, environment);
		if (c->sqlite.on != sinks[i].sqlite ||
		    c->ndjson.on != sinks[i].ndjson)
			fail_msg("%s: sqlite %d, ndjson %d", sinks[i].name,
			    c->sqlite.on, c->ndjson.on);
		conf_free(&c);
		free(environment[0]);
	}
}

static void
test_environment_wins(void **state)
{
	char budget[] = "DMARC_INTAKE_LMTP_BUDGET=10m";
	char list[] = "DMARC_INTAKE_INTAKE_RECIPIENTS=a@b,c@d=e";
	char other[] = "DMARC_INTAKER=1";
	char home[] = "HOME=/";
	char *environment[] = { home, budget, other, list, NULL };
	struct conf *c = NULL;

	(void)state;
	must_load(&c, "[lmtp]\nbudget = 1s\n", environment);
	assert_int_equal(c->lmtp.budget_s, 600);
	assert_int_equal(c->intake.recipients.count, 2);
	assert_string_equal(c->intake.recipients.item[1], "c@d=e");
	conf_free(&c);
}

/* A line of exactly so many bytes: a comment, or a value. */
static int
load_line(size_t len, const char *start)
{
	char text[CONF_LINE_MAX + 64];
	size_t at = strlen("[lmtp]\n");
	struct conf *c = NULL;
	struct err e = { 0 };
	int rc;

	memset(text, 'a', sizeof(text));
	memcpy(text, "[lmtp]\n", at);
	memcpy(text + at, start, strlen(start));
	(void)snprintf(text + at + len, 3, "\r\n");
	rc = load_with(&c, text, NULL, &e);
	conf_free(&c);
	if (rc < 0)
		assert_int_equal(e.kind, ERR_CONF);
	return rc;
}

static void
test_line_limits(void **state)
{
	const char *owner = "socket_owner=";

	(void)state;
	assert_int_equal(load_line(CONF_LINE_MAX, "#"), 0);
	/* the CR of the line end is not of the line */
	assert_int_equal(load_line(CONF_LINE_MAX + 1, "#"), -1);
	assert_int_equal(load_line(CONF_VALUE_MAX + strlen(owner), owner), 0);
	assert_int_equal(
	    load_line(CONF_VALUE_MAX + strlen(owner) + 1, owner), -1);
}

static void
test_file_limits(void **state)
{
	char *text = xmalloc(CONF_FILE_MAX + 1);
	struct conf *c = NULL;
	struct err e = { 0 };

	(void)state;
	memset(text, '\n', CONF_FILE_MAX + 1);
	write_bytes(file, text, CONF_FILE_MAX);
	assert_int_equal(conf_load(&c, file, &e), 0);
	conf_free(&c);
	write_bytes(file, text, CONF_FILE_MAX + 1);
	assert_int_equal(conf_load(&c, file, &e), -1);
	assert_error("too large", &e, "FILE: larger than 1048576 bytes");
	write_bytes(file, "[lmtp]\nbudget\0 = 1s\n", 20);
	assert_int_equal(conf_load(&c, file, &e), -1);
	assert_error("NUL", &e, "FILE:2: [lmtp] line has a NUL byte");
	free(text);
}

static void
test_missing_file(void **state)
{
	struct conf *c = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(conf_load(&c, "/nonexistent/x.conf", &e), -1);
	assert_int_equal(e.kind, ERR_CONF);
	assert_string_equal(
	    e.text, "/nonexistent/x.conf: No such file or directory");
	assert_int_equal(conf_load(&c, folder, &e), -1);
	assert_int_equal(e.kind, ERR_CONF);
	assert_non_null(strstr(e.text, "Is a directory"));
}

static char *
printed(const struct conf *c)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	conf_print(c, f);
	assert_int_equal(fclose(f), 0);
	return text;
}

static const struct {
	const char *name, *text;
} print_cases[] = {
	{ "defaults", "" },
	{ "ndjson to stdout", "[ndjson]\npath = -\n" },
	{ "spaces and quotes",
	    "[lmtp]\nsocket_owner = \" x \"\nsocket_group = \"\"q\"\"\n" },
	{ "odd numbers",
	    "[limits]\nmessage = 1048577\nratio = 7\ntemporary = 0\n"
	    "[intake]\nhold_limit = 0\nreplay_interval = 3601s\n" },
	{ "lists", "[intake]\nrecipients = a@b, c@d\n[lmtp]\nnetworks =\n" },
	{ "index",
	    "[elasticsearch]\nindex_prefix = x-\nmonthly_indexes = no\n" },
	{ "state", "[intake]\nstate_path = /\n[sqlite]\n[ndjson]\n" },
};

static void
test_print_and_load(void **state)
{
	struct conf *c = NULL, *again = NULL;
	const struct conf_key *k;
	char *text, *text_again;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(print_cases) / sizeof(*print_cases); i++) {
		must_load(&c, print_cases[i].text, NULL);
		text = printed(c);
		must_load(&again, text, NULL);
		for (k = conf_table.keys; k->section != NULL; k++)
			if (conf_places(&conf_table, c, k) > 0 &&
			    !conf_value_equal(k,
				conf_place(&conf_table, c, k, 0),
				conf_place(&conf_table, again, k, 0)))
				fail_msg("%s: [%s] %s is another",
				    print_cases[i].name, k->section, k->name);
		assert_int_equal(c->sqlite.on, again->sqlite.on);
		assert_int_equal(c->ndjson.on, again->ndjson.on);
		text_again = printed(again);
		assert_string_equal(text, text_again);
		free(text);
		free(text_again);
		conf_free(&c);
		conf_free(&again);
	}
}

static void
test_print_keys(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	conf_print_keys(f);
	assert_int_equal(fclose(f), 0);
	assert_non_null(strstr(text, "intake.hold_limit seconds 3d reload\n"));
	assert_non_null(strstr(text,
	    "sqlite.path path /var/lib/dmarc-intake/dmarc-intake.db "
	    "restart\n"));
	assert_non_null(strstr(text, "lmtp.socket_owner string - restart\n"));
	assert_non_null(
	    strstr(text, "lmtp.networks list 127.0.0.0/8, ::1/128 reload\n"));
	free(text);
}

static void
test_reload(void **state)
{
	struct conf *now = NULL, *next = NULL;
	struct err e = { 0 };
	char *kept = NULL;

	(void)state;
	write_text(file, "[lmtp]\nlisten = inet:127.0.0.1:24\nbudget = 5s\n"
			 "[ndjson]\npath = /a\n");
	assert_int_equal(conf_load(&now, file, &e), 0);
	assert_string_equal(now->path, file);

	assert_int_equal(conf_reload(&next, now, &kept, &e), 0);
	assert_null(kept);
	conf_free(&next);

	write_text(file, "[lmtp]\nlisten = inet:127.0.0.1:25\nbudget = 6s\n"
			 "[intake]\nstate_path = /s\nrecipients = a@b\n");
	assert_int_equal(conf_reload(&next, now, &kept, &e), 0);
	assert_string_equal(kept,
	    "sqlite, ndjson, intake.state_path, intake.temp_path, "
	    "lmtp.listen, sqlite.path, ndjson.path, quarantine.path");
	assert_string_equal(next->lmtp.listen, "inet:127.0.0.1:24");
	assert_string_equal(next->intake.state_path, "/var/lib/dmarc-intake");
	assert_string_equal(next->ndjson.path, "/a");
	assert_true(next->ndjson.on);
	assert_false(next->sqlite.on);
	assert_int_equal(next->lmtp.budget_s, 6);
	assert_int_equal(next->intake.recipients.count, 1);
	assert_int_equal(now->lmtp.budget_s, 5);
	free(kept);
	kept = NULL;
	conf_free(&next);

	write_text(file, "[lmtp]\nbudgt = 6s\n");
	assert_int_equal(conf_reload(&next, now, &kept, &e), -1);
	assert_null(next);
	assert_null(kept);
	assert_error("bad file at a reload", &e,
	    "FILE:2: [lmtp] budgt: unknown key (did you mean 'budget'?)");
	conf_free(&now);
}

static void
test_holders(void **state)
{
	struct conf *one = NULL, *two;

	(void)state;
	must_load(&one, NULL, NULL);
	two = conf_ref(one);
	assert_ptr_equal(one, two);
	conf_free(&one);
	assert_null(one);
	assert_int_equal(two->lmtp.connections, 100); /* ASan sees a free */
	conf_free(&two);
	conf_free(&two);
}

/* What no key of the real table needs yet: secrets and named sections. */
struct account {
	char *name;
	char *host, *password;
	uint64_t port;
	char *spool;
};

struct trial {
	char *state;
	char *api_key;
	struct conf_many imap;
};

static const struct conf_section trial_sections[] = {
	{ .name = "base" },
	{ .name = "imap",
	    .many = offsetof(struct trial, imap),
	    .item_size = sizeof(struct account) },
	{ .name = NULL },
};

static const struct conf_key trial_keys[] = {
	{ .section = "base",
	    .name = "state",
	    .type = CONF_PATH,
	    .offset = offsetof(struct trial, state),
	    .preset = "/state" },
	{ .section = "base",
	    .name = "api_key",
	    .type = CONF_STRING,
	    .flags = CONF_SECRET,
	    .offset = offsetof(struct trial, api_key) },
	{ .section = "imap",
	    .name = "host",
	    .type = CONF_STRING,
	    .offset = offsetof(struct account, host),
	    .preset = "localhost" },
	{ .section = "imap",
	    .name = "password",
	    .type = CONF_STRING,
	    .flags = CONF_SECRET,
	    .offset = offsetof(struct account, password) },
	{ .section = "imap",
	    .name = "port",
	    .type = CONF_COUNT,
	    .flags = CONF_RESTART,
	    .offset = offsetof(struct account, port),
	    .preset = "993",
	    .least = 1,
	    .most = 65535 },
	{ .section = "imap",
	    .name = "spool",
	    .type = CONF_PATH,
	    .offset = offsetof(struct account, spool),
	    .preset = "imap" },
	{ .section = NULL },
};

static const struct conf_table trial_table = {
	.sections = trial_sections,
	.keys = trial_keys,
	.state_path = offsetof(struct trial, state),
};

static int
trial_load(struct trial *t, const char *text, char *const *environment,
    const char *credentials, struct err *e)
{
	struct conf_sources src = { .path = file,
		.environment = environment,
		.credentials = credentials };

	write_text(file, text);
	memset(t, 0, sizeof(*t));
	return conf_fill(&trial_table, t, &src, e);
}

static void
test_named_sections(void **state)
{
	char port[] = "DMARC_INTAKE_IMAP_MY_BOX_PORT=143";
	char third[] = "DMARC_INTAKE_IMAP_THIRD_ONE_HOST=three";
	char plain[] = "DMARC_INTAKE_IMAP_HOST=bare";
	char *environment[] = { port, third, plain, NULL };
	struct err e = { 0 };
	struct account *a;
	struct trial t;

	(void)state;
	assert_int_equal(trial_load(&t,
			     "[imap my-box]\nhost = one\n[imap B.2]\n"
			     "[imap my-box]\nspool = /sp\n",
			     environment, NULL, &e),
	    0);
	assert_int_equal(t.imap.count, 4);
	a = t.imap.item[0];
	assert_string_equal(a->name, "my-box");
	assert_string_equal(a->host, "one");
	assert_string_equal(a->spool, "/sp");
	assert_int_equal(a->port, 143);
	a = t.imap.item[1];
	assert_string_equal(a->name, "B.2");
	assert_string_equal(a->host, "localhost");
	assert_string_equal(a->spool, "/state/imap");
	assert_int_equal(a->port, 993);
	a = t.imap.item[2];
	assert_string_equal(a->name, "third_one");
	assert_string_equal(a->host, "three");
	a = t.imap.item[3];
	assert_string_equal(a->name, "");
	assert_string_equal(a->host, "bare");
	conf_clear(&trial_table, &t);
	assert_null(t.imap.item);
}

static const struct {
	const char *name, *text, *error;
} bad_trials[] = {
	{ "doubled in a named section",
	    "[imap a]\nhost=x\n[imap b]\nhost=x\n[imap a]\nhost=y\n",
	    "FILE:6: [imap a] host: set in line 2 already" },
	{ "error in a named section", "[imap a]\nport=0\n",
	    "FILE:2: [imap a] port: must be 1 to 65535" },
	{ "bad name", "[imap a/b]\n",
	    "FILE:1: the name of a section is up to 64 letters, digits, "
	    "'.', '_' and '-'" },
	{ "secret twice", "[base]\napi_key = a\napi_key_file = /x\n",
	    "FILE:3: [base] api_key_file: set in line 2 already" },
	{ "secret file not absolute", "[base]\napi_key_file = x\n",
	    "FILE:2: [base] api_key_file: no absolute path" },
	{ "secret file missing", "[base]\napi_key_file = /nonexistent/k\n",
	    "FILE:2: [base] api_key_file: /nonexistent/k: No such file or "
	    "directory" },
	{ "secret with a control character", "[base]\napi_key = s3\x01cret\n",
	    "FILE:2: [base] api_key: has a control character" },
};

static void
test_bad_trials(void **state)
{
	struct trial t;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad_trials) / sizeof(*bad_trials); i++) {
		memset(&e, 0, sizeof(e));
		if (trial_load(&t, bad_trials[i].text, NULL, NULL, &e) == 0)
			fail_msg("%s: accepted", bad_trials[i].name);
		assert_error(bad_trials[i].name, &e, bad_trials[i].error);
		conf_clear(&trial_table, &t);
	}
}

static void
test_many_sections(void **state)
{
	char text[CONF_ITEMS_MAX * 16 + 64];
	struct err e = { 0 };
	struct trial t;
	size_t len = 0;
	int i;

	(void)state;
	for (i = 0; i < CONF_ITEMS_MAX; i++)
		len += (size_t)snprintf(
		    text + len, sizeof(text) - len, "[imap a%d]\n", i);
	assert_int_equal(trial_load(&t, text, NULL, NULL, &e), 0);
	assert_int_equal(t.imap.count, CONF_ITEMS_MAX);
	conf_clear(&trial_table, &t);
	(void)snprintf(text + len, sizeof(text) - len, "[imap more]\n");
	assert_int_equal(trial_load(&t, text, NULL, NULL, &e), -1);
	assert_error("one section too many", &e,
	    "FILE:65: more than 64 sections [imap NAME]");
	conf_clear(&trial_table, &t);
}

static void
secret_path(char path[128], const char *name, const char *text)
{
	(void)snprintf(path, 128, "%s/%s", folder, name);
	write_text(path, text);
}

static void
test_secrets(void **state)
{
	char key[128], password[128], other[128], text[512];
	char by_environment[256];
	char *environment[] = { by_environment, NULL };
	struct err e = { 0 };
	struct account *a;
	struct trial t;

	(void)state;
	secret_path(key, "base.api_key", "from credential\n");
	secret_path(password, "imap.a.password", "pass \r\n");
	secret_path(other, "other", "from file\n");
	(void)snprintf(by_environment, sizeof(by_environment),
	    "DMARC_INTAKE_BASE_API_KEY_FILE=%s", other);

	/* a credential serves where nothing else is said */
	assert_int_equal(
	    trial_load(&t, "[imap a]\n[imap b]\n", NULL, folder, &e), 0);
	assert_string_equal(t.api_key, "from credential");
	a = t.imap.item[0];
	assert_string_equal(a->password, "pass ");
	a = t.imap.item[1];
	assert_null(a->password);
	conf_clear(&trial_table, &t);

	(void)snprintf(text, sizeof(text),
	    "[base]\napi_key = plain\n[imap a]\npassword_file: %s\n", other);
	assert_int_equal(trial_load(&t, text, NULL, folder, &e), 0);
	assert_string_equal(t.api_key, "plain");
	a = t.imap.item[0];
	assert_string_equal(a->password, "from file");
	conf_clear(&trial_table, &t);

	/* the environment wins over both */
	assert_int_equal(trial_load(&t, text, environment, folder, &e), 0);
	assert_string_equal(t.api_key, "from file");
	conf_clear(&trial_table, &t);

	/* two lines are no secret of one line */
	write_text(key, "one\ntwo\n");
	assert_int_equal(trial_load(&t, "", NULL, folder, &e), -1);
	(void)snprintf(
	    text, sizeof(text), "credential: %s: has a control character", key);
	assert_error("two lines", &e, text);
	conf_clear(&trial_table, &t);

	assert_int_equal(unlink(key), 0);
	assert_int_equal(unlink(password), 0);
	assert_int_equal(unlink(other), 0);
}

static void
test_secret_sizes(void **state)
{
	char long_text[CONF_VALUE_MAX + 2], path[128];
	struct err e = { 0 };
	struct trial t;

	(void)state;
	memset(long_text, 'x', sizeof(long_text));
	long_text[CONF_VALUE_MAX] = '\0';
	secret_path(path, "base.api_key", long_text);
	assert_int_equal(trial_load(&t, "", NULL, folder, &e), 0);
	assert_int_equal(strlen(t.api_key), CONF_VALUE_MAX);
	conf_clear(&trial_table, &t);
	long_text[CONF_VALUE_MAX] = 'x';
	long_text[CONF_VALUE_MAX + 1] = '\0';
	write_text(path, long_text);
	assert_int_equal(trial_load(&t, "", NULL, folder, &e), -1);
	assert_non_null(strstr(e.text, "longer than 4000 bytes"));
	conf_clear(&trial_table, &t);
	assert_int_equal(unlink(path), 0);
}

static void
test_secrets_are_not_printed(void **state)
{
	char *text = NULL;
	struct err e = { 0 };
	struct trial t;
	size_t len = 0;
	FILE *f;

	(void)state;
	assert_int_equal(trial_load(&t,
			     "[base]\napi_key = hush\n[imap a]\n"
			     "password = hush\n[imap b]\n",
			     NULL, NULL, &e),
	    0);
	f = open_memstream(&text, &len);
	conf_write(&trial_table, &t, f);
	assert_int_equal(fclose(f), 0);
	assert_string_equal(text,
	    "[base]\nstate = /state\napi_key = ***\n\n"
	    "[imap a]\nhost = localhost\npassword = ***\nport = 993\n"
	    "spool = /state/imap\n\n"
	    "[imap b]\nhost = localhost\nport = 993\nspool = /state/imap\n\n");
	free(text);
	conf_clear(&trial_table, &t);
}

static void
test_keep_named(void **state)
{
	struct trial now, next;
	struct err e = { 0 };
	struct buf kept;
	struct account *a;

	(void)state;
	buf_init(&kept, 4096);
	assert_int_equal(
	    trial_load(
		&now, "[imap a]\nport=1\n[imap b]\nport=2\n", NULL, NULL, &e),
	    0);
	assert_int_equal(
	    trial_load(&next, "[imap c]\nport=3\n[imap b]\nport=4\nhost=h\n",
		NULL, NULL, &e),
	    0);
	conf_keep(&trial_table, &next, &now, &kept);
	assert_string_equal(kept.data, "imap b.port");
	a = next.imap.item[0];
	assert_int_equal(a->port, 3);
	a = next.imap.item[1];
	assert_int_equal(a->port, 2);
	assert_string_equal(a->host, "h");
	buf_clear(&kept);
	conf_clear(&trial_table, &now);
	conf_clear(&trial_table, &next);
}

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	(void)snprintf(file, sizeof(file), "%s/test.conf", folder);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	(void)unlink(file);
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_bad_variables),
		cmocka_unit_test(test_doubled_variable),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_shipped_file),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_quotes),
		cmocka_unit_test(test_sinks),
		cmocka_unit_test(test_environment_wins),
		cmocka_unit_test(test_line_limits),
		cmocka_unit_test(test_file_limits),
		cmocka_unit_test(test_missing_file),
		cmocka_unit_test(test_print_and_load),
		cmocka_unit_test(test_print_keys),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_holders),
		cmocka_unit_test(test_named_sections),
		cmocka_unit_test(test_bad_trials),
		cmocka_unit_test(test_many_sections),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_secret_sizes),
		cmocka_unit_test(test_secrets_are_not_printed),
		cmocka_unit_test(test_keep_named),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
