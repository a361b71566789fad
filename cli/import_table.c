/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_table.c - every key that parsedmarc 11.1.0 knows, old names too, and
 * what it is here. A key that is in another program's hands has the reason.
 */
#include "cli/import.h"

/* clang-format off */
#define TO(sec, name, to_sec, to_name, how, ...) \
	{ .section = sec, .key = name, .to_section = to_sec, \
	  .to_key = to_name, .convert = how, __VA_ARGS__ }
/* the row of that key of ours has a look at it */
#define IN(sec, name, to_sec, to_name, ...) \
	TO(sec, name, to_sec, to_name, NULL, __VA_ARGS__)
#define NONE(sec, name, why) { .section = sec, .key = name, .text = why }

#define STORED "every kind of report is stored"
#define SAMPLE \
	"parsedmarc stores all of the mail, or no failure report; full leaves " \
	"attachments out, headers the text too, none keeps the report alone"
#define ONE_FILE "NDJSON is one file: [ndjson] path"
#define CREATED "a folder that is not there is a mistake, and told"

/* What both kinds of clusters have; ours is one section for both. */
#define ES "elasticsearch"
#define CLUSTER(sec, ...) \
	TO(sec, "hosts", ES, "hosts", import_hosts, __VA_ARGS__), \
	IN(sec, "ssl", ES, "hosts", __VA_ARGS__), \
	TO(sec, "cert_path", ES, "cert_path", import_path, __VA_ARGS__), \
	TO(sec, "skip_certificate_verification", ES, \
	    "skip_certificate_verification", import_bool, __VA_ARGS__), \
	TO(sec, "user", ES, "user", import_text, __VA_ARGS__), \
	TO(sec, "password", ES, "password", import_text, __VA_ARGS__), \
	TO(sec, "api_key", ES, "api_key", import_text, __VA_ARGS__), \
	TO(sec, "apikey", ES, "api_key", import_text, __VA_ARGS__), \
	TO(sec, "timeout", ES, "timeout", import_request_timeout, \
	    .text = "of one request, which has many records", __VA_ARGS__), \
	TO(sec, "index_prefix", ES, "index_prefix", import_text, __VA_ARGS__), \
	TO(sec, "index_suffix", ES, "index_suffix", import_text, __VA_ARGS__), \
	TO(sec, "monthly_indexes", ES, "monthly_indexes", import_bool, \
	    .preset = "False", \
	    .text = "as before, so that the indexes go on", __VA_ARGS__), \
	TO(sec, "number_of_shards", ES, "number_of_shards", import_count, \
	    __VA_ARGS__), \
	TO(sec, "number_of_replicas", ES, "number_of_replicas", import_count, \
	    __VA_ARGS__), \
	TO(sec, NULL, ES, "skip_saved_by_parsedmarc", import_text, \
	    .preset = "yes", \
	    .text = "what parsedmarc has stored is not stored again; " \
		    "take it out when parsedmarc is gone and its mails too", \
	    __VA_ARGS__)

#define SPLUNK "no Splunk: its forwarder reads [ndjson] path"
#define KAFKA "no Kafka: Filebeat, Vector or Kafka Connect reads [ndjson] path"
#define SUMMARY "no mail with a summary: 'dmarc-intake report' prints one"
#define S3 "no S3: an uploader of your choice reads [ndjson] path"
#define POSTGRESQL \
	"no PostgreSQL: [sqlite] holds the same facts, or a loader reads " \
	"[ndjson] path"
#define SYSLOG "no syslog for records: rsyslog's imfile reads [ndjson] path"
#define GELF "no GELF: Graylog's Filebeat input reads [ndjson] path"
#define WEBHOOK "no webhook: a shipper of your choice reads [ndjson] path"
#define ANALYTICS "no Log Analytics: Azure Monitor's agent reads [ndjson] path"
#define GRAPH \
	"no Microsoft Graph: read the mailbox by IMAP with a token " \
	"(doc/imap.md), or let Exchange forward the address to an MTA that " \
	"delivers by LMTP"
#define GMAIL \
	"no Gmail API: read the mailbox by IMAP with a token (doc/imap.md), " \
	"or let Gmail forward the address to an MTA that delivers by LMTP"
#define FILES "files for names are never downloaded: [enrich] names them"
#define WATCH \
	"dmarc-intake-imapd goes on for ever, and with its option once it " \
	"looks once, as 'dmarc-intake ingest' does"
#define BATCH "mails are stored together as they come: [imap] mails"
#define TEST "stored, and left where they are"
#define MARK "one mark for every kind of report: [imap] mark, [maildir] mark"

const struct import_row import_table[] = {
	NONE("general", "save_aggregate", STORED),
	TO("general", "save_failure", "intake", "failure_sample",
	    import_sample, .text = SAMPLE),
	TO("general", "save_forensic", "intake", "failure_sample",
	    import_sample, .text = SAMPLE),
	NONE("general", "save_smtp_tls", STORED),
	TO("general", "debug", "intake", "log_level", import_word_if_on,
	    .word = "debug"),
	TO("general", "verbose", "intake", "log_level", import_word_if_on,
	    .word = "info"),
	TO("general", "warnings", "intake", "log_level", import_word_if_on,
	    .word = "warn"),
	NONE("general", "silent",
	    "daemons print nothing; 'dmarc-intake parse' does"),
	NONE("general", "log_file",
	    "the log goes to the journal, to syslog or to stderr: "
	    "[intake] log"),
	TO("general", "output", "ndjson", "path", import_output,
	    .text = "one document a line; for CSV and JSON arrays: "
		    "'dmarc-intake parse'"),
	NONE("general", "aggregate_json_filename", ONE_FILE),
	NONE("general", "failure_json_filename", ONE_FILE),
	NONE("general", "forensic_json_filename", ONE_FILE),
	NONE("general", "smtp_tls_json_filename", ONE_FILE),
	NONE("general", "aggregate_csv_filename", ONE_FILE),
	NONE("general", "failure_csv_filename", ONE_FILE),
	NONE("general", "forensic_csv_filename", ONE_FILE),
	NONE("general", "smtp_tls_csv_filename", ONE_FILE),
	NONE("general", "prettify_json", "NDJSON has a document a line"),
	NONE("general", "archive_directory",
	    "'dmarc-intake ingest' leaves files where they are"),
	TO("general", "offline", "enrich", "offline", import_bool),
	NONE("general", "always_use_local_files", FILES),
	TO("general", "ip_db_path", "enrich", "ip_db_path", import_path),
	NONE("general", "ipinfo_url", FILES),
	NONE("general", "ip_db_url", FILES),
	NONE("general", "ipinfo_api_token",
	    "no request for each address: [enrich] ip_db_path"),
	TO("general", "local_reverse_dns_map_path", "enrich",
	    "source_map_path", import_path),
	NONE("general", "reverse_dns_map_url", FILES),
	TO("general", "local_psl_overrides_path", "enrich",
	    "psl_overrides_path", import_path),
	NONE("general", "psl_overrides_url", FILES),
	TO("general", "nameservers", "enrich", "nameservers", import_text),
	NONE("general", "dns_test_address",
	    "a resolver that does not answer delays nothing for long"),
	TO("general", "dns_timeout", "enrich", "dns_timeout", import_seconds),
	NONE("general", "dns_retries", "each server is tried twice"),
	NONE("general", "strip_attachment_payloads",
	    "attachments of failed mails are never stored, only their names "
	    "and SHA-256"),
	NONE("general", "normalize_timespan_threshold_hours",
	    "a report over more than 24 hours is sliced by UTC day"),
	NONE("general", "n_procs",
	    "mails are handled side by side in threads: [lmtp] connections, "
	    "[milter] mails, [imap] mails, 'dmarc-intake ingest -j'"),
	NONE("general", "fail_on_output_error",
	    "always so: what is not stored is not acknowledged"),
	NONE("general", "index_prefix_domain_map",
	    "an instance has one index_prefix: run one for each tenant, each "
	    "with its own address for reports"),

	TO("imap", "host", "imap", "host", import_text),
	TO("imap", "port", "imap", "port", import_count),
	TO("imap", "ssl", "imap", "tls", import_tls,
	    .text = "without ssl, parsedmarc takes STARTTLS where it is "
		    "offered: tls = no is for a server that has none"),
	TO("imap", "skip_certificate_verification", "imap",
	    "skip_certificate_verification", import_bool),
	TO("imap", "user", "imap", "user", import_text),
	TO("imap", "password", "imap", "password", import_text),
	TO("imap", "timeout", "imap", "timeout", import_seconds),
	NONE("imap", "max_retries",
	    "a server that is away is asked again for ever"),
	NONE("imap", "delete", "parsedmarc passes over it: [mailbox] delete"),
	NONE("imap", "watch", WATCH),
	NONE("imap", "batch_size", BATCH),
	TO("imap", "reports_folder", "imap", "reports_folder", import_text),
	TO("imap", "archive_folder", "imap", "archive_folder", import_text),
	TO("imap", "test", "imap", "mark", import_word_if_on, .word = "none",
	    .text = TEST),

	TO("mailbox", "reports_folder", "imap", "reports_folder", import_text,
	    .when = "imap"),
	{ .section = "mailbox", .key = "reports_folder", .when = "maildir",
	    .text = "a folder of a Maildir has a path of its own: "
		    "[maildir] path" },
	TO("mailbox", "archive_folder", "imap", "archive_folder", import_text,
	    .when = "imap"),
	TO("mailbox", "archive_folder", "maildir", "archive_folder",
	    import_text, .when = "maildir"),
	TO("mailbox", "test", "imap", "mark", import_word_if_on,
	    .word = "none", .text = TEST, .when = "imap"),
	TO("mailbox", "test", "maildir", "mark", import_word_if_on,
	    .word = "none", .text = TEST, .when = "maildir"),
	TO("mailbox", "delete", "imap", "mark", import_mark, .when = "imap"),
	TO("mailbox", "delete", "maildir", "mark", import_mark,
	    .when = "maildir"),
	NONE("mailbox", "delete_aggregate", MARK),
	NONE("mailbox", "delete_failure", MARK),
	NONE("mailbox", "delete_smtp_tls", MARK),
	NONE("mailbox", "delete_invalid",
	    "a mail that cannot be read is never deleted"),
	TO("mailbox", "check_timeout", "imap", "check_timeout",
	    import_seconds, .when = "imap"),
	{ .section = "mailbox", .key = "check_timeout", .when = "maildir",
	    .text = "how often 'dmarc-intake ingest' runs is up to cron or "
		    "a systemd timer" },
	NONE("mailbox", "watch", WATCH),
	NONE("mailbox", "batch_size", BATCH),
	NONE("mailbox", "max_unsaved_retries",
	    "a mail that cannot be stored stays where it is, and is tried "
	    "again"),
	NONE("mailbox", "since",
	    "each mail is looked at, once: those that are no reports are "
	    "remembered"),

	NONE("msgraph", "auth_method", GRAPH),
	NONE("msgraph", "client_id", GRAPH),
	NONE("msgraph", "tenant_id", GRAPH),
	NONE("msgraph", "mailbox", GRAPH),
	NONE("msgraph", "user", GRAPH),
	NONE("msgraph", "password", GRAPH),
	NONE("msgraph", "client_secret", GRAPH),
	NONE("msgraph", "certificate_path", GRAPH),
	NONE("msgraph", "certificate_password", GRAPH),
	NONE("msgraph", "client_assertion", GRAPH),
	NONE("msgraph", "graph_url", GRAPH),
	NONE("msgraph", "url", GRAPH),
	NONE("msgraph", "token_file", GRAPH),
	NONE("msgraph", "allow_unencrypted_storage", GRAPH),

	NONE("gmail_api", "credentials_file", GMAIL),
	NONE("gmail_api", "token_file", GMAIL),
	NONE("gmail_api", "scopes", GMAIL),
	NONE("gmail_api", "include_spam_trash", GMAIL),
	NONE("gmail_api", "paginate_messages", GMAIL),
	NONE("gmail_api", "oauth2_port", GMAIL),
	NONE("gmail_api", "auth_mode", GMAIL),
	NONE("gmail_api", "service_account_user", GMAIL),
	NONE("gmail_api", "delegated_user", GMAIL),

	TO("maildir", "maildir_path", "maildir", "path", import_path,
	    .text = "'dmarc-intake ingest' reads it, once: from cron or a "
		    "systemd timer"),
	TO("maildir", "path", "maildir", "path", import_path, .text = NULL),
	TO("maildir", NULL, "maildir", "mark", import_text, .preset = "move",
	    .text = "as parsedmarc does without a word"),
	NONE("maildir", "maildir_create", CREATED),
	NONE("maildir", "create", CREATED),

	CLUSTER("elasticsearch", .when = NULL),
	TO("elasticsearch", "serverless", ES, "serverless", import_bool,
	    .when = NULL),
	CLUSTER("opensearch", .unless = "elasticsearch"),
	TO("opensearch", "auth_type", ES, "auth_type", import_text,
	    .unless = "elasticsearch",
	    .text = "with awssigv4, user and password are the access key and "
		    "the secret key"),
	TO("opensearch", "authentication_type", ES, "auth_type", import_text,
	    .unless = "elasticsearch", .text = "see auth_type"),
	TO("opensearch", "aws_region", ES, "aws_region", import_text,
	    .unless = "elasticsearch"),
	TO("opensearch", "aws_service", ES, "aws_service", import_text,
	    .unless = "elasticsearch"),

	NONE("splunk_hec", "url", SPLUNK),
	NONE("splunk_hec", "token", SPLUNK),
	NONE("splunk_hec", "index", SPLUNK),
	NONE("splunk_hec", "skip_certificate_verification", SPLUNK),

	NONE("kafka", "hosts", KAFKA),
	NONE("kafka", "user", KAFKA),
	NONE("kafka", "password", KAFKA),
	NONE("kafka", "ssl", KAFKA),
	NONE("kafka", "skip_certificate_verification", KAFKA),
	NONE("kafka", "aggregate_topic", KAFKA),
	NONE("kafka", "failure_topic", KAFKA),
	NONE("kafka", "forensic_topic", KAFKA),
	NONE("kafka", "smtp_tls_topic", KAFKA),

	NONE("smtp", "host", SUMMARY),
	NONE("smtp", "user", SUMMARY),
	NONE("smtp", "password", SUMMARY),
	NONE("smtp", "from", SUMMARY),
	NONE("smtp", "to", SUMMARY),
	NONE("smtp", "port", SUMMARY),
	NONE("smtp", "ssl", SUMMARY),
	NONE("smtp", "skip_certificate_verification", SUMMARY),
	NONE("smtp", "subject", SUMMARY),
	NONE("smtp", "attachment", SUMMARY),
	NONE("smtp", "message", SUMMARY),

	NONE("s3", "bucket", S3),
	NONE("s3", "path", S3),
	NONE("s3", "region_name", S3),
	NONE("s3", "endpoint_url", S3),
	NONE("s3", "access_key_id", S3),
	NONE("s3", "secret_access_key", S3),

	NONE("postgresql", "connection_string", POSTGRESQL),
	NONE("postgresql", "host", POSTGRESQL),
	NONE("postgresql", "port", POSTGRESQL),
	NONE("postgresql", "user", POSTGRESQL),
	NONE("postgresql", "password", POSTGRESQL),
	NONE("postgresql", "database", POSTGRESQL),

	NONE("syslog", "server", SYSLOG),
	NONE("syslog", "port", SYSLOG),
	NONE("syslog", "protocol", SYSLOG),
	NONE("syslog", "cafile_path", SYSLOG),
	NONE("syslog", "certfile_path", SYSLOG),
	NONE("syslog", "keyfile_path", SYSLOG),
	NONE("syslog", "timeout", SYSLOG),
	NONE("syslog", "retry_attempts", SYSLOG),
	NONE("syslog", "retry_delay", SYSLOG),

	NONE("gelf", "host", GELF),
	NONE("gelf", "port", GELF),
	NONE("gelf", "mode", GELF),

	NONE("webhook", "aggregate_url", WEBHOOK),
	NONE("webhook", "failure_url", WEBHOOK),
	NONE("webhook", "forensic_url", WEBHOOK),
	NONE("webhook", "smtp_tls_url", WEBHOOK),
	NONE("webhook", "timeout", WEBHOOK),

	NONE("log_analytics", "client_id", ANALYTICS),
	NONE("log_analytics", "client_secret", ANALYTICS),
	NONE("log_analytics", "tenant_id", ANALYTICS),
	NONE("log_analytics", "dce", ANALYTICS),
	NONE("log_analytics", "dcr_immutable_id", ANALYTICS),
	NONE("log_analytics", "dcr_aggregate_stream", ANALYTICS),
	NONE("log_analytics", "dcr_failure_stream", ANALYTICS),
	NONE("log_analytics", "dcr_forensic_stream", ANALYTICS),
	NONE("log_analytics", "dcr_smtp_tls_stream", ANALYTICS),
	{ .section = NULL },
};
/* clang-format on */
