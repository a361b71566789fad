# SPDX-License-Identifier: Apache-2.0
"""The dashboards, told once: make.py writes them for Kibana, for OpenSearch
Dashboards, and for Grafana on Elasticsearch and on SQLite.

A panel: id, title, kind (number, pie, columns, table, map), what it adds up
(METRICS), and the fields that it groups by. The columns of SQLite that stand
for a field are in FIELDS; what is not there is called as the field is.
"""

# data view: (title, time field, from table, time in SQL, where)
DATA = {
    "aggregate": ("dmarc_aggregate*", "date_begin",
                  "aggregate_record AS c JOIN aggregate_report AS r ON r.id = c.report_id", "c.date_begin", "r.complete"),
    "failure": ("dmarc_f*", "arrival_date", "failure_report AS r", "r.arrival_date", "1"),
    "tls": ("smtp_tls*", "date_begin", "smtp_tls_report AS r", "r.date_begin", "1"),
}

# metric: (label, aggregation, field, SQL)
POLICY_SUM = "sum((SELECT total(p.%s) FROM smtp_tls_policy AS p WHERE p.report_id = r.id))"
METRICS = {
    "messages": ("Messages", "sum", "message_count", "sum(c.message_count)"),
    "reports": ("Reports", "count", None, "count(*)"),
    "successful": ("Successful sessions", "sum", "policies.successful_session_count",
                   POLICY_SUM % "successful_session_count"),
    "failed": ("Failed sessions", "sum", "policies.failed_session_count", POLICY_SUM % "failed_session_count"),
    "failure_details": ("Failed sessions", "sum", "policies.failure_details.failed_session_count",
                        "sum((SELECT total(f.failed_session_count) FROM smtp_tls_policy AS p"
                        " JOIN smtp_tls_failure_detail AS f ON f.policy_id = p.id WHERE p.report_id = r.id))"),
}


def several(table, key, value):
    """A field with several values: each counts a document once. Text of a join, text of the column."""
    return "LEFT JOIN (SELECT DISTINCT %s AS k, %s AS v FROM %s) AS %%(alias)s ON %%(alias)s.k = %%(id)s" % (
        key, value, table), "%(alias)s.v"


COMBINED = "coalesce(%s, '') || ' / ' || coalesce(domain, '') || ' / ' || coalesce(result, '')"
# field without .keyword: a column, or (join, column)
FIELDS = {
    "aggregate": {
        "passed_dmarc": "iif(c.passed_dmarc, 'true', 'false')",
        "dkim_aligned": "iif(c.dkim_aligned, 'true', 'false')",
        "spf_aligned": "iif(c.spf_aligned, 'true', 'false')",
        "org_name": "r.org_name",
        "intake.reporter_auth.method": "r.intake_reporter_auth_method",
        "intake.reporter_auth.domain": "r.intake_reporter_auth_domain",
        "published_policy.domain": "r.domain",
        "published_policy.p": "r.p",
        "dkim_results_combined": several("aggregate_record_dkim", "record_id", COMBINED % "selector"),
        "spf_results_combined": several("aggregate_record_spf", "record_id", COMBINED % "scope"),
        "policy_overrides.type": several("aggregate_record_override", "record_id", "type"),
    },
    "failure": {
        "auth_failure": ("LEFT JOIN json_each(r.auth_failure) AS %(alias)s", "%(alias)s.value"),
        "sample.subject": "r.sample_subject",
    },
    "tls": {
        "policies_combined": several(
            "smtp_tls_policy", "report_id",
            "coalesce(nullif(policy_domain, ''), 'none') || ' / ' || coalesce(nullif(policy_type, ''), 'none')"),
        "policies.policy_domain": several("smtp_tls_policy", "report_id", "policy_domain"),
        "policies.failure_details.result_type": several(
            "smtp_tls_policy AS p JOIN smtp_tls_failure_detail AS f ON f.policy_id = p.id", "report_id", "result_type"),
    },
}

# (id, title, kind, metric, fields, width of 48, height)
DASHBOARDS = (
    ("aggregate", "DMARC aggregate", "now-30d", ("source_type", "header_from", "source_name", "org_name", "intake.category"), (
        ("messages", "Messages", "number", "messages", (), 12, 9),
        ("passed", "Pass DMARC", "pie", "messages", ("passed_dmarc",), 12, 9),
        ("dkim", "DKIM aligned", "pie", "messages", ("dkim_aligned",), 12, 9),
        ("spf", "SPF aligned", "pie", "messages", ("spf_aligned",), 12, 9),
        ("compliance", "Compliance over time", "columns", "messages", ("passed_dmarc",), 48, 13),
        ("domains", "Domains and their policy", "table", "messages",
         ("published_policy.domain", "published_policy.p", "passed_dmarc"), 24, 14),
        ("categories", "Where mails come from", "pie", "messages", ("intake.category",), 16, 14),
        ("categories_over_time", "Where they come from over time", "columns", "messages", ("intake.category",), 32, 14),
        ("dispositions", "Dispositions over time", "columns", "messages", ("disposition",), 24, 14),
        ("senders", "Senders", "table", "messages", ("source_name", "source_type", "passed_dmarc"), 24, 16),
        ("countries", "Countries", "map", "messages", ("source_country",), 24, 16),
        ("addresses", "Addresses", "table", "messages",
         ("source_ip_address", "source_reverse_dns", "source_country", "passed_dmarc"), 48, 16),
        ("from_domains", "From domains", "table", "messages", ("header_from", "passed_dmarc"), 24, 14),
        ("networks", "Networks", "table", "messages", ("source_as_name", "passed_dmarc"), 24, 14),
        ("dkim_details", "DKIM: selector / domain / result", "table", "messages",
         ("header_from", "dkim_results_combined", "dkim_aligned"), 24, 16),
        ("spf_details", "SPF: scope / domain / result", "table", "messages",
         ("header_from", "spf_results_combined", "spf_aligned"), 24, 16),
        ("reporter_auth", "Who vouches for the reporter", "table", "messages",
         ("org_name", "intake.reporter_auth.method", "intake.reporter_auth.domain"), 48, 12),
        ("overrides", "Policy overridden", "table", "messages", ("policy_overrides.type", "disposition"), 24, 12),
        ("reporters", "Reporters", "table", "messages", ("org_name", "passed_dmarc"), 24, 12),
    )),
    ("failure", "DMARC failures", "now-90d", ("domain", "source_name", "auth_failure"), (
        ("reports", "Failure reports", "number", "reports", (), 12, 12),
        ("over_time", "Failure reports over time", "columns", "reports", ("domain",), 36, 12),
        ("why", "What failed", "pie", "reports", ("auth_failure",), 16, 14),
        ("delivery", "What became of the mail", "table", "reports", ("delivery_results",), 16, 14),
        ("senders", "Senders", "table", "reports", ("source_name", "source_country"), 16, 14),
        ("mails", "Mails", "table", "reports", ("domain", "source_ip_address", "sample.subject"), 48, 18),
    )),
    ("tls", "SMTP TLS", "now-30d", ("org_name", "policies.policy_domain"), (
        ("successful", "Successful sessions", "number", "successful", (), 12, 9),
        ("failed", "Failed sessions", "number", "failed", (), 12, 9),
        ("over_time", "Failed sessions over time", "columns", "failed", ("org_name",), 24, 9),
        ("reporters", "Successful sessions by reporter", "table", "successful", ("org_name",), 24, 14),
        ("reporters_failed", "Failed sessions by reporter", "table", "failed", ("org_name",), 24, 14),
        ("policies", "Policies: domain / type", "table", "successful", ("policies_combined",), 24, 14),
        ("results", "Why sessions failed", "table", "failure_details",
         ("policies.failure_details.result_type",), 24, 14),
    )),
)

NOT_KEYWORD = {"passed_dmarc", "dkim_aligned", "spf_aligned"}
SIZE = {"table": 100, "pie": 10, "columns": 10, "map": 250}
NONE = "-"  # stands for what a document does not say


def field_of(name):
    return name if name in NOT_KEYWORD else name + ".keyword"


def column(data, name, i):
    """(join or "", column)"""
    known = FIELDS[data].get(name, name.replace(".", "_"))
    if isinstance(known, tuple):
        names = {"alias": "v%d" % i, "id": "c.id" if data == "aggregate" else "r.id"}
        return " " + known[0] % names, known[1] % names
    return "", known


def sql(data, panel, time=None):
    """What the panel asks, of SQLite. time: an expression that the time must satisfy."""
    _, _, kind, metric, fields, _, _ = panel
    _, _, table, at, where = DATA[data]
    parts = [column(data, name, i) for i, name in enumerate(fields)]
    groups = (["(%s / 86400) * 86400 AS time" % at] if kind == "columns" else [])
    groups += ["coalesce(cast(%s AS TEXT), '%s') AS \"%s\"" % (c, NONE, name)
               for (_, c), name in zip(parts, fields)]
    text = "SELECT %s FROM %s%s WHERE %s" % (
        ", ".join(groups + ['%s AS "%s"' % (METRICS[metric][3], METRICS[metric][0])]), table,
        "".join(join for join, _ in parts), where)
    if time:
        text += " AND " + time.replace("TIME", at)
    if groups:
        text += " GROUP BY " + ", ".join(str(i + 1) for i in range(len(groups)))
        text += " ORDER BY " + ("1" if kind == "columns" else "%d DESC LIMIT %d" % (len(groups) + 1, SIZE[kind]))
    return text
