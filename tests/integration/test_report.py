# SPDX-License-Identifier: Apache-2.0
"""What "report" says: the same numbers in each form, the numbers of the
database and of parsedmarc; and a page that nothing written by a stranger
can change."""
import csv
import email
import email.policy
import io
import json
import random
import re
import sqlite3
import subprocess

import pytest
from browser import Page, dom, needs_chromium
from conftest import COMMAND, FIXTURES
from report import BEGIN, DAY, record, report_xml
from test_oracle import ORACLE, SAMPLES
from test_other import Target

HOSTILE = ['<script>document.title="taken"</script>', '"><img src=x onerror="document.title=\'taken\'">',
           "'><svg/onload=alert(1)>", "\u202egnp.exe", "&lt;b&gt;", "</style><b>", "a\u2066b\u2028c", "x" * 10240]


def run(conf, *args, code=0):
    done = subprocess.run([str(COMMAND), "-c", str(conf), *map(str, args)], capture_output=True, timeout=120,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == code, done.stderr
    return done.stdout.decode()


def make_conf(folder, more=""):
    (folder / "state").mkdir(parents=True, exist_ok=True)
    conf = folder / "intake.conf"
    conf.write_text("[intake]\nstate_path = %s\n[sqlite]\npath = %s\n%s"
                    % (folder / "state", folder / "state" / "intake.db", more))
    return conf


def query(conf, sql):
    database = sqlite3.connect("file:%s?mode=ro" % (conf.parent / "state" / "intake.db"), uri=True)
    try:
        return database.execute(sql).fetchall()
    finally:
        database.close()


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """A database of the fixtures, and of the samples where they are."""
    conf = make_conf(tmp_path_factory.mktemp("report"))
    sources = [FIXTURES] + ([SAMPLES] if SAMPLES.is_dir() else [])
    subprocess.run([str(COMMAND), "-c", str(conf), "ingest", *map(str, sources)], capture_output=True, timeout=120)
    return conf


def sums(rows):
    rows = list(rows)
    return {k: sum(int(r[k]) for r in rows) for k in ("messages", "passed", "failed", "quarantined", "rejected")}


def test_all_forms_have_the_numbers_of_the_database(samples):
    told = json.loads(run(samples, "report", "--format", "json", "--top", "10000"))
    (records, messages, passed), = query(
        samples, "SELECT count(*), sum(message_count), sum(message_count * passed_dmarc) FROM view_aggregate_record")
    totals = told["totals"]
    assert (totals["records"], totals["messages"], totals["passed"]) == (records, messages, passed)
    assert messages > passed > 0
    # each way of adding up gives the same
    for name in ("days", "domains", "senders", "sources", "reporters"):
        assert sums(told[name]) == {k: totals[k] for k in sums([])}, name
    assert sum(f["messages"] for f in told["failures"]) == totals["failed"]
    assert sum(p["sessions"] for p in told["tls_policies"]) == totals["tls_successful"] + totals["tls_failed"] > 0
    rows = list(csv.DictReader(io.StringIO(run(samples, "report", "--format", "csv", "--top", "10000"), newline="")))
    for name in ("days", "domains", "senders", "sources", "failures", "reporters", "tls_policies", "samples"):
        mine = [r for r in rows if r["list"] == name]
        alone = list(csv.DictReader(io.StringIO(
            run(samples, "report", "--format", "csv", "--list", name, "--top", "10000"), newline="")))
        assert len(mine) == len(alone) == len(told[name]) > 0
        for row, only, said in zip(mine, alone, told[name]):
            for key, value in said.items():
                assert row[key] == only[key]
                if isinstance(value, float):
                    assert float(row[key]) == value
                else:
                    assert row[key].lstrip("'") == ("" if value is None else str(value).lstrip("'")), (name, key)
    text = run(samples, "report")
    assert "{:,} records, {:,} messages, ".format(records, messages) in text
    page = run(samples, "report", "--html", samples.parent / "page.html") + (samples.parent / "page.html").read_text()
    assert "<b>{:,}</b>".format(messages) in page and "<b>{:,}</b>".format(totals["failed"]) in page


def test_filters_take_their_part(samples):
    whole = json.loads(run(samples, "report", "--format", "json", "--top", "10000"))
    for option, name, key in (("--domain", "domains", "domain"), ("--source", "sources", "ip_address"),
                              ("--reporter", "reporters", "org_name")):
        for row in [r for r in whole[name] if r[key]][:5]:
            part = json.loads(run(samples, "report", "--format", "json", "--top", "10000", option, row[key].upper()))
            assert part["totals"]["messages"] == row["messages"], (option, row)
            assert part["totals"]["passed"] == row["passed"]
    day = whole["days"][len(whole["days"]) // 2]["day"]
    halves = [json.loads(run(samples, "report", "--format", "json", option, day))["totals"]["records"]
              for option in ("--since", "--until")]
    assert sum(halves) >= whole["totals"]["records"] > max(halves) > 0


ORACLE_SCRIPT = """
import json, sys, parsedmarc
seen, rows = set(), []
read = []
for path in sys.argv[1:]:
    try:
        parsed = parsedmarc.parse_report_file(path, offline=True)
    except Exception:
        continue
    if parsed["report_type"] != "aggregate" or parsed["report"]["report_metadata"]["begin_date"] < "2012":
        continue  # dates that a stranger may not choose are kept, not stored
    read.append(path)
    report = parsed["report"]
    meta = report["report_metadata"]
    key = (meta["org_name"], meta["report_id"], report["policy_published"]["domain"], meta["begin_date"])
    if key not in seen:
        seen.add(key)
        rows += parsedmarc.parsed_aggregate_reports_to_csv_rows(report)
json.dump({"read": read, "rows": rows}, sys.stdout, default=str)
"""


@pytest.mark.skipif(not ORACLE.exists() or not SAMPLES.is_dir(), reason="needs parsedmarc and the samples")
def test_numbers_of_parsedmarc(tmp_path):
    files = sorted(str(p) for p in (SAMPLES / "aggregate").rglob("*") if p.is_file())
    done = subprocess.run([str(ORACLE), "-c", ORACLE_SCRIPT, *files], capture_output=True, timeout=240, check=True)
    oracle = json.loads(done.stdout)
    conf = make_conf(tmp_path)
    run(conf, "ingest", *oracle["read"])
    told = json.loads(run(conf, "report", "--format", "json", "--top", "10000"))
    assert len(oracle["read"]) > 5
    by_source = {}
    for row in oracle["rows"]:
        n = by_source.setdefault(row["source_ip_address"], [0, 0])
        n[0] += int(row["count"])
        n[1] += int(row["count"]) if str(row["dmarc_aligned"]) == "True" else 0
    assert {s["ip_address"]: [s["messages"], s["passed"]] for s in told["sources"]} == by_source
    assert told["totals"]["messages"] == sum(n[0] for n in by_source.values()) > 0
    assert told["totals"]["passed"] == sum(n[1] for n in by_source.values())


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Every name in the database is one of those, whatever a parser would have made of it."""
    conf = make_conf(tmp_path_factory.mktemp("hostile"))
    rng = random.Random(1)
    for i, name in enumerate(HOSTILE):
        path = conf.parent / ("%d.xml" % i)
        path.write_text(report_xml([record(rng, "d.example", dkim="fail", spf="fail") for _ in range(3)],
                                   org="o%d.example" % i, domain="d%d.example" % i, report_id=str(i)))
    run(conf, "ingest", *sorted(conf.parent.glob("*.xml")), FIXTURES / "failure_network.eml",
        FIXTURES / "failure_portal.eml", FIXTURES / "tls_two_policies.eml")
    database = sqlite3.connect(conf.parent / "state" / "intake.db")
    for table, columns in (("aggregate_report", ("org_name", "domain", "p", "report_id")),
                           ("aggregate_record", ("source_ip_address", "source_name", "source_type", "source_country",
                                                 "header_from", "disposition", "policy_dkim", "policy_spf")),
                           ("aggregate_record_dkim", ("domain", "selector", "result")),
                           ("aggregate_record_spf", ("domain", "scope", "result")),
                           ("failure_report", ("domain", "source_ip_address", "source_name", "sample_subject",
                                               "delivery_results")),
                           ("smtp_tls_policy", ("policy_domain", "policy_type")),
                           ("smtp_tls_failure_detail", ("result_type", "receiving_mx_hostname"))):
        for column in columns:
            for i, name in enumerate(HOSTILE):
                database.execute("UPDATE %s SET %s = ? WHERE rowid %% %d = %d" % (table, column, len(HOSTILE), i)
                                 if "dkim" not in table and "spf" not in table and "detail" not in table else
                                 "UPDATE %s SET %s = ? WHERE %s %% %d = %d"
                                 % (table, column, "policy_id" if "detail" in table else "record_id", len(HOSTILE), i),
                                 (name,))
    database.commit()
    database.close()
    return conf


ALLOWED = set("html head meta title style body header h1 h2 p main div section span b table thead tbody tr th td bdi svg "
              "g rect path polygon polyline ul li footer".split())


def check_is_clean(page):
    assert page.names() <= ALLOWED, page.names() - ALLOWED
    for tag, attributes in page.elements:
        assert not [a for a in attributes if a.startswith("on") or a in ("src", "href", "style", "action")], tag
    assert "alert(1)" in page.text and "onerror" in page.text  # they are there, as text


def test_hostile_names_are_text(hostile):
    run(hostile, "report", "--html", hostile.parent / "page.html")
    html = (hostile.parent / "page.html").read_text()
    check_is_clean(Page(html))
    assert not set(html) & set("\u202e\u2066\u2028") and "\\u{202E}" in html
    assert "x" * 257 not in html
    assert not re.search(r"https?:|url\(|@import|@font-face", html)
    assert "default-src 'none'" in html
    json.loads(run(hostile, "report", "--format", "json"))
    for row in csv.reader(io.StringIO(run(hostile, "report", "--format", "csv"), newline="")):
        assert len(row) > 20


@needs_chromium
def test_hostile_names_do_nothing_in_a_browser(hostile):
    """What a browser makes of it, to which the same elements would come by script."""
    run(hostile, "report", "--html", hostile.parent / "page.html")
    page = dom("file://%s" % (hostile.parent / "page.html"))
    check_is_clean(page)
    assert page.text.strip().startswith("DMARC report")


def test_by_mail_with_changes_on_top(tmp_path):
    target = Target()
    try:
        conf = make_conf(tmp_path, "[smtp]\nhost = 127.0.0.1\nport = %d\ntls = no\n" % target.port)
        rng = random.Random(2)
        for i, (org, domain, policy, at) in enumerate((
                ("old.example", "d.example", "none", 3), ("both.example", "d.example", "none", 4),
                ("both.example", "d.example", "reject", 12), ("both.example", "new.example", "none", 13))):
            path = tmp_path / ("%d.xml" % i)
            path.write_text(report_xml(
                [record(rng, domain, ip="192.0.2.%d" % i, count=10)], org=org, domain=domain, report_id=str(i),
                begin=BEGIN + at * DAY, policy=dict(adkim="r", aspf="r", p=policy, sp=policy, pct="100", fo="0")))
        run(conf, "ingest", *sorted(tmp_path.glob("*.xml")))
        run(conf, "report", "--since", "2026-01-11", "--until", "2026-01-21", "--mail-to", "boss@far.example")
        (sender, recipients, raw), = target.mails
        assert recipients == ["boss@far.example"] and sender.startswith("dmarc-intake@")
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        assert mail["To"] == "boss@far.example" and mail["Auto-Submitted"] == "auto-generated"
        assert mail["Date"].datetime and mail["Message-ID"]
        text, page = mail.iter_parts()
        lines = text.get_content().splitlines()
        assert lines[0].startswith("Changes") and lines[1].startswith("20 messages, 20 before")
        assert "policy of d.example: reject, before none" in lines
        assert "new domain: new.example (policy none)" in lines
        assert "not heard from: old.example" in lines
        assert [line for line in lines if line.startswith("new sender: 192.0.2.3, 10 messages")]
        assert page.get_content_type() == "text/html" and "new.example" in page.get_content()
        for address in ("boss", "a@b\nBcc: c@d", "<a@b>", "@b", "a@"):
            run(conf, "report", "--mail-to", address, code=64)
    finally:
        target.close()
