/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_table.c - every section and key. A new key is a row here, a member of
 * struct conf, and its text in conf/dmarc-intake.conf and the manual page;
 * tests/lint/conf_keys.sh compares the three.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "common/base/conf_table.h"
#include "common/base/text.h"

#define DAY_S ((uint64_t)86400)
#define GIB ((uint64_t)1 << 30)
#define MANY 1000000000 /* a count past this is a slip of the finger */

_Static_assert(sizeof(enum log_target) == sizeof(int) &&
		   sizeof(enum log_level) == sizeof(int) &&
		   sizeof(enum conf_auth) == sizeof(int) &&
		   sizeof(enum conf_sample) == sizeof(int) &&
		   sizeof(enum conf_other) == sizeof(int) &&
		   sizeof(enum conf_smtp_tls) == sizeof(int) &&
		   sizeof(enum conf_reporter_auth) == sizeof(int) &&
		   sizeof(enum conf_match) == sizeof(int) &&
		   sizeof(enum conf_action) == sizeof(int) &&
		   sizeof(enum conf_on_error) == sizeof(int) &&
		   sizeof(enum conf_imap_tls) == sizeof(int) &&
		   sizeof(enum conf_imap_auth) == sizeof(int) &&
		   sizeof(enum conf_mark) == sizeof(int),
    "a choice is written as int");

static const struct conf_choice log_targets[] = {
	{ "auto", LOG_TARGET_AUTO },
	{ "stderr", LOG_TARGET_STDERR },
	{ "syslog", LOG_TARGET_SYSLOG },
	{ "journal", LOG_TARGET_JOURNAL },
	{ NULL, 0 },
};

static const struct conf_choice log_levels[] = {
	{ "err", LOG_LEVEL_ERR },
	{ "warn", LOG_LEVEL_WARN },
	{ "info", LOG_LEVEL_INFO },
	{ "debug", LOG_LEVEL_DEBUG },
	{ NULL, 0 },
};

static const struct conf_choice samples[] = {
	{ "none", CONF_SAMPLE_NONE },
	{ "headers", CONF_SAMPLE_HEADERS },
	{ "full", CONF_SAMPLE_FULL },
	{ NULL, 0 },
};

static const struct conf_choice reporter_auths[] = {
	{ "no", CONF_REPORTER_AUTH_NO },
	{ "aggregate", CONF_REPORTER_AUTH_AGGREGATE },
	{ "tls", CONF_REPORTER_AUTH_TLS },
	{ "all", CONF_REPORTER_AUTH_ALL },
	{ NULL, 0 },
};

static const struct conf_choice auth_types[] = {
	{ "basic", CONF_AUTH_BASIC },
	{ "awssigv4", CONF_AUTH_AWSSIGV4 },
	{ NULL, 0 },
};

static const struct conf_choice others[] = {
	{ "keep", CONF_OTHER_KEEP },
	{ "forward", CONF_OTHER_FORWARD },
	{ NULL, 0 },
};

static const struct conf_choice smtp_tls[] = {
	{ "no", CONF_SMTP_TLS_NO },
	{ "may", CONF_SMTP_TLS_MAY },
	{ "starttls", CONF_SMTP_TLS_STARTTLS },
	{ "tls", CONF_SMTP_TLS_TLS },
	{ NULL, 0 },
};

static const struct conf_choice matches[] = {
	{ "recipient", CONF_MATCH_RECIPIENT },
	{ "content", CONF_MATCH_CONTENT },
	{ "both", CONF_MATCH_BOTH },
	{ NULL, 0 },
};

static const struct conf_choice actions[] = {
	{ "discard", CONF_ACTION_DISCARD },
	{ "accept", CONF_ACTION_ACCEPT },
	{ "quarantine", CONF_ACTION_QUARANTINE },
	{ NULL, 0 },
};

static const struct conf_choice on_errors[] = {
	{ "tempfail", CONF_ON_ERROR_TEMPFAIL },
	{ "accept", CONF_ON_ERROR_ACCEPT },
	{ NULL, 0 },
};

static const struct conf_choice imap_tls[] = {
	{ "tls", CONF_IMAP_TLS_TLS },
	{ "starttls", CONF_IMAP_TLS_STARTTLS },
	{ "no", CONF_IMAP_TLS_NO },
	{ NULL, 0 },
};

static const struct conf_choice imap_auths[] = {
	{ "auto", CONF_IMAP_AUTH_AUTO },
	{ "plain", CONF_IMAP_AUTH_PLAIN },
	{ "login", CONF_IMAP_AUTH_LOGIN },
	{ "xoauth2", CONF_IMAP_AUTH_XOAUTH2 },
	{ "oauthbearer", CONF_IMAP_AUTH_OAUTHBEARER },
	{ NULL, 0 },
};

static const struct conf_choice marks[] = {
	{ "none", CONF_MARK_NONE },
	{ "seen", CONF_MARK_SEEN },
	{ "move", CONF_MARK_MOVE },
	{ "delete", CONF_MARK_DELETE },
	{ NULL, 0 },
};

/* "user@domain", "*@domain", "user@*" */
static int
check_recipient(const char *text, struct err *e)
{
	const char *at = strrchr(text, '@');

	if (at == NULL || at == text || at[1] == '\0')
		return err_set(e, ERR_CONF,
		    "'%.80s' is no address (as rua@example.org, "
		    "*@example.org, rua@*)",
		    text);
	return 0;
}

/* The name of a folder, with "/" or "." between its parts. */
static int
check_folder(const char *text, struct err *e)
{
	size_t len = strlen(text);
	const char *p;

	for (p = text; *p != '\0'; p++)
		if (strchr("/.", *p) != NULL &&
		    (p == text || p + 1 == text + len ||
			strchr("/.", p[1]) != NULL))
			return err_set(e, ERR_CONF,
			    "'%.80s' is no folder (as Archive, DMARC/Done)",
			    text);
	return 0;
}

/* One that can stand in a command of SMTP. */
static int
check_address(const char *text, struct err *e)
{
	const char *at = strrchr(text, '@'), *p;

	for (p = text; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '<' ||
		    *p == '>')
			break;
	if (*p != '\0' || at == NULL || at == text || at[1] == '\0')
		return err_set(e, ERR_CONF,
		    "'%.80s' is no address (as postmaster@example.org)", text);
	return 0;
}

/* "example.org", "*.example.org" */
static int
check_domain(const char *text, struct err *e)
{
	const char *name = strncmp(text, "*.", 2) == 0 ? text + 2 : text;

	if (*name == '\0' || *name == '.' || name[strlen(name) - 1] == '.' ||
	    strpbrk(name, "*@/: \t") != NULL)
		return err_set(e, ERR_CONF,
		    "'%.80s' is no domain (as example.org, *.example.org)",
		    text);
	return 0;
}

/* A name or an address, nothing that would change the rest of a URL. */
static int
check_smtp_host(const char *text, struct err *e)
{
	if (*text == '\0' || strpbrk(text, "/?#@[] \t\\%") != NULL)
		return err_set(e, ERR_CONF,
		    "'%.80s' is no host (as mail.example.org, 192.0.2.1, "
		    "2001:db8::1)",
		    text);
	return 0;
}

/* A mailbox, in UTF-8; its levels are told apart by "/". */
static int
check_mailbox(const char *text, struct err *e)
{
	size_t len = strlen(text);
	const char *p;

	for (p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			break;
	if (*p == '\0' && len > 0 && *text != '/' && text[len - 1] != '/' &&
	    strstr(text, "//") == NULL && text_utf8_valid(text, len) == len)
		return 0;
	return err_set(e, ERR_CONF,
	    "'%.80s' is no folder (as INBOX, Reports/DMARC)", text);
}

static int
check_port(const char *text, size_t len, struct err *e)
{
	int64_t port;

	if (len == 0 || *text == '+' || text_to_int64(text, len, &port) < 0 ||
	    port < 1 || port > 65535)
		return err_set(
		    e, ERR_CONF, "'%.80s' is no port (1 to 65535)", text);
	return 0;
}

static int
check_inet(const char *text, struct err *e)
{
	const char *port = strrchr(text, ':');
	size_t host_len = port != NULL ? (size_t)(port - text) : 0;

	if (host_len == 0)
		return err_set(e, ERR_CONF, "must be inet:HOST:PORT");
	if (*text != '[' && memchr(text, ':', host_len) != NULL)
		return err_set(e, ERR_CONF,
		    "an IPv6 address stands in brackets: inet:[ADDRESS]:PORT");
	if (*text == '[' && (host_len < 3 || text[host_len - 1] != ']'))
		return err_set(e, ERR_CONF, "a bracket is not closed");
	return check_port(port + 1, strlen(port + 1), e);
}

static int
check_listen(const char *text, struct err *e)
{
	struct sockaddr_un address;

	if (strncmp(text, "inet:", 5) == 0)
		return check_inet(text + 5, e);
	if (strncmp(text, "unix:", 5) != 0)
		return err_set(
		    e, ERR_CONF, "must be unix:/PATH or inet:HOST:PORT");
	text += 5;
	if (*text != '/')
		return err_set(
		    e, ERR_CONF, "the path of the socket is not absolute");
	if (strlen(text) >= sizeof(address.sun_path))
		return err_set(e, ERR_CONF,
		    "the path of the socket is longer than %zu bytes",
		    sizeof(address.sun_path) - 1);
	return 0;
}

/* As every milter writes it: the port first. */
static int
check_milter_listen(const char *text, struct err *e)
{
	const char *at = strchr(text, '@');
	size_t skip = strncmp(text, "inet6:", 6) == 0 ? 6 : 5;

	if (strncmp(text, "unix:", 5) == 0)
		return check_listen(text, e);
	if (strncmp(text, "inet:", 5) != 0 && skip == 5)
		return err_set(
		    e, ERR_CONF, "must be unix:/PATH or inet:PORT@HOST");
	if (at == NULL || at[1] == '\0')
		return err_set(e, ERR_CONF, "must be inet:PORT@HOST");
	return check_port(text + skip, (size_t)(at - text) - skip, e);
}

/* An address, or a network in CIDR notation. */
static int
check_network(const char *text, struct err *e)
{
	size_t len = strcspn(text, "/");
	char address[INET6_ADDRSTRLEN];
	unsigned char bytes[16];
	int64_t bits = 0, most;

	if (len >= sizeof(address))
		goto bad;
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(AF_INET, address, bytes) == 1)
		most = 32;
	else if (inet_pton(AF_INET6, address, bytes) == 1)
		most = 128;
	else
		goto bad;
	if (text[len] == '/' && (text[len + 1] == '+' ||
				    text_to_int64(text + len + 1,
					strlen(text + len + 1), &bits) < 0 ||
				    bits < 0 || bits > most))
		goto bad;
	return 0;
bad:
	return err_set(e, ERR_CONF,
	    "'%.80s' is no network (as 192.0.2.0/24, ::1/128)", text);
}

/* An address, with a port or without. */
static int
check_nameserver(const char *text, struct err *e)
{
	const bool is_bracketed = *text == '[';
	const char *colon = strchr(text, ':'), *end = text + strlen(text);
	char address[INET6_ADDRSTRLEN];
	unsigned char bytes[16];

	if (is_bracketed)
		end = strchr(++text, ']');
	else if (colon != NULL && strchr(colon + 1, ':') == NULL)
		end = colon;
	if (end == NULL || (size_t)(end - text) >= sizeof(address))
		goto bad;
	memcpy(address, text, (size_t)(end - text));
	address[end - text] = '\0';
	if ((is_bracketed || inet_pton(AF_INET, address, bytes) != 1) &&
	    inet_pton(AF_INET6, address, bytes) != 1)
		goto bad;
	end += is_bracketed;
	if (*end == '\0')
		return 0;
	if (*end == ':')
		return check_port(end + 1, strlen(end + 1), e);
bad:
	return err_set(e, ERR_CONF,
	    "'%.80s' is no name server (as 192.0.2.53, 127.0.0.1:5353, "
	    "[2001:db8::53]:53)",
	    text);
}

static int
check_path(const char *text, struct err *e)
{
	return *text == '/'
		   ? 0
		   : err_set(e, ERR_CONF, "'%.80s' is no absolute path", text);
}

/* What Elasticsearch allows inside the name of an index. */
static int
check_index(const char *text, struct err *e)
{
	const char *p;

	for (p = text; *p != '\0'; p++)
		if (text_lower_char(*p) != *p || text_is_space(*p) ||
		    strchr("\\/*?\"<>|,#:", *p) != NULL)
			return err_set(e, ERR_CONF,
			    "'%.80s' cannot be in the name of an index: "
			    "lower case, no space and none of "
			    "\\ / * ? \" < > | , # :",
			    text);
	return 0;
}

static int
check_prefix(const char *text, struct err *e)
{
	if (strchr("-_+.", *text) != NULL)
		return err_set(e, ERR_CONF,
		    "the name of an index cannot start with '%c'", *text);
	return check_index(text, e);
}

/* "https://user:password@host:9200/path", "host:9200", "host" */
static int
check_host(const char *text, struct err *e)
{
	const char *at = strstr(text, "://"), *host;

	if (at != NULL && (size_t)(at - text) != strlen("http") &&
	    strncmp(text, "https://", 8) != 0)
		goto bad;
	if (at != NULL && strncmp(text, "http", 4) != 0)
		goto bad;
	host = at != NULL ? at + 3 : text;
	if (strrchr(host, '@') != NULL)
		host = strrchr(host, '@') + 1;
	if (*host == '\0' || *host == '/' || *host == ':' ||
	    strpbrk(host, "?#") != NULL)
		goto bad;
	return 0;
bad:
	/* the text may hold a password */
	return err_set(e, ERR_CONF,
	    "is no host (as https://search.example.org:9200, "
	    "search.example.org:9200)");
}

static const struct conf_section sections[] = {
	{ .name = "intake" },
	{ .name = "lmtp" },
	{ .name = "milter" },
	{ .name = "maildir" },
	{ .name = "imap",
	    .many = offsetof(struct conf, imap),
	    .item_size = sizeof(struct conf_imap) },
	{ .name = "sqlite",
	    .on = offsetof(struct conf, sqlite.on),
	    .flags = CONF_RESTART },
	{ .name = "ndjson",
	    .on = offsetof(struct conf, ndjson.on),
	    .flags = CONF_RESTART },
	{ .name = "elasticsearch",
	    .on = offsetof(struct conf, elasticsearch.is_there),
	    .flags = CONF_RESTART },
	{ .name = "smtp" },
	{ .name = "enrich" },
	{ .name = "quarantine" },
	{ .name = "limits" },
	{ .name = NULL },
};

/* clang-format off */
#define KEY(sec, key, kind, flag, member, text, ...) \
	{ .section = sec, .name = key, .type = kind, .flags = flag, \
	  .offset = offsetof(struct conf, member), .preset = text, __VA_ARGS__ }
#define RANGE(from, to) .least = from, .most = to
#define ELASTIC(key, kind, flag, member, text, ...) \
	KEY("elasticsearch", key, kind, CONF_RESTART | flag, \
	    elasticsearch.member, text, __VA_ARGS__)
#define IMAP(key, kind, flag, member, text, ...) \
	{ .section = "imap", .name = key, .type = kind, .flags = flag, \
	  .offset = offsetof(struct conf_imap, member), .preset = text, \
	  __VA_ARGS__ }
#define SIZE(sec, member, text, from, to) \
	KEY(#sec, #member, CONF_SIZE, 0, sec.member, text, RANGE(from, to))
#define COUNT(sec, member, text, from, to) \
	KEY(#sec, #member, CONF_COUNT, 0, sec.member, text, RANGE(from, to))
#define SECONDS(sec, member, text, from, to) \
	KEY(#sec, #member, CONF_SECONDS, 0, sec.member##_s, text, \
	    RANGE(from, to))

static const struct conf_key keys[] = {
	KEY("intake", "recipients", CONF_LIST, 0, intake.recipients, NULL,
	    .check = check_recipient),
	KEY("intake", "state_path", CONF_PATH, CONF_RESTART,
	    intake.state_path, "/var/lib/dmarc-intake", .check = NULL),
	KEY("intake", "temp_path", CONF_PATH, CONF_RESTART,
	    intake.temp_path, "tmp", .check = NULL),
	SECONDS(intake, hold_limit, "3d", 0, 30 * DAY_S),
	SECONDS(intake, replay_interval, "60s", 1, DAY_S),
	KEY("intake", "failure_sample", CONF_CHOICE, 0, intake.failure_sample,
	    "headers", .choices = samples),
	KEY("intake", "other", CONF_CHOICE, 0, intake.other, "keep",
	    .choices = others),
	KEY("intake", "forward_to", CONF_STRING, 0, intake.forward_to, NULL,
	    .check = check_address),
	KEY("intake", "forward_from", CONF_STRING, 0, intake.forward_from,
	    NULL, .check = check_address),
	KEY("intake", "authserv_id", CONF_LIST, 0, intake.authserv_ids, NULL,
	    .check = NULL),
	COUNT(intake, authserv_hops, "1", 0, 100),
	KEY("intake", "require_reporter_auth", CONF_CHOICE, 0,
	    intake.require_reporter_auth, "no", .choices = reporter_auths),
	KEY("intake", "reports_for", CONF_LIST, 0, intake.reports_for, NULL,
	    .check = check_domain),
	COUNT(intake, sender_rate, "0", 0, MANY),
	COUNT(intake, unproved_rate, "0", 0, MANY),
	KEY("intake", "cage", CONF_BOOL, CONF_RESTART, intake.cage, "yes",
	    .check = NULL),
	KEY("intake", "log", CONF_CHOICE, 0, intake.log, "auto",
	    .choices = log_targets),
	KEY("intake", "log_level", CONF_CHOICE, 0, intake.log_level, "info",
	    .choices = log_levels),

	KEY("lmtp", "listen", CONF_STRING, CONF_RESTART, lmtp.listen,
	    "unix:/var/spool/postfix/dmarc-intake/lmtp.sock",
	    .check = check_listen),
	KEY("lmtp", "socket_owner", CONF_STRING, CONF_RESTART,
	    lmtp.socket_owner, NULL, .check = NULL),
	KEY("lmtp", "socket_group", CONF_STRING, CONF_RESTART,
	    lmtp.socket_group, NULL, .check = NULL),
	KEY("lmtp", "socket_mode", CONF_MODE, CONF_RESTART,
	    lmtp.socket_mode, "0660", .check = NULL),
	KEY("lmtp", "networks", CONF_LIST, 0, lmtp.networks,
	    "127.0.0.0/8, ::1/128", .check = check_network),
	COUNT(lmtp, connections, "100", 1, 65535),
	COUNT(lmtp, recipients, "1000", 1, 1000000),
	/* RFC 5321, 4.5.3.1.4: at least 512 */
	SIZE(lmtp, command_line, "4K", 512, 1 << 20),
	SECONDS(lmtp, idle_timeout, "300s", 1, DAY_S),
	SECONDS(lmtp, command_timeout, "60s", 1, DAY_S),
	SECONDS(lmtp, budget, "540s", 1, DAY_S),
	SECONDS(lmtp, progress_timeout, "60s", 1, DAY_S),

	KEY("milter", "listen", CONF_STRING, CONF_RESTART, milter.listen,
	    "unix:/var/spool/postfix/dmarc-intake/milter.sock",
	    .check = check_milter_listen),
	KEY("milter", "socket_owner", CONF_STRING, CONF_RESTART,
	    milter.socket_owner, NULL, .check = NULL),
	KEY("milter", "socket_group", CONF_STRING, CONF_RESTART,
	    milter.socket_group, NULL, .check = NULL),
	KEY("milter", "socket_mode", CONF_MODE, CONF_RESTART,
	    milter.socket_mode, "0660", .check = NULL),
	KEY("milter", "match", CONF_CHOICE, 0, milter.match, "recipient",
	    .choices = matches),
	KEY("milter", "action", CONF_CHOICE, 0, milter.action, "discard",
	    .choices = actions),
	KEY("milter", "on_error", CONF_CHOICE, 0, milter.on_error, "tempfail",
	    .choices = on_errors),
	KEY("milter", "on_error_mixed", CONF_CHOICE, 0, milter.on_error_mixed,
	    "accept", .choices = on_errors),
	COUNT(milter, mails, "20", 1, 1000),
	SECONDS(milter, budget, "240s", 1, DAY_S),
	SECONDS(milter, progress_timeout, "60s", 1, DAY_S),

	KEY("maildir", "path", CONF_PATH, 0, maildir.path, NULL,
	    .check = NULL),
	KEY("maildir", "mark", CONF_CHOICE, 0, maildir.mark, "none",
	    .choices = marks),
	KEY("maildir", "archive_folder", CONF_STRING, 0,
	    maildir.archive_folder, "Archive", .check = check_folder),

	IMAP("host", CONF_STRING, 0, host, NULL, .check = check_smtp_host),
	IMAP("port", CONF_COUNT, 0, port, "0", RANGE(0, 65535)),
	IMAP("tls", CONF_CHOICE, 0, tls, "tls", .choices = imap_tls),
	IMAP("cert_path", CONF_PATH, 0, cert_path, NULL, .check = NULL),
	IMAP("skip_certificate_verification", CONF_BOOL, 0,
	    skip_certificate_verification, "no", .check = NULL),
	IMAP("user", CONF_STRING, 0, user, NULL, .check = NULL),
	IMAP("password", CONF_STRING, CONF_SECRET, password, NULL,
	    .check = NULL),
	IMAP("auth", CONF_CHOICE, 0, auth, "auto", .choices = imap_auths),
	IMAP("token_path", CONF_PATH, 0, token_path, NULL, .check = NULL),
	IMAP("reports_folder", CONF_LIST, 0, reports_folder, "INBOX",
	    .check = check_mailbox),
	IMAP("archive_folder", CONF_STRING, 0, archive_folder, "Archive",
	    .check = check_mailbox),
	IMAP("mark", CONF_CHOICE, 0, mark, "move", .choices = marks),
	IMAP("check_timeout", CONF_SECONDS, 0, check_timeout_s, "30s",
	    RANGE(1, DAY_S)),
	IMAP("timeout", CONF_SECONDS, 0, timeout_s, "60s", RANGE(1, 600)),
	IMAP("progress_timeout", CONF_SECONDS, 0, progress_timeout_s, "60s",
	    RANGE(1, DAY_S)),
	IMAP("mails", CONF_COUNT, 0, mails, "32", RANGE(1, 64)),

	KEY("sqlite", "path", CONF_PATH, CONF_RESTART, sqlite.path,
	    "dmarc-intake.db", .check = NULL),

	KEY("ndjson", "path", CONF_PATH, CONF_RESTART | CONF_DASH,
	    ndjson.path, "dmarc-intake.ndjson", .check = NULL),

	ELASTIC("hosts", CONF_LIST, CONF_URL, hosts, NULL, .check = check_host),
	ELASTIC("user", CONF_STRING, 0, user, NULL, .check = NULL),
	ELASTIC("password", CONF_STRING, CONF_SECRET, password, NULL,
	    .check = NULL),
	ELASTIC("api_key", CONF_STRING, CONF_SECRET, api_key, NULL,
	    .check = NULL),
	ELASTIC("bearer_token", CONF_STRING, CONF_SECRET, bearer_token, NULL,
	    .check = NULL),
	ELASTIC("cert_path", CONF_PATH, 0, cert_path, NULL, .check = NULL),
	ELASTIC("client_cert_path", CONF_PATH, 0, client_cert_path, NULL,
	    .check = NULL),
	ELASTIC("client_key_path", CONF_PATH, 0, client_key_path, NULL,
	    .check = NULL),
	ELASTIC("skip_certificate_verification", CONF_BOOL, 0,
	    skip_certificate_verification, "no", .check = NULL),
	ELASTIC("auth_type", CONF_CHOICE, 0, auth_type, "basic",
	    .choices = auth_types),
	ELASTIC("aws_region", CONF_STRING, 0, aws_region, NULL, .check = NULL),
	ELASTIC("aws_service", CONF_STRING, 0, aws_service, "es",
	    .check = NULL),
	ELASTIC("serverless", CONF_BOOL, 0, serverless, "no", .check = NULL),
	ELASTIC("connections", CONF_COUNT, 0, connections, "4", RANGE(1, 64)),
	ELASTIC("bulk_size", CONF_SIZE, 0, bulk_size, "5M",
	    RANGE(64 << 10, 64 << 20)),
	ELASTIC("timeout", CONF_SECONDS, 0, timeout_s, "30s", RANGE(1, 600)),
	ELASTIC("number_of_shards", CONF_COUNT, 0, shards, "1",
	    RANGE(1, 1024)),
	ELASTIC("number_of_replicas", CONF_COUNT, 0, replicas, "0",
	    RANGE(0, 1024)),
	ELASTIC("skip_saved_by_parsedmarc", CONF_BOOL, 0,
	    skip_saved_by_parsedmarc, "no", .check = NULL),
	KEY("elasticsearch", "index_prefix", CONF_STRING, CONF_RESTART,
	    index.prefix, NULL, .check = check_prefix),
	KEY("elasticsearch", "index_suffix", CONF_STRING, CONF_RESTART,
	    index.suffix, NULL, .check = check_index),
	KEY("elasticsearch", "monthly_indexes", CONF_BOOL, CONF_RESTART,
	    index.monthly, "yes", .check = NULL),

	KEY("smtp", "host", CONF_STRING, 0, smtp.host, "127.0.0.1",
	    .check = check_smtp_host),
	COUNT(smtp, port, "25", 1, 65535),
	KEY("smtp", "tls", CONF_CHOICE, 0, smtp.tls, "may",
	    .choices = smtp_tls),
	KEY("smtp", "cert_path", CONF_PATH, 0, smtp.cert_path, NULL,
	    .check = NULL),
	KEY("smtp", "user", CONF_STRING, 0, smtp.user, NULL, .check = NULL),
	KEY("smtp", "password", CONF_STRING, CONF_SECRET, smtp.password, NULL,
	    .check = NULL),
	SECONDS(smtp, timeout, "60s", 1, 600),

	KEY("enrich", "offline", CONF_BOOL, 0, enrich.offline, "no",
	    .check = NULL),
	KEY("enrich", "nameservers", CONF_LIST, CONF_RESTART,
	    enrich.nameservers, NULL, .check = check_nameserver),
	KEY("enrich", "dns_timeout", CONF_SECONDS, CONF_RESTART,
	    enrich.dns_timeout_s, "2s", RANGE(1, 60)),
	SECONDS(enrich, budget, "5s", 0, 60),
	KEY("enrich", "queries", CONF_COUNT, CONF_RESTART, enrich.queries,
	    "256", RANGE(1, 10000)),
	KEY("enrich", "forward_confirm", CONF_BOOL, CONF_RESTART,
	    enrich.forward_confirm, "yes", .check = NULL),
	KEY("enrich", "cache_size", CONF_COUNT, CONF_RESTART,
	    enrich.cache_size, "100000", RANGE(1, 10000000)),
	KEY("enrich", "cache_time", CONF_SECONDS, CONF_RESTART,
	    enrich.cache_time_s, "4h", RANGE(1, 30 * DAY_S)),
	KEY("enrich", "ip_db_path", CONF_LIST, CONF_RESTART,
	    enrich.ip_db_path, NULL, .check = check_path),
	KEY("enrich", "source_map_path", CONF_LIST, CONF_RESTART,
	    enrich.source_map_path, NULL, .check = check_path),
	KEY("enrich", "psl_path", CONF_PATH, CONF_RESTART, enrich.psl_path,
	    NULL, .check = NULL),
	KEY("enrich", "psl_overrides_path", CONF_PATH, CONF_RESTART,
	    enrich.psl_overrides_path, NULL, .check = NULL),

	KEY("quarantine", "path", CONF_PATH, CONF_RESTART, quarantine.path,
	    "quarantine", .check = NULL),
	KEY("quarantine", "max_bytes", CONF_SIZE, CONF_RESTART,
	    quarantine.max_bytes, "1G", RANGE(1, 1024 * 1024 * GIB)),
	KEY("quarantine", "max_mails", CONF_COUNT, CONF_RESTART,
	    quarantine.max_mails, "10000", RANGE(1, MANY)),
	KEY("quarantine", "max_age", CONF_SECONDS, CONF_RESTART,
	    quarantine.max_age_s, "180d", RANGE(60, 36500 * DAY_S)),

	SIZE(limits, message, "128M", 1, 1024 * GIB),
	SIZE(limits, message_hard, "1G", 1, 1024 * GIB),
	SIZE(limits, message_memory, "1M", 0, GIB),
	SIZE(limits, header, "1M", 1, GIB),
	SIZE(limits, decompressed, "2G", 1, 1024 * GIB),
	COUNT(limits, ratio, "200", 1, MANY),
	COUNT(limits, members, "100", 1, MANY),
	COUNT(limits, nesting, "4", 0, 16),
	COUNT(limits, parts, "1000", 1, MANY),
	COUNT(limits, part_depth, "20", 1, 100),
	COUNT(limits, records, "5000000", 1, MANY),
	COUNT(limits, span_days, "93", 1, 3660),
	COUNT(limits, xml_depth, "16", 1, 256),
	SIZE(limits, xml_text, "64K", 1, 8 << 20),
	KEY("limits", "temporary", CONF_SIZE, CONF_RESTART, limits.temporary,
	    "4G", RANGE(0, 1024 * 1024 * GIB)),
	SIZE(limits, sample, "1M", 1, 16 << 20),
	COUNT(limits, header_fields, "500", 1, 5000),
	COUNT(limits, auth_results, "500", 1, 100000),
	SIZE(limits, tls_report, "16M", 1, 256 << 20),
	COUNT(limits, tls_entries, "25000", 1, 1000000),
	SIZE(limits, spool_memory, "2M", 0, GIB),
	SIZE(limits, imap_reply, "1M", 4096, 64 << 20),
	COUNT(limits, imap_mails, "100000", 1, 10000000),
	KEY("limits", "senders", CONF_COUNT, CONF_RESTART, limits.senders,
	    "4096", RANGE(1, 65536)),
	{ .section = NULL },
};
/* clang-format on */

/* Was the section written for the names of the indexes only (ndjson)? */
static bool
only_names(const struct conf_loader *l, const struct conf_elasticsearch *c)
{
	size_t i;

	if (c->user != NULL || c->password != NULL || c->api_key != NULL ||
	    c->bearer_token != NULL || c->cert_path != NULL ||
	    c->client_cert_path != NULL || c->aws_region != NULL)
		return false;
	for (i = 0; i < l->seen_count; i++)
		if (strcmp(l->seen[i].key->section, "elasticsearch") == 0)
			return true;
	return false;
}

static int
check_elasticsearch(
    struct conf_loader *l, struct conf_elasticsearch *c, struct err *e)
{
	if (!c->is_there)
		return 0;
	if (c->hosts.count == 0 && only_names(l, c))
		return 0;
	c->on = true;
	if (c->hosts.count == 0) {
		err_set(e, ERR_CONF, "is not set");
		return conf_blame(l, "elasticsearch", "hosts", e);
	}
	if (c->auth_type == CONF_AUTH_AWSSIGV4 && c->aws_region == NULL) {
		err_set(e, ERR_CONF, "is not set, and awssigv4 needs it");
		return conf_blame(l, "elasticsearch", "aws_region", e);
	}
	if (c->client_cert_path != NULL && c->client_key_path == NULL) {
		err_set(e, ERR_CONF, "is not set, client_cert_path is");
		return conf_blame(l, "elasticsearch", "client_key_path", e);
	}
	return 0;
}

static int
check_forward(struct conf_loader *l, const struct conf *c, struct err *e)
{
	size_t i;

	if (c->intake.other == CONF_OTHER_FORWARD &&
	    c->intake.forward_to == NULL) {
		err_set(
		    e, ERR_CONF, "is not set, and other = forward needs it");
		return conf_blame(l, "intake", "forward_to", e);
	}
	for (i = 0;
	     c->intake.forward_to != NULL && i < c->intake.recipients.count;
	     i++)
		if (text_equal_nocase(
			c->intake.forward_to, c->intake.recipients.item[i])) {
			err_set(e, ERR_CONF,
			    "is one of recipients: what is forwarded would "
			    "come back");
			return conf_blame(l, "intake", "forward_to", e);
		}
	if (c->smtp.user != NULL && c->smtp.tls != CONF_SMTP_TLS_STARTTLS &&
	    c->smtp.tls != CONF_SMTP_TLS_TLS) {
		err_set(e, ERR_CONF,
		    "is set: tls must be starttls or tls, or the password "
		    "could be read on its way");
		return conf_blame(l, "smtp", "user", e);
	}
	if (c->smtp.user != NULL && c->smtp.password == NULL) {
		err_set(e, ERR_CONF, "is not set, user is");
		return conf_blame(l, "smtp", "password", e);
	}
	return 0;
}

static bool
needs_token(const struct conf_imap *c)
{
	return c->auth == CONF_IMAP_AUTH_XOAUTH2 ||
	       c->auth == CONF_IMAP_AUTH_OAUTHBEARER;
}

/* What an account must have; which one is told by its name. */
static int
check_account(struct conf_imap *c, struct err *e)
{
	const char *missing = NULL;

	if (c->port == 0)
		c->port = c->tls == CONF_IMAP_TLS_TLS ? 993 : 143;
	if (c->host == NULL)
		missing = "host";
	else if (c->user == NULL)
		missing = "user";
	else if (needs_token(c) && c->token_path == NULL)
		missing = "token_path";
	else if (!needs_token(c) && c->password == NULL)
		missing = "password";
	else if (c->reports_folder.count == 0)
		missing = "reports_folder";
	else if (c->archive_folder == NULL)
		missing = "archive_folder";
	if (missing == NULL)
		return 0;
	return err_set(e, ERR_CONF, "[imap%s%s] %s: is not set",
	    *c->name != '\0' ? " " : "", c->name, missing);
}

static int
check_imap(const struct conf *conf, struct err *e)
{
	size_t i;

	for (i = 0; i < conf->imap.count; i++)
		if (check_account(conf->imap.item[i], e) < 0)
			return -1;
	return 0;
}

static int
check_enrich(struct conf_loader *l, const struct conf_enrich *c, struct err *e)
{
	const char *key = "nameservers";
	size_t most = CONF_ENRICH_SERVERS_MAX, count = c->nameservers.count;

	if (count <= most) {
		key = "ip_db_path";
		most = CONF_ENRICH_FILES_MAX;
		count = c->ip_db_path.count;
	}
	if (count <= most) {
		key = "source_map_path";
		count = c->source_map_path.count;
	}
	if (count <= most)
		return 0;
	err_set(e, ERR_CONF, "more than %zu", most);
	return conf_blame(l, "enrich", key, e);
}

static int
check_reporter(
    struct conf_loader *l, const struct conf_intake *c, struct err *e)
{
	if (c->require_reporter_auth == CONF_REPORTER_AUTH_NO ||
	    c->authserv_ids.count > 0)
		return 0;
	err_set(e, ERR_CONF,
	    "is not set, and require_reporter_auth needs it: who would say "
	    "that a reporter is authenticated?");
	return conf_blame(l, "intake", "authserv_id", e);
}

static int
check_conf(struct conf_loader *l, void *p, struct err *e)
{
	struct conf *conf = p;

	if (check_elasticsearch(l, &conf->elasticsearch, e) < 0 ||
	    check_forward(l, conf, e) < 0 ||
	    check_enrich(l, &conf->enrich, e) < 0 || check_imap(conf, e) < 0 ||
	    check_reporter(l, &conf->intake, e) < 0)
		return -1;
	if (!conf->sqlite.on && !conf->ndjson.on && !conf->elasticsearch.on)
		conf->sqlite.on = true;
	if (conf->limits.message > conf->limits.message_hard) {
		err_set(e, ERR_CONF, "larger than message_hard");
		return conf_blame(l, "limits", "message", e);
	}
	return 0;
}

const struct conf_table conf_table = {
	.sections = sections,
	.keys = keys,
	.state_path = offsetof(struct conf, intake.state_path),
	.secret_files = offsetof(struct conf, secret_files),
	.check = check_conf,
};
