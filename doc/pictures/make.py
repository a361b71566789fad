#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make.py [BUILD] - the pictures of README.md: two months of reports with
invented names, stored by the program in BUILD (default: build), and the page
that it writes, as Chromium shows it."""
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
from random import Random

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(TOP / "tests" / "fixtures"), str(TOP / "tests" / "integration")]
from browser import picture  # noqa: E402
from report import BEGIN, DAY, record, report_xml  # noqa: E402

DAYS = 60
DOMAINS = (("garden.example", "reject", 1.0), ("shop.garden.example", "quarantine", 0.5), ("seeds.example", "none", 0.3))
REPORTERS = ("northmail.example", "bigpost.example", "letterbox.example", "univ-mail.example", "fastpost.example")
# name, category, country, addresses, mails a day, DKIM, SPF: how often they are aligned
SENDERS = (
    ("Garden Mail Server", "own", "DE", 2, 420, 1.0, 1.0),
    ("Leaflet Newsletters", "Marketing", "US", 4, 900, 1.0, 0.0),
    ("Parcel Desk", "SaaS", "NL", 3, 160, 0.9, 0.6),
    ("Bookkeeper Online", "Finance", "FR", 1, 40, 0.0, 0.35),
    ("Univ Forwarders", "Education", "SE", 5, 60, 0.8, 0.0),
    ("", "", "", 24, 130, 0.0, 0.0),  # who knows
)


def addresses():
    number = 0
    for sender in SENDERS:
        for _ in range(sender[3]):
            number += 1
            yield "203.0.113.%d" % number, sender


def records(rng, domain, policy, weight, day):
    growth = 0.7 + 0.5 * day / DAYS - (0.45 if (BEGIN // DAY + day) % 7 in (2, 3) else 0)
    for ip, (name, kind, country, count, mails, dkim, spf) in addresses():
        n = int(rng.gauss(mails, mails / 6) * weight * growth / count / len(REPORTERS))
        if n < 1 or (not name and rng.random() < 0.6):
            continue
        if name == "Bookkeeper Online" and day > 40:
            dkim = 0.97  # somebody has mended it
        passed = [max(0, min(n, int(n * p + rng.random()))) for p in (dkim, spf)]
        for dkim_ok, spf_ok, share in ((1, 1, min(passed)), (1, 0, passed[0] - min(passed)),
                                       (0, 1, passed[1] - min(passed)), (0, 0, n - max(passed))):
            if share:
                words = ["pass" if ok else "fail" for ok in (dkim_ok, spf_ok)]
                yield record(rng, domain, ip=ip, count=share, dkim=words[0], spf=words[1],
                             disposition="none" if "pass" in words else policy,
                             dkim_results=[(domain, "s1", words[0], None)] if name else [],
                             spf_results=[("bounce." + domain, "mfrom", words[1], None)])


def fill(program, folder):
    rng, conf = Random(9), folder / "intake.conf"
    conf.write_text("[intake]\nstate_path = %s\n[sqlite]\npath = %s\n" % (folder, folder / "intake.db"))
    (folder / "reports").mkdir()
    for day in range(DAYS):
        for domain, policy, weight in DOMAINS:
            for reporter in REPORTERS:
                found = list(records(rng, domain, policy, weight, day))
                if found:
                    (folder / "reports" / ("%s-%s-%d.xml" % (reporter, domain, day))).write_text(report_xml(
                        found, org=reporter, domain=domain, report_id="%s-%d" % (domain, day), begin=BEGIN + day * DAY,
                        policy=dict(adkim="r", aspf="r", p=policy, sp=policy, pct="100", fo="0")))
    tests = TOP / "tests" / "fixtures"
    subprocess.run([program, "-c", conf, "ingest", folder / "reports", tests / "tls_two_policies.eml",
                    tests / "failure_network.eml", tests / "failure_portal.eml"], check=True, capture_output=True)
    # what a resolver and an MMDB would have said of addresses that nobody has
    database = sqlite3.connect(folder / "intake.db")
    for ip, (name, kind, country, *_) in addresses():
        if name:
            database.execute("UPDATE aggregate_record SET source_name = ?, source_type = ?, source_country = ?"
                             " WHERE source_ip_address = ?", (name, kind, country, ip))
    database.commit()
    database.close()
    return conf


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else TOP / "build").resolve()
    here = pathlib.Path(__file__).resolve().parent
    with tempfile.TemporaryDirectory(prefix="dmarc-intake-pictures.") as name:
        folder = pathlib.Path(name)
        conf = fill(build / "dmarc-intake", folder)
        subprocess.run([build / "dmarc-intake", "-c", conf, "report", "--html", folder / "page.html", "--top", "8"],
                       check=True)
        for kind, width, height, is_dark in (("desktop-light", 1180, 1400, False), ("desktop-dark", 1180, 1400, True),
                                             ("phone-light", 500, 1400, False), ("phone-dark", 500, 1400, True)):
            picture("file://%s" % (folder / "page.html"), here / ("report-%s.png" % kind), width, height, is_dark)


if __name__ == "__main__":
    main()
