/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_import.c - parsedmarc's configuration as ours: the dialect, each key,
 * and that our own parser takes what comes out.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/import.h"
#include "common/base/conf_table.h"

#include "unit.h"

#define NEW "skip_saved_by_parsedmarc = yes"
#define IMAP "[imap]\nhost=h\nuser=u\npassword=p\n"
#define ES "[elasticsearch]\nhosts=h:1\n"

/* One file through the whole way. */
struct way {
	char from[64], to[64];
	struct arena *a;
	struct ini ini;
	struct import im;
	char *text, *left; /* what was written */
};

static void
write_text(char name[64], const char *text, size_t len)
{
	FILE *f;

	(void)snprintf(name, 64, "/tmp/test_import.XXXXXX");
	f = fdopen(mkstemp(name), "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static int
way_go(struct way *w, const char *text, struct err *e)
{
	size_t size;
	FILE *out;

	*w = (struct way){ .a = arena_new() };
	write_text(w->from, text, strlen(text));
	if (ini_read(&w->ini, w->from, w->a, e) < 0)
		return -1;
	import_settle(&w->im, &w->ini, w->a);
	out = open_memstream(&w->text, &size);
	import_write(&w->im, "parsedmarc.ini", out);
	assert_int_equal(fclose(out), 0);
	write_text(w->to, w->text, size);
	out = open_memstream(&w->left, &size);
	(void)import_write_left(&w->im, "", out);
	assert_int_equal(fclose(out), 0);
	return 0;
}

static void
way_end(struct way *w)
{
	(void)unlink(w->from);
	if (w->to[0] != '\0')
		(void)unlink(w->to);
	import_clear(&w->im);
	ini_clear(&w->ini);
	arena_free(&w->a);
	free(w->text);
	free(w->left);
}

/* text has that line, as a whole. */
static void
assert_line(const char *text, const char *line)
{
	size_t len = strlen(line);
	const char *p;

	for (p = text; (p = strstr(p, line)) != NULL; p++)
		if ((p == text || p[-1] == '\n') && p[len] == '\n')
			return;
	fail_msg("no line '%s' in:\n%s", line, text);
}

static const struct {
	const char *name, *in, *line; /* "!TEXT": TEXT is in no line */
} values[] = {
	{ "equal sign", ES "user=a", "user = a" },
	{ "colon", ES "user : a", "user = a" },
	{ "the first of both", ES "user=a:b=c", "user = a:b=c" },
	{ "key in capitals", ES "USER=A", "user = A" },
	{ "percent is itself", ES "password=%(user)s%%",
	    "password = %(user)s%%" },
	{ "no comment behind a value", ES "user=a # b ; c",
	    "user = a # b ; c" },
	{ "comments", "# a\n; b\n" ES "  # c\nuser=a\n\t; d\n", "user = a" },
	{ "comment inside a value", ES "index_prefix=a\n# b\nuser=c",
	    "index_prefix = a" },
	{ "text behind a header", "[elasticsearch] ; x\nhosts=h:1\nuser=a",
	    "user = a" },
	{ "quotes are kept", ES "password=\"x\"", "password = \"\"x\"\"" },
	{ "one quote is kept", ES "password=\"", "password = \"\"\"" },
	{ "byte order mark", "\xef\xbb\xbf" ES "user=a", "user = a" },
	{ "line ends of Windows", "[elasticsearch]\r\nhosts=h:1\r\nuser=a\r\n",
	    "user = a" },
	{ "lines that go on", "[elasticsearch]\nhosts = a:1,\n\n  b:2",
	    "hosts = https://a:1, https://b:2" },
	{ "DEFAULT", "[DEFAULT]\nuser=a\n" ES, "user = a" },
	{ "DEFAULT gives way", "[DEFAULT]\nuser=a\n" ES "user=b", "user = b" },
	{ "DEFAULT, last", ES "[DEFAULT]\nuser=a\n", "user = a" },

	{ "TLS without a word", ES, "hosts = https://h:1" },
	{ "TLS off", ES "ssl=off", "hosts = http://h:1" },
	{ "a scheme stays", "[elasticsearch]\nssl=0\nhosts=https://h:1, g:2",
	    "hosts = https://h:1, http://g:2" },
	{ "daily by default", ES, "monthly_indexes = no" },
	{ "monthly", ES "monthly_indexes=True", "monthly_indexes = yes" },
	{ "old key for the API", ES "apiKey=a", "api_key = a" },
	{ "new key for the API wins", ES "apiKey=a\napi_key=b", "api_key = b" },
	{ "the old one is named", ES "apiKey=a\napi_key=b",
	    "[elasticsearch] apikey (line 3): is given by another key "
	    "already" },
	{ "a fraction of a second", ES "timeout=2.5", "timeout = 3s" },
	{ "as long as it may be", ES "timeout=59.0", "timeout = 59s" },
	{ "too long a time", ES "timeout=59.1", "!timeout = " },
	{ "no time", ES "timeout=1m", "!timeout = " },
	{ "not a number", ES "timeout=nan", "!timeout = " },
	{ "shards", ES "number_of_shards=3", "number_of_shards = 3" },
	{ "half a shard", ES "number_of_shards=0.5", "!number_of_shards = " },
	{ "what is not saved again", ES, NEW },
	{ "no cluster, no index", "[general]\nsilent=1", "!" NEW },
	{ "our parser would refuse it", ES "index_prefix=Acme",
	    "!index_prefix = " },
	{ "and says why", ES "index_prefix=Acme",
	    "[elasticsearch] index_prefix (line 3): [elasticsearch] "
	    "index_prefix 'Acme' cannot be in the name of an index: lower "
	    "case, no space and none of \\\\ / * ? \\\" < > | , # :" },
	{ "a value of two lines", ES "user=a\n b", "!user = " },
	{ "OpenSearch", "[opensearch]\nhosts=h:1", "hosts = https://h:1" },
	{ "both: the first", ES "[opensearch]\nhosts=g:2\n",
	    "hosts = https://h:1" },
	{ "both: the second is named", ES "[opensearch]\nhosts=g:2\nssl=1",
	    "[opensearch] ssl (line 5): there is [elasticsearch] too, and "
	    "records go to one cluster: run a second instance for this one" },
	{ "AWS, old name",
	    "[opensearch]\nhosts=h:1\naws_region=r\n"
	    "authentication_type=awssigv4",
	    "auth_type = awssigv4" },

	{ "path", ES "cert_path=/a b/c", "cert_path = /a b/c" },
	{ "home", ES "cert_path=~/c", "cert_path = /home/me/c" },
	{ "somebody's home", ES "cert_path=~root/c", "cert_path = /root/c" },
	{ "nobody's home", ES "cert_path=~no.body/c", "!cert_path = " },
	{ "variable", ES "cert_path=$IMPORT_A/c", "cert_path = /v/c" },
	{ "variable in braces", ES "cert_path=/x${IMPORT_A}y",
	    "cert_path = /x/vy" },
	{ "unknown variable", ES "cert_path=/$IMPORT_B/$",
	    "cert_path = /$IMPORT_B/$" },
	{ "open brace", ES "cert_path=/${IMPORT_A", "cert_path = /${IMPORT_A" },
	{ "relative", ES "cert_path=c", "cert_path = /tmp/c" },
	{ "empty path", ES "cert_path=", "!cert_path = " },

	{ "debug", "[general]\nwarnings=1\ndebug=1", "log_level = debug" },
	{ "warnings", "[general]\nwarnings=1\ndebug=0", "log_level = warn" },
	{ "neither yes nor no", "[general]\ndebug=maybe", "!log_level = " },
	{ "failure reports", "[general]\nsave_failure=yes",
	    "failure_sample = full" },
	{ "failure reports, old name", "[general]\nsave_forensic=no",
	    "failure_sample = none" },
	{ "output", "[general]\noutput=/o", "path = /o/dmarc-intake.ndjson" },

	{ "IMAP", IMAP, "[imap reports]" },
	{ "IMAP with TLS", IMAP "ssl=1", "tls = tls" },
	{ "IMAP without", IMAP "ssl=no", "tls = starttls" },
	{ "IMAP, what parsedmarc does without a word", IMAP, "!mark = " },
	{ "IMAP, deleted", IMAP "[mailbox]\ndelete=1", "mark = delete" },
	{ "IMAP, moved", IMAP "[mailbox]\ndelete=0", "mark = move" },
	{ "IMAP, test first", IMAP "[mailbox]\ndelete=1\ntest=1",
	    "mark = none" },
	{ "IMAP, no test", IMAP "[mailbox]\ndelete=1\ntest=0",
	    "mark = delete" },
	{ "IMAP, the old place of a key wins",
	    IMAP "archive_folder=a\n[mailbox]\narchive_folder=b",
	    "archive_folder = a" },
	{ "IMAP, how often", IMAP "[mailbox]\ncheck_timeout=90",
	    "check_timeout = 90s" },
	{ "IMAP, time out of range", IMAP "timeout=601", "!timeout = " },
	{ "Maildir", "[maildir]\nmaildir_path=/m", "path = /m" },
	{ "Maildir, old name", "[maildir]\npath=/m", "path = /m" },
	{ "Maildir, what parsedmarc does without a word", "[maildir]\npath=/m",
	    "mark = move" },
	{ "Maildir, deleted", "[mailbox]\ndelete=1\n[maildir]\npath=/m",
	    "mark = delete" },
	{ "no mailbox at all", "[mailbox]\ndelete=1",
	    "[mailbox] delete (line 2): is about mails, and there is neither "
	    "[imap] nor [maildir]" },

	{ "unknown key", "[general]\nn=1",
	    "[general] n (line 2): is unknown to parsedmarc, which passes "
	    "over it" },
	{ "unknown section", "[General]\nsilent=1",
	    "[General] silent (line 2): is unknown to parsedmarc, which "
	    "passes over it" },
	{ "strange bytes", "[x\x1b]\ny\x07=1",
	    "[x\\x1b] y\\x07 (line 2): is unknown to parsedmarc, which passes "
	    "over it" },
};

static void
test_value(void **state)
{
	const char *const *row = *state; /* name, in, line */
	struct err e = { 0 };
	struct way w;
	char *all;

	assert_int_equal(chdir("/tmp"), 0);
	if (way_go(&w, row[1], &e) < 0)
		fail_msg("%s", e.text);
	all = xasprintf("%s%s", w.text, w.left);
	if (row[2][0] != '!')
		assert_line(all, row[2]);
	else if (strstr(w.text, row[2] + 1) != NULL)
		fail_msg("'%s' in:\n%s", row[2] + 1, w.text);
	free(all);
	way_end(&w);
}

static const struct {
	const char *name, *in, *error;
} refused[] = {
	{ "no section", "a=1", ":1: stands before the first [section]" },
	{ "no delimiter", "[a]\nb", ":2: expected 'key = value'" },
	{ "no key", "[a]\n=b", ":2: expected 'key = value'" },
	{ "no name", "[]\n", ":1: stands before the first [section]" },
	{ "section twice", "[a]\n[b]\n[a]",
	    ":3: this section was there already" },
	{ "key twice", "[a]\nb=1\nB=2", ":3: this key was there already" },
	{ "indented behind a header", "[a]\n  b",
	    ":2: expected 'key = value'" },
};

static void
test_refused(void **state)
{
	const char *const *row = *state;
	struct err e = { 0 };
	struct way w;

	assert_int_equal(way_go(&w, row[1], &e), -1);
	assert_int_equal(e.kind, ERR_CONF);
	if (strstr(e.text, row[2]) == NULL)
		fail_msg("'%s' has no '%s'", e.text, row[2]);
	way_end(&w);
}

/* parsedmarc 11.1.0's keys, apart from the table that is tested. */
static const struct {
	const char *name, *keys; /* of the section, separated by spaces */
} known[] = {
	{ "general",
	    "save_aggregate save_failure save_forensic save_smtp_tls silent "
	    "warnings verbose debug log_file output archive_directory "
	    "aggregate_json_filename failure_json_filename "
	    "forensic_json_filename smtp_tls_json_filename "
	    "aggregate_csv_filename failure_csv_filename "
	    "forensic_csv_filename smtp_tls_csv_filename prettify_json "
	    "offline always_use_local_files ip_db_path ipinfo_url ip_db_url "
	    "ipinfo_api_token local_reverse_dns_map_path "
	    "reverse_dns_map_url local_psl_overrides_path psl_overrides_url "
	    "nameservers dns_test_address dns_timeout dns_retries "
	    "strip_attachment_payloads normalize_timespan_threshold_hours "
	    "n_procs fail_on_output_error index_prefix_domain_map" },
	{ "mailbox",
	    "reports_folder archive_folder watch delete test "
	    "delete_aggregate delete_failure delete_smtp_tls delete_invalid "
	    "batch_size check_timeout max_unsaved_retries since" },
	{ "imap", "host user password port ssl skip_certificate_verification "
		  "timeout max_retries watch delete test reports_folder "
		  "archive_folder batch_size" },
	{ "msgraph", "auth_method client_id tenant_id mailbox user password "
		     "client_secret certificate_path certificate_password "
		     "client_assertion graph_url url token_file "
		     "allow_unencrypted_storage" },
	{ "gmail_api",
	    "credentials_file token_file scopes include_spam_trash "
	    "paginate_messages oauth2_port auth_mode service_account_user "
	    "delegated_user" },
	{ "maildir", "maildir_path path maildir_create create" },
	{ "elasticsearch",
	    "hosts ssl cert_path skip_certificate_verification user password "
	    "api_key apikey timeout index_suffix index_prefix "
	    "monthly_indexes number_of_shards number_of_replicas serverless" },
	{ "opensearch",
	    "hosts ssl cert_path skip_certificate_verification user password "
	    "api_key apikey timeout index_suffix index_prefix "
	    "monthly_indexes number_of_shards number_of_replicas auth_type "
	    "authentication_type aws_region aws_service" },
	{ "splunk_hec", "url token index skip_certificate_verification" },
	{ "kafka", "hosts aggregate_topic failure_topic forensic_topic "
		   "smtp_tls_topic user password ssl "
		   "skip_certificate_verification" },
	{ "smtp", "host user password from to port ssl "
		  "skip_certificate_verification subject attachment message" },
	{ "s3", "bucket path region_name endpoint_url access_key_id "
		"secret_access_key" },
	{ "postgresql", "connection_string host port user password database" },
	{ "syslog",
	    "server port protocol cafile_path certfile_path keyfile_path "
	    "timeout retry_attempts retry_delay" },
	{ "gelf", "host port mode" },
	{ "webhook",
	    "aggregate_url failure_url forensic_url smtp_tls_url timeout" },
	{ "log_analytics",
	    "client_id client_secret tenant_id dce dcr_immutable_id "
	    "dcr_aggregate_stream dcr_failure_stream dcr_forensic_stream "
	    "dcr_smtp_tls_stream" },
};

static void
check_row(const char *section, const char *key)
{
	const struct import_row *row = import_row_find(section, key);
	const struct conf_section *s;
	bool is_file;

	if (row == NULL)
		fail_msg(
		    "[%s] %s is neither mapped nor reasoned", section, key);
	if (row->to_key == NULL) {
		assert_non_null(row->text);
		return;
	}
	s = conf_section_find(
	    &conf_table, row->to_section, strlen(row->to_section));
	if (s == NULL || conf_key_find(&conf_table, s, row->to_key,
			     strlen(row->to_key), &is_file) == NULL)
		fail_msg("[%s] %s becomes [%s] %s, which is not there", section,
		    key, row->to_section, row->to_key);
}

static void
test_known(void **state)
{
	const char *const *row = *state; /* section, keys */
	const char *p = row[1];
	char key[64];
	size_t len;

	while (*p != '\0') {
		len = strcspn(p, " ");
		(void)snprintf(key, sizeof(key), "%.*s", (int)len, p);
		check_row(row[0], key);
		p += len + strspn(p + len, " ");
	}
}

/* And no row is about something that parsedmarc does not have. */
static void
test_nothing_else(void **state)
{
	const struct import_row *row;
	char key[80], keys[1200];
	size_t i;

	(void)state;
	for (row = import_table; row->section != NULL; row++) {
		for (i = 0; i < sizeof(known) / sizeof(*known); i++)
			if (strcmp(known[i].name, row->section) == 0)
				break;
		assert_true(i < sizeof(known) / sizeof(*known));
		if (row->key == NULL)
			continue;
		(void)snprintf(keys, sizeof(keys), " %s ", known[i].keys);
		(void)snprintf(key, sizeof(key), " %s ", row->key);
		if (strstr(keys, key) == NULL)
			fail_msg("[%s] %s", row->section, row->key);
	}
}

static const struct {
	const char *name, *line;
} samples[] = {
	{ "small.ini", "password = s3cret%word" },
	{ "cloud.ini", "index_suffix = prod" },
	{ "old.ini", "path = /home/me/dmarc/dmarc-intake.ndjson" },
	{ "maildir.ini", "archive_folder = DMARC" },
};

/* Our own parser takes it, and each key of the sample has left a trace. */
static void
test_sample(void **state)
{
	const char *const *row = *state, *dir = getenv("srcdir");
	struct conf_sources made = { 0 };
	struct err e = { 0 };
	struct conf *conf = xcalloc(1, sizeof(*conf));
	char *path, text[16384];
	size_t len, i;
	struct way w;
	FILE *f;

	path = xasprintf(
	    "%s/tests/fixtures/parsedmarc/%s", dir != NULL ? dir : ".", row[0]);
	f = fopen(path, "r");
	assert_non_null(f);
	len = fread(text, 1, sizeof(text) - 1, f);
	text[len] = '\0';
	(void)fclose(f);
	free(path);
	if (way_go(&w, text, &e) < 0)
		fail_msg("%s", e.text);
	assert_line(w.text, row[1]);
	for (i = 0; i < w.ini.count; i++) {
		bool is_there = false;

		for (size_t k = 0; k < w.im.count; k++)
			is_there =
			    is_there || w.im.result[k].pair == &w.ini.pair[i];
		assert_true(is_there);
	}
	made.path = w.to;
	if (conf_fill(&conf_table, conf, &made, &e) < 0)
		fail_msg("%s\n%s", e.text, w.text);
	conf_clear(&conf_table, conf);
	free(conf);
	way_end(&w);
}

int
main(void)
{
	static struct unit u;

	(void)setenv("HOME", "/home/me", 1);
	(void)setenv("IMPORT_A", "/v", 1);
	(void)unsetenv("IMPORT_B");
	UNIT_ROWS(&u, samples, test_sample); /* srcdir may be relative */
	UNIT_ROWS(&u, values, test_value);
	UNIT_ROWS(&u, refused, test_refused);
	UNIT_ROWS(&u, known, test_known);
	UNIT_ONE(&u, test_nothing_else);
	return unit_run("import", &u);
}
