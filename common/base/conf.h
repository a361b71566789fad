/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf.h - the configuration: one struct, filled from compiled defaults, the
 * file (INI) and the environment (DMARC_INTAKE_<SECTION>_<KEY>), in this order.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "common/base/err.h"
#include "common/base/log.h"

#define CONF_PATH_DEFAULT "/etc/dmarc-intake/dmarc-intake.conf"

/* Words of a comma separated value. */
struct conf_list {
	char **item; /* owned */
	size_t count;
};

/* Items of a named section, as in "[imap NAME]" or "[imap]" (name ""). */
struct conf_many {
	void **item; /* owned; each starts with its name, a char * */
	size_t count;
};

/* How much of the mail in a failure report is kept: it has personal data. */
enum conf_sample { CONF_SAMPLE_NONE, CONF_SAMPLE_HEADERS, CONF_SAMPLE_FULL };

/* What becomes of a mail that is not a report. */
enum conf_other { CONF_OTHER_KEEP, CONF_OTHER_FORWARD };

/* Of which reports the reporter must be proved. */
enum conf_reporter_auth {
	CONF_REPORTER_AUTH_NO,
	CONF_REPORTER_AUTH_AGGREGATE,
	CONF_REPORTER_AUTH_TLS,
	CONF_REPORTER_AUTH_ALL
};

struct conf_intake {
	struct conf_list recipients; /* empty: every recipient is ours */
	char *state_path;            /* database, quarantine, temporary files */
	char *temp_path;             /* NULL in the file: state_path "/tmp" */
	int64_t hold_limit_s;
	enum log_target log;
	enum log_level log_level;
	int64_t replay_interval_s; /* waiting mails are tried this often */
	enum conf_other other;
	char *forward_to, *forward_from; /* addresses without <> */
	enum conf_sample failure_sample;
	struct conf_list authserv_ids; /* empty: nobody is believed */
	uint64_t authserv_hops;        /* Received fields of our own */
	struct conf_list reports_for;  /* empty: about any domain */
	enum conf_reporter_auth require_reporter_auth;
	uint64_t sender_rate, unproved_rate; /* mails an hour; 0: any */
	bool cage;                           /* around the daemons: cage.h */
};

/* design.md section 4; sizes in bytes. */
struct conf_limits {
	uint64_t message, message_hard, message_memory, header;
	uint64_t decompressed, ratio, members, nesting;
	uint64_t parts, part_depth;
	uint64_t records, span_days;
	uint64_t xml_depth, xml_text;
	uint64_t sample, header_fields, auth_results;
	uint64_t tls_report, tls_entries;
	uint64_t temporary, spool_memory;
	uint64_t imap_reply, imap_mails;
	uint64_t senders;
};

struct conf_lmtp {
	char *listen;                      /* unix:/path or inet:host:port */
	char *socket_owner, *socket_group; /* NULL: as the process */
	mode_t socket_mode;
	struct conf_list networks; /* CIDR, who may speak on TCP */
	uint64_t connections, recipients, command_line;
	int64_t idle_timeout_s, command_timeout_s;
	int64_t budget_s, progress_timeout_s;
};

/* Which mail the milter looks at, besides what is told it is ours. */
enum conf_match { CONF_MATCH_RECIPIENT, CONF_MATCH_CONTENT, CONF_MATCH_BOTH };

/* What the MTA does with a mail whose reports are stored. */
enum conf_action {
	CONF_ACTION_DISCARD,
	CONF_ACTION_ACCEPT,
	CONF_ACTION_QUARANTINE
};

/* What it does while nothing can be stored. */
enum conf_on_error { CONF_ON_ERROR_TEMPFAIL, CONF_ON_ERROR_ACCEPT };

struct conf_milter {
	char *listen;                      /* unix:/path or inet:port@host */
	char *socket_owner, *socket_group; /* NULL: as the process */
	mode_t socket_mode;
	enum conf_match match;
	enum conf_action action;
	enum conf_on_error on_error, on_error_mixed;
	uint64_t mails; /* of ours in hand at the same time */
	int64_t budget_s, progress_timeout_s;
};

/* What becomes of a mail in its mailbox when its reports are stored. */
enum conf_mark {
	CONF_MARK_NONE,
	CONF_MARK_SEEN,
	CONF_MARK_MOVE, /* to a folder below archive_folder */
	CONF_MARK_DELETE,
};

/* For dmarc-intake ingest. */
struct conf_maildir {
	char *path; /* NULL: inputs are named on the command line */
	enum conf_mark mark;
	char *archive_folder;
};

enum conf_imap_tls {
	CONF_IMAP_TLS_TLS,      /* from the first byte, verified */
	CONF_IMAP_TLS_STARTTLS, /* required and verified */
	CONF_IMAP_TLS_NO,
};

enum conf_imap_auth {
	CONF_IMAP_AUTH_AUTO, /* what the server offers, for a password */
	CONF_IMAP_AUTH_PLAIN,
	CONF_IMAP_AUTH_LOGIN,
	CONF_IMAP_AUTH_XOAUTH2,
	CONF_IMAP_AUTH_OAUTHBEARER,
};

/* One account, [imap NAME]; an item of a conf_many, so the name comes first. */
struct conf_imap {
	char *name;
	char *host;
	uint64_t port; /* 0 in the file: by tls */
	enum conf_imap_tls tls;
	char *cert_path; /* of the CA; NULL: the system's */
	bool skip_certificate_verification;
	char *user, *password;
	enum conf_imap_auth auth;
	char *token_path; /* of the OAuth token: read at each login */
	struct conf_list reports_folder;
	char *archive_folder;
	enum conf_mark mark;
	int64_t check_timeout_s;    /* between two looks without IDLE */
	int64_t timeout_s;          /* of the server, without a byte */
	int64_t progress_timeout_s; /* of a sink */
	uint64_t mails;             /* in hand at the same time */
};

struct conf_sqlite {
	bool on;
	char *path;
};

struct conf_ndjson {
	bool on;
	char *path; /* "-" is stdout */
};

struct conf_quarantine {
	char *path;
	uint64_t max_bytes, max_mails;
	int64_t max_age_s;
};

/* How dated indexes are called: {prefix}{base}[_{suffix}]-{YYYY-MM[-DD]}. */
struct conf_index {
	char *prefix, *suffix; /* NULL: none */
	bool monthly;
};

enum conf_auth { CONF_AUTH_BASIC, CONF_AUTH_AWSSIGV4 };

/* Elasticsearch and OpenSearch. */
struct conf_elasticsearch {
	bool is_there; /* the section, perhaps for the index names only */
	bool on;
	struct conf_list hosts; /* URLs, host:port or host */
	char *user, *password;  /* with AWS: access key and secret key */
	char *api_key, *bearer_token;
	char *cert_path; /* of the CA; NULL: the system's */
	char *client_cert_path, *client_key_path;
	bool skip_certificate_verification, serverless;
	bool skip_saved_by_parsedmarc;
	uint64_t connections, bulk_size;
	int64_t timeout_s; /* of one request */
	uint64_t shards, replicas;
	enum conf_auth auth_type;
	char *aws_region, *aws_service;
};

#define CONF_ENRICH_SERVERS_MAX 8
#define CONF_ENRICH_FILES_MAX 16 /* of one kind */

/* Names instead of numbers, as far as they can be had. */
struct conf_enrich {
	bool offline;                 /* ask nobody */
	struct conf_list nameservers; /* empty: the system's */
	int64_t dns_timeout_s;        /* of one try of one question */
	int64_t budget_s;             /* that a message waits for names */
	uint64_t queries;             /* side by side */
	bool forward_confirm;
	uint64_t cache_size; /* addresses */
	int64_t cache_time_s;
	struct conf_list ip_db_path, source_map_path;
	char *psl_path, *psl_overrides_path; /* NULL: the system's; none */
};

enum conf_smtp_tls {
	CONF_SMTP_TLS_NO,
	CONF_SMTP_TLS_MAY,      /* where STARTTLS is offered; not verified */
	CONF_SMTP_TLS_STARTTLS, /* required and verified */
	CONF_SMTP_TLS_TLS,      /* from the first byte, verified */
};

/* The server that mails are forwarded by. */
struct conf_smtp {
	char *host;
	uint64_t port;
	enum conf_smtp_tls tls;
	char *cert_path; /* of the CA; NULL: the system's */
	char *user, *password;
	int64_t timeout_s; /* without progress */
};

struct conf {
	_Atomic unsigned holders;
	char *path; /* of the file, NULL when there is none */
	struct conf_list secret_files; /* that key_file named */
	struct conf_intake intake;
	struct conf_limits limits;
	struct conf_lmtp lmtp;
	struct conf_milter milter;
	struct conf_maildir maildir;
	struct conf_many imap; /* of struct conf_imap */
	struct conf_sqlite sqlite;
	struct conf_ndjson ndjson;
	struct conf_quarantine quarantine;
	struct conf_index index;
	struct conf_elasticsearch elasticsearch;
	struct conf_smtp smtp;
	struct conf_enrich enrich;
};

/*
 * Read path; NULL reads CONF_PATH_DEFAULT when it is there and lives by
 * defaults and environment otherwise. ERR_CONF names file, line, section and
 * key. The caller owns *conf and ends it with conf_free.
 */
int conf_load(struct conf **conf, const char *path, struct err *e);

/*
 * Read the file again. Keys marked "reload" take their new value in *next;
 * those marked "restart" keep the value of now, and their names are listed,
 * comma separated, in *kept (owned by the caller, NULL when there are none).
 */
int conf_reload(
    struct conf **next, const struct conf *now, char **kept, struct err *e);

/*
 * One more holder; each ends with conf_free. A session keeps the conf that it
 * began with while a reload brings the next one.
 */
struct conf *conf_ref(struct conf *conf);

/* Drop one hold; the last one frees. Takes NULL; leaves NULL. */
void conf_free(struct conf **conf);

/* Every key with its value, as the file would say it; secrets as "***". */
void conf_print(const struct conf *conf, FILE *out);

/*
 * Every section and key known, one "section.key type default reload|restart"
 * line each: for the lint that compares them with file and man page.
 */
void conf_print_keys(FILE *out);

#endif
