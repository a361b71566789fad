#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""schema.py TOP BUILD - doc/record-schema.md tells what the code writes: the
fields of each kind of document with their types, the templates of
Elasticsearch, and the columns of SQLite. For schema.sh."""
import glob
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile

TOP, BUILD = sys.argv[1:3]
PAGE = open(os.path.join(TOP, "doc/record-schema.md")).read()
# section of the page, index, unit test that prints a document with all fields,
# tables (a prefix of the columns' names in the page, or none)
KINDS = (
    ("Aggregate records", "dmarc_aggregate", "test_document", {
        "aggregate_report": ("", "published_policy."), "aggregate_record": ("",),
        "aggregate_record_dkim": ("dkim_results[].",), "aggregate_record_spf": ("spf_results[].",),
        "aggregate_record_override": ("policy_overrides[].",),
        "aggregate_report_extension": ("intake.extensions[].",),
        "aggregate_record_extension": ("intake.extensions[].",)}),
    ("Failure reports", "dmarc_failure", "test_failure", {
        "failure_report": ("",), "failure_field": ("intake.fields[].",),
        "failure_sample_address": tuple("sample.%s[]." % h for h in ("from", "to", "reply_to", "cc", "bcc")),
        "failure_sample_attachment": ("sample.attachments[].",)}),
    ("SMTP TLS reports", "smtp_tls", "test_tls", {
        "smtp_tls_report": ("",), "smtp_tls_policy": ("policies[].",),
        "smtp_tls_failure_detail": ("policies[].failure_details[].", "intake.failure_details[].")}),
)
# columns that are the database's own
OWN = {"id", "key", "report_id", "record_id", "policy_id", "position", "day", "digest", "complete", "unreadable_count",
       "policy_dkim", "policy_spf", "header"}
# fields that follow from others
DERIVED = {"sample.filename_safe_subject"}
JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "text"}
# a time is a text in JSON, and so is an address
TYPES = {"time": "text", "address": "text"}
ELASTIC = {"text": {"text", "keyword", "ip"}, "integer": {"integer", "long", "short"}, "boolean": {"boolean"},
           "time": {"date"}, "number": {"float", "double"}, "array": {"text", "keyword", "ip", "date"},
           "address": {"ip", "text"}}
SQL = {"text": "TEXT", "integer": "INTEGER", "boolean": "INTEGER", "time": "INTEGER", "array": "TEXT", "address": "TEXT"}
bad = []


def fields(value, name=""):
    """(name, type) of what is in a document; a.b of objects, a[].b of lists of them."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from fields(inner, name + "." * bool(name) + key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for inner in value:
            yield from fields(inner, name + "[]")
    elif isinstance(value, list):
        yield name, "array"
    else:
        yield name, JSON_TYPES.get(type(value), "null")


def is_open(name, told):
    """Is it one of those that a row as `sample.headers.*` stands for?"""
    return any(row.endswith(".*") and name.startswith(row[:-1]) for row in told)


def told_by_page(section):
    parts = PAGE.split("\n## %s\n" % section)
    if len(parts) != 2:
        return None
    rows = re.findall(r"^\| `([^`]+)` \| (\w+)", parts[1].split("\n## ")[0], re.M)
    told = dict(rows)
    if len(told) != len(rows):
        bad.append("%s: a field stands twice in the page" % section)
    return told


def written_by_golden(index):
    """What real documents have: no more than what the page tells."""
    out = {}
    for path in glob.glob(os.path.join(TOP, "tests/golden/*.ndjson")):
        for line in open(path):
            document = json.loads(line)
            if re.match(r"(.*_)?%s[-_]" % index, document.pop("_index")):
                document.pop("_id")
                out.update(fields(document))
    return out


def printed(program):
    """A document with every field, or None where nobody prints one yet."""
    source = os.path.join(TOP, "tests/unit", program + ".c")
    if not os.path.exists(source) or '"--print"' not in open(source).read():
        return None
    path = os.path.join(BUILD, "tests/unit", program)
    if not os.path.exists(path):
        print("%s is not built" % path)
        sys.exit(77)
    run = subprocess.run([path, "--print"], capture_output=True, text=True, check=True, timeout=60)
    return dict(f for line in run.stdout.splitlines() for f in fields(json.loads(line)))


def compare_documents(section, told, index, program):
    some, full = written_by_golden(index), printed(program)
    for name, kind in {**some, **(full or {})}.items():
        if name not in told:
            if not is_open(name, told):
                bad.append("%s: %s: is %s, not in the page" % (section, name, kind))
        elif TYPES.get(told[name], told[name]) != kind:
            bad.append("%s: %s: is %s, the page says %s" % (section, name, kind, told[name]))
    for name in told if full is not None else ():
        if name not in full and name not in some and not name.endswith(".*"):
            bad.append("%s: %s: in the page, never written" % (section, name))


def template_fields(properties, prefix=""):
    for name, p in properties.items():
        if "properties" in p:
            yield from template_fields(p["properties"], prefix + name + ".")
        elif p.get("type") != "alias":
            yield prefix + name, p.get("type", "object")


def compare_template(section, told, index):
    path = os.path.join(TOP, "conf/elasticsearch", index + ".json")
    if not os.path.exists(path):
        return
    template = dict(template_fields(json.load(open(path))["template"]["mappings"]["properties"]))
    flat = {name.replace("[]", ""): kind for name, kind in told.items()}
    for name, kind in flat.items():
        if name.startswith("_") or name.endswith(".*"):
            continue
        if name not in template:
            bad.append("%s: %s: not in conf/elasticsearch/%s.json" % (section, name, index))
        elif template[name] not in ELASTIC[kind]:
            bad.append("%s: %s: is %s in conf/elasticsearch/%s.json, the page says %s"
                       % (section, name, template[name], index, kind))
    for name in template:
        if name not in flat and not is_open(name, flat):
            bad.append("%s: %s: in conf/elasticsearch/%s.json, not in the page" % (section, name, index))


def columns(folder):
    """{table: {column: type}} of a database that the command has made."""
    conf = os.path.join(folder, "conf")
    open(conf, "w").write("[intake]\nstate_path = %s\n[sqlite]\npath = %s/db\n[lmtp]\nlisten = unix:%s/lmtp.sock\n"
                          % (folder, folder, folder))
    env = {k: v for k, v in os.environ.items() if not k.startswith("DMARC_INTAKE_")}
    subprocess.run([os.path.join(BUILD, "dmarc-intake"), "-c", conf, "check"], capture_output=True, check=True, env=env,
                   timeout=60)
    db = sqlite3.connect(os.path.join(folder, "db"))
    tables = [name for name, in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {t: {c[1]: c[2] for c in db.execute("PRAGMA table_info(%s)" % t)} for t in tables}


def compare_tables(section, told, tables, there):
    reached = set()
    for table, prefixes in tables.items():
        if table not in there:
            bad.append("%s: no table %s" % (section, table))
            continue
        for column, kind in there[table].items():
            names = [p + column for p in prefixes]
            if column.startswith(("intake_", "sample_")):
                names.append(column.replace("_", ".", 1).replace(".reporter_auth_", ".reporter_auth."))
            found = [n for n in names if n in told]
            reached.update(found)
            if not found and column not in OWN:
                bad.append("%s: column %s.%s: no such field in the page" % (section, table, column))
            for name in found:
                if SQL[told[name]] != kind and column not in OWN:
                    bad.append("%s: column %s.%s is %s, the page says %s" % (section, table, column, kind, told[name]))
    for name, kind in told.items():
        plain = name.rsplit(".", 1)[-1]
        # made of others, or a copy of one
        if (name in reached or kind == "array" or plain in OWN or "_combined" in name or name.endswith(".*")
                or name in DERIVED or "published_policy." + name in told):
            continue
        if any(plain in there.get(t, {}) for t in tables):
            continue
        bad.append("%s: %s: in no table" % (section, name))


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        there = columns(folder)
    seen = 0
    for section, index, program, tables in KINDS:
        told = told_by_page(section)
        if told is None:
            if written_by_golden(index):
                bad.append("no section \"%s\", and golden documents of %s" % (section, index))
            continue
        seen += len(told)
        compare_documents(section, told, index, program)
        compare_template(section, told, index)
        if tables is not None:
            compare_tables(section, told, tables, there)
    if seen < 50:
        bad.append("only %d fields found" % seen)
    for line in bad:
        print("doc/record-schema.md: " + line)
    sys.exit(bool(bad))


main()
