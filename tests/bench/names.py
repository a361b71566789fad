#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""names.py [RECORDS] - what names cost: instructions (callgrind; they do not
depend on the load of the machine) of "dmarc-intake parse" for each record,
without names and with country, network and service out of files, offline, and
with names out of a warm cache when knot is there. Each with distinct addresses
and with as few as reports have."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("builddir", TOP / "build"))
sys.path.insert(0, str(TOP / "tests" / "integration"))
DB = os.environ.get("NAMES_DB", str(TOP / "tests/fixtures/names/ipinfo.mmdb"))
LIMIT = 25  # per cent

ROW = ("<record><row><source_ip>%s</source_ip><count>1</count><policy_evaluated><disposition>none</disposition><dkim>pass"
       "</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>d.example</header_from></identifiers>"
       "<auth_results><dkim><domain>d.example</domain><selector>s1</selector><result>pass</result></dkim>"
       "<spf><domain>bounce.d.example</domain><result>fail</result></spf></auth_results></record>")
HEAD = ("<feedback><report_metadata><org_name>o.example</org_name><email>a@o.example</email><report_id>%d</report_id>"
        "<date_range><begin>1767225600</begin><end>1767311999</end></date_range></report_metadata><policy_published>"
        "<domain>d.example</domain><p>none</p></policy_published>")


def report(path, number, records, distinct, first):
    rows = (ROW % ("%d.%d.%d.%d" % (first, n >> 16 & 255, n >> 8 & 255, n & 255))
            for n in (i % distinct for i in range(records)))
    path.write_text(HEAD % number + "".join(rows) + "</feedback>")


def instructions(folder, conf, files):
    (folder / "conf").write_text(conf)
    out = folder / "callgrind"
    run = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=%s" % out, str(BUILD / "dmarc-intake"), "-c",
                          str(folder / "conf"), "parse", "--format", "ndjson", *map(str, files)],
                         stdout=open(folder / "out", "wb"), stderr=subprocess.PIPE, text=True, timeout=900)
    assert run.returncode == 0, run.stderr
    return int(re.search(r"Collected : (\d+)", run.stderr)[1])


def main():
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 20000
    worst = 0
    with tempfile.TemporaryDirectory(prefix="intake-names.") as name:
        folder = pathlib.Path(name)
        server = None
        try:
            import names
            if names.are_there():
                (folder / "dns").mkdir()
                server = names.Names(folder / "dns").start()
        except ImportError:
            pass  # pytest is not there
        plain = "[enrich]\noffline = yes\n"
        files = "[enrich]\noffline = yes\nip_db_path = %s\nsource_map_path = %s\n" % (DB, TOP / "conf/sources.csv")
        for distinct in (records, records // 20):
            first = 192 if "NAMES_DB" not in os.environ else 8
            for n in (1, 2):
                report(folder / ("%d.xml" % n), n, records, distinct, first)
            one, two = [folder / "1.xml"], [folder / "1.xml", folder / "2.xml"]

            def each(conf):  # of the second report, so that neither start nor a cold cache counts
                return (instructions(folder, conf, two) - instructions(folder, conf, one)) / records
            base = each(plain)
            cost = {"files": each(files)}
            if server:
                for n in (1, 2):
                    report(folder / ("%d.xml" % n), n, records, distinct, 10)
                warm = files.replace("offline = yes", "offline = no\nbudget = 60s\nnameservers = " + server.server())
                cost["files and a warm cache"] = each(warm)
            for what, total in cost.items():
                share = 100 * (total - base) / base
                worst = max(worst, share)
                print("%d records, %d addresses, %s: %d instructions a record, %.1f %% more than without (%d)"
                      % (records, distinct, what, total, share, base))
        if server:
            server.stop()
    print("worst=%.1f %% (at most %d)" % (worst, LIMIT))
    return 0 if worst <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
