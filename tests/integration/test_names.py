# SPDX-License-Identifier: Apache-2.0
"""Names of addresses out of a real DNS: many at once, late ones, none at all,
the same ones for many mails, and the values that parsedmarc has."""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import pytest

import names
from conftest import COMMAND, FIXTURES, wait_for
from lmtp import deliver

pytestmark = pytest.mark.skipif(not names.are_there(), reason="needs knot and dnsdist")
ORACLE = os.environ.get("ORACLE_PYTHON", sys.executable)
LOADED = float(os.environ.get("INTAKE_TEST_LOADED", "1"))  # more for a slow machine


def address(n):
    return "10.%d.%d.%d" % (n >> 16 & 255, n >> 8 & 255, n & 255)


def report(addresses, report_id="r", dkim="pass", passing="none.example"):
    rows = "".join(
        "<record><row><source_ip>%s</source_ip><count>1</count><policy_evaluated><disposition>none</disposition>"
        "<dkim>%s</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>d.example</header_from>"
        "</identifiers><auth_results><dkim><domain>%s</domain><result>pass</result></dkim><spf>"
        "<domain>d.example</domain><result>fail</result></spf></auth_results></record>"
        % (a, dkim, passing) for a in addresses)
    return ("<feedback><report_metadata><org_name>o.example</org_name><email>a@o.example</email><report_id>%s"
            "</report_id><date_range><begin>1767225600</begin><end>1767311999</end></date_range></report_metadata>"
            "<policy_published><domain>d.example</domain><p>none</p></policy_published>%s</feedback>"
            % (report_id, rows))


def mail(xml, report_id="r"):
    return ("From: a@o.example\r\nTo: b@d.example\r\nSubject: Report domain: d.example\r\nMessage-ID: <%s@o.example>\r\n"
            "MIME-Version: 1.0\r\nContent-Type: application/xml; name=\"r.xml\"\r\n"
            "Content-Disposition: attachment; filename=\"r.xml\"\r\n\r\n%s\r\n" % (report_id, xml)).encode()


@pytest.fixture
def dns():
    made = []
    with tempfile.TemporaryDirectory(prefix="intake-names.") as folder:
        def start(**how):
            made.append(names.Names(pathlib.Path(folder), **how))
            return made[-1].start()
        yield start
        for one in made:
            one.stop()


def section(server, *lines):
    return "[enrich]\noffline = no\nnameservers = %s\n%s" % (server, "".join(x + "\n" for x in lines))


@pytest.fixture(autouse=True)
def online(monkeypatch):
    monkeypatch.delenv("DMARC_INTAKE_ENRICH_OFFLINE", raising=False)


def parse(tmp_path, conf, xml, kind="ndjson"):
    (tmp_path / "conf").write_text(conf)
    (tmp_path / "r.xml").write_text(xml)
    begin = time.monotonic()
    run = subprocess.run([COMMAND, "-c", tmp_path / "conf", "parse", "--format", kind, tmp_path / "r.xml"],
                         capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()] if kind == "ndjson" else json.loads(run.stdout), \
        time.monotonic() - begin


def test_ten_thousand_at_20_ms(dns, tmp_path):
    """In the budget at least nine of ten have their names."""
    server = dns(delay=20)
    found, seconds = parse(tmp_path, section(server.server(), "budget = 10s"), report(address(n) for n in range(10000)))
    named = [d for d in found if "source_reverse_dns" in d]
    print("%d of %d in %.2f s" % (len(named), len(found), seconds))
    assert len(found) == 10000
    assert len(named) >= 9000
    assert all(d["source_reverse_dns"] == "host-%s.hosts.example" % d["source_ip_address"].replace(".", "-")
               and d["source_base_domain"] == "hosts.example" == d["source_name"] for d in named)
    assert seconds < 10 + 5 * LOADED


def test_names_lead_back_or_not(dns, tmp_path):
    """10.0.0.0/24 is led back to; of 10.1.0.0 the names exist, but not their addresses."""
    server = dns(bits=24)
    found, _ = parse(tmp_path, section(server.server()), report(["10.0.0.7", "10.1.0.7", "::ffff:10.0.0.7", "192.0.2.1"]))
    assert [d.get("source_reverse_dns") for d in found] == [
        "host-10-0-0-7.hosts.example", "host-10-1-0-7.hosts.example", "host-10-0-0-7.hosts.example", None]
    assert [d["intake"].get("reverse_dns_confirmed") for d in found] == [True, False, True, None]
    assert server.asked() - server.start_count >= 2


def test_over_tcp(dns, tmp_path):
    server = dns(tcp=True)
    found, _ = parse(tmp_path, section(server.server()), report(address(n) for n in range(50)))
    assert all("source_reverse_dns" in d for d in found)


def test_a_hundred_mails_ask_once(dns, world):
    """100 mails with the same 1,000 addresses, eight at a time."""
    server = dns(delay=20, ttl=3600)
    intake = world.intake(extra=section(server.server(), "budget = 30s"))
    addresses = [address(n) for n in range(1000)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda n: deliver(intake.listen, mail(report(addresses, "r%d" % n), "r%d" % n)),
                                range(100)))
    assert all(r[0].startswith("250") for r in replies)
    assert server.asked() - server.start_count == 1000
    assert intake.rows("SELECT count(*), count(source_reverse_dns), sum(intake_reverse_dns_confirmed)"
                       " FROM aggregate_record") == [(100000, 100000, 100000)]


def test_a_dead_server_costs_one_budget(dns, world):
    """The first mail waits for its budget; the ones after it do not, until somebody answers again."""
    server = dns()
    intake = world.intake(extra=section(server.server(), "budget = 8s", "dns_timeout = 20s"))
    server.pause(True)
    took = []
    for n in range(4):
        begin = time.monotonic()
        assert deliver(intake.listen, mail(report((address(256 * n + i) for i in range(200)), "r%d" % n)))[0][:3] == "250"
        took.append(time.monotonic() - begin)
    print("seconds: " + ", ".join("%.2f" % t for t in took))
    assert 7.9 <= took[0] < 8 + 8 * LOADED
    assert max(took[1:]) < 3.5 * LOADED  # a resolver that is not held for dead costs the next one 4
    server.pause(False)

    def is_back():
        number = is_back.count = getattr(is_back, "count", 0) + 1
        deliver(intake.listen, mail(report([address(100000 + number)], "back%d" % number)))
        return intake.rows("SELECT 1 FROM aggregate_record WHERE source_reverse_dns IS NOT NULL")

    wait_for(is_back, 60, 0.5)


def test_answers_that_never_come_cost_less_and_less(dns, world):
    """Each mail has one address that nobody answers for: 4 s, 2, 1, a half; and the whole again after better days."""
    server = dns(mute=True)
    intake = world.intake(extra=section(server.server(), "budget = 4s"))

    def took(n, *addresses):
        begin = time.monotonic()
        assert deliver(intake.listen, mail(report(addresses, "r%d" % n)))[0][:3] == "250"
        return time.monotonic() - begin

    in_vain = [took(n, "10.0.0.%d" % n, "10.9.0.%d" % n) for n in range(1, 9)]
    print("seconds: " + ", ".join("%.2f" % t for t in in_vain))
    assert in_vain[0] >= 3.9
    assert sum(in_vain) < 10 + 7 * LOADED  # 4 + 2 + 1 + 5 halves; halved only once it would be 18, never 32
    (count, named), = intake.rows("SELECT count(*), count(source_reverse_dns) FROM aggregate_record")
    assert count == 16 and 4 <= named <= 8  # the later ones have half a second for it
    # and half a second without a word is not the end
    server.pause(True)
    assert took(20, "10.0.0.20") >= 0.45
    assert took(21, "10.0.0.21") >= 0.45
    server.pause(False)
    for n in range(9, 15):
        took(n, "10.0.0.%d" % n)
    assert took(15, "10.9.0.15") >= 3.9


def test_what_is_late_is_there_for_the_next(dns, world):
    """A budget of nothing: the first mail has no names, a later one does."""
    server = dns(delay=200, ttl=3600)
    intake = world.intake(extra=section(server.server(), "budget = 0"))
    addresses = [address(n) for n in range(300)]
    deliver(intake.listen, mail(report(addresses, "first")))
    wait_for(lambda: server.asked("A") >= 300, 30)
    assert intake.rows("SELECT count(source_reverse_dns) FROM aggregate_record") == [(0,)]

    def has_all():
        number = has_all.count = getattr(has_all, "count", 0) + 1
        deliver(intake.listen, mail(report(addresses, "again%d" % number)))
        return intake.rows("SELECT 1 FROM aggregate_record AS c JOIN aggregate_report AS r ON r.id = c.report_id WHERE"
                           " r.report_id = ? GROUP BY r.id HAVING count(source_reverse_dns) = 300", "again%d" % number)

    wait_for(has_all, 30, 0.5)
    assert server.asked() - server.start_count == 300


def test_failures_of_tls_have_names(dns, tmp_path):
    server = dns()
    text = json.dumps({
        "organization-name": "o", "report-id": "r", "contact-info": "c@o.example",
        "date-range": {"start-datetime": "2026-01-01T00:00:00Z", "end-datetime": "2026-01-01T23:59:59Z"},
        "policies": [{"policy": {"policy-type": "sts", "policy-domain": "d.example"},
                      "summary": {"total-successful-session-count": 1, "total-failure-session-count": 2},
                      "failure-details": [{"result-type": "validation-failure", "sending-mta-ip": "10.0.0.1",
                                           "receiving-ip": "10.0.0.2", "failed-session-count": 1},
                                          {"result-type": "sts-webpki-invalid", "failed-session-count": 1}]}]})
    found, _ = parse(tmp_path, section(server.server()), text)
    assert found[0]["intake"]["failure_details"] == [{
        "sending_mta_ip": "10.0.0.1", "sending_mta_reverse_dns": "host-10-0-0-1.hosts.example",
        "sending_mta_name": "hosts.example", "receiving_ip": "10.0.0.2",
        "receiving_reverse_dns": "host-10-0-0-2.hosts.example", "receiving_name": "hosts.example"}]


def test_ids_do_not_depend_on_names(dns, tmp_path):
    server = dns()
    xml = report(address(n) for n in range(20))
    with_names, _ = parse(tmp_path, section(server.server()), xml)
    without, _ = parse(tmp_path, "[enrich]\noffline = yes\n", xml)
    assert [d["_id"] for d in with_names] == [d["_id"] for d in without]
    assert "source_reverse_dns" in with_names[0] and "source_reverse_dns" not in without[0]


ASK_ORACLE = """
import csv, json, sys
from parsedmarc.utils import get_ip_address_info, load_psl_overrides
db, table, overrides, server = sys.argv[1:5]
host, port = server.split(":")
import dns.resolver
ask = dns.resolver.Resolver.resolve
def resolve(self, *a, **k):
    self.port = int(port)
    return ask(self, *a, **k)
dns.resolver.Resolver.resolve = resolve
load_psl_overrides(local_file_path=overrides, offline=True)
rows = {r["base_reverse_dns"].lower().strip(): {"name": r["name"].strip(), "type": r["type"].strip()}
        for r in csv.DictReader(open(table))}
for line in sys.stdin:
    i = get_ip_address_info(line.strip(), ip_db_path=db, reverse_dns_map=rows, nameservers=[host],
                            reverse_dns_map_path=table, always_use_local_files=True, psl_overrides_path=overrides)
    print(json.dumps(i))
"""


def test_the_values_of_parsedmarc(dns, tmp_path):
    """1,000 addresses, 500 with a name: the same database, table, overrides and server."""
    if subprocess.run([ORACLE, "-c", "import parsedmarc"], capture_output=True).returncode:
        pytest.skip("no parsedmarc here")
    server = dns()
    db, table, overrides = (os.environ.get("NAMES_DB", str(FIXTURES / "names" / "ipinfo.mmdb")),
                            tmp_path / "map.csv", tmp_path / "overrides")
    table.write_text("base_reverse_dns,name,type\nhosts.example,Hosts,Web Host\nexample.net,Example,ISP\n"
                     "1-hosts.example,One,SaaS\n")
    overrides.write_text("-1.hosts.example\n-2.hosts.example\n")
    addresses = ([address(n * 37) for n in range(500)] + ["192.0.2.%d" % n for n in range(200)]
                 + ["198.51.100.%d" % n for n in range(100)] + ["203.0.113.%d" % n for n in range(100)]
                 + ["2001:db8::%x" % n for n in range(100)])
    if "NAMES_DB" in os.environ:  # a real one: addresses of all networks
        addresses[500:] = ["%d.%d.%d.1" % (n * 7 % 223 + 1, n * 31 % 256, n * 97 % 256) for n in range(500)]
    conf = section(server.server(), "ip_db_path = " + db, "source_map_path = %s" % table,
                   "psl_overrides_path = %s" % overrides)
    found, _ = parse(tmp_path, conf, report(addresses), "json")
    ours = [r["source"] for r in (found[0] if isinstance(found, list) else found["aggregate_reports"][0])["records"]]
    run = subprocess.run([ORACLE, "-c", ASK_ORACLE, db, str(table), str(overrides), server.server()],
                         input="\n".join(addresses), capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    theirs = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(ours) == len(theirs) == 1000
    different = [(o, t) for o, t in zip(ours, theirs) if o != {**t, "type": t["type"] or None}]
    assert not different, "%d differ, the first: %s" % (len(different), different[0])
    assert sum(o["reverse_dns"] is not None for o in ours) >= 500
    assert len({o["country"] for o in ours}) > 2 and len({o["name"] for o in ours}) > 3


def reclassify(conf, *args):
    run = subprocess.run([COMMAND, "-c", conf, "reclassify", *args], capture_output=True, text=True, timeout=120)
    return run.returncode, run.stdout, run.stderr


def test_what_is_stored_is_classified_again(dns, world, monkeypatch):
    """Stored without names; then asked for, and then the map changes."""
    server = dns()
    failure = (FIXTURES / "failure_network.eml").read_bytes()
    intake = world.intake(extra="[enrich]\noffline = yes\n")
    for n in range(3):
        deliver(intake.listen, mail(report((address(5000 * n + i) for i in range(1500)), "r%d" % n), "r%d" % n))
    deliver(intake.listen, failure)
    # records that fail: of somebody, and of somebody who signs for a domain of ours
    deliver(intake.listen, mail(report([address(7)], "f1", "fail"), "f1"))
    deliver(intake.listen, mail(report([address(8)], "f2", "fail", "x.d.example"), "f2"))
    categories = ("SELECT intake_category FROM aggregate_record AS c JOIN aggregate_report AS r ON r.id = c.report_id"
                  " WHERE r.report_id IN ('f1', 'f2') ORDER BY r.report_id")
    assert intake.rows(categories) == [("unknown",), ("misconfigured",)]
    ids = intake.rows("SELECT digest FROM aggregate_record ORDER BY id")
    plain = intake.conf.read_text()
    conf = intake.folder / "again.conf"
    conf.write_text(plain)
    code, out, complaint = reclassify(conf, "--missing")
    assert code == 78 and "offline" in complaint, (out, complaint)
    conf.write_text(plain.replace("[enrich]\noffline = yes\n", section(server.server(), "budget = 60s")))
    assert reclassify(conf, "--missing", "--dry-run") == (0, "4503 seen, 4502 would change\n", "")
    assert intake.rows("SELECT count(source_reverse_dns) FROM aggregate_record") == [(0,)]
    assert reclassify(conf, "--missing") == (0, "4503 seen, 4502 changed\n", "")
    assert intake.rows("SELECT count(source_reverse_dns), sum(intake_reverse_dns_confirmed), min(source_name), max(source_name)"
                       " FROM aggregate_record") == [(4502, 4502, "hosts.example", "hosts.example")]
    assert reclassify(conf, "--missing")[1] == "1 seen, 0 changed\n"
    table = intake.folder / "map.csv"
    table.write_text("base_reverse_dns,name,type\nhosts.example,Hosts,SaaS\n")
    db = FIXTURES / "names" / "ipinfo.mmdb"
    conf.write_text(conf.read_text() + "source_map_path = %s\nip_db_path = %s\n" % (table, db))
    asked = server.asked()
    changed = 4502 + intake.rows("SELECT count(*) FROM failure_report WHERE source_ip_address LIKE '192.0.2.%'"
                                 " OR source_ip_address LIKE '198.51.100.%'")[0][0]
    assert reclassify(conf) == (0, "4503 seen, %d changed\n" % changed, "")
    assert server.asked() == asked
    assert reclassify(conf)[1] == "4503 seen, 0 changed\n"
    assert intake.rows("SELECT DISTINCT source_name, source_type FROM aggregate_record") == [("Hosts", "SaaS")]
    assert intake.rows(categories) == [("misconfigured",), ("misconfigured",)]
    # a file less: what it said stays
    conf.write_text(conf.read_text().replace("ip_db_path = %s\n" % db, ""))
    assert reclassify(conf)[1] == "4503 seen, 0 changed\n"
    # a network is no service any more
    table.write_text("base_reverse_dns,name,type\nhosts.example,Hosts,ISP\n")
    assert reclassify(conf)[1] == "4503 seen, 4502 changed\n"
    assert intake.rows(categories) == [("unknown",), ("misconfigured",)]
    assert intake.rows("SELECT digest FROM aggregate_record ORDER BY id") == ids
