#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""reading.py [small|large|scale ...] - the rows of the speed table that read files and write JSON.

Against parsedmarc (ORACLE_PYTHON), against mail-auth (mail-auth/, built with cargo), and against the floor of any XML
reader, gunzip | xmllint. Wall clock of whole processes.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

import big_report
import mailgen
from measure import CACHE, ORACLE, PAIRS, QUICK, SHORT, intake, keep, pairs, run

MAILS, RECORDS = (30, 300) if QUICK else (1000, 100000)
FLOOR = ["sh", "-c", "gunzip -c big.xml.gz | xmllint --sax --noout -"]


def mail_auth():
    """The program, or None where there is no cargo; a quick look builds nothing for minutes."""
    source, target = pathlib.Path(__file__).resolve().parent / "mail-auth", CACHE / "cargo"
    if shutil.which("cargo") is None or (QUICK and not target.exists()):
        print("mail-auth: skipped, no cargo" if not QUICK else "mail-auth: skipped, not built yet")
        return None
    subprocess.run(["cargo", "build", "-q", "--release", "--locked", "--manifest-path", str(source / "Cargo.toml"),
                    "--target-dir", str(target)], check=True, timeout=1200)
    return target / "release" / "mail-auth-parse"


def parsedmarc(path):
    return [ORACLE.parent / "parsedmarc", "--offline", path]


def ratios(made):
    return [b[0] / a[0] for a, b in made]


def mbox_of(path, mails):
    with open(path, "w", encoding="utf-8") as f:
        for mail in mails:
            f.write("From noreply@reporter.example Fri Jan  2 03:04:05 2026\n" + mail + "\n")


def small(top):
    mbox_of(top / "mbox", (mail for _, _, mail in mailgen.mixed(MAILS)))
    work = "%d mails (mbox) to JSON" % MAILS

    def ours():
        return run(intake("parse", "--format", "json", "mbox"), top)

    ours()
    if ORACLE.exists():
        made = pairs(ours, lambda: run(parsedmarc("mbox"), top))
        keep("small-parsedmarc", work, "parsedmarc", "100 times faster", lambda m: m >= 100, ratios(made), " times",
             "%.2f s and %.1f s" % (made[0][0][0], made[0][1][0]))
    program = mail_auth()
    if program:
        made = pairs(ours, lambda: run([program, "mbox"], top))
        keep("small-mail-auth", work, "mail-auth", "not slower", lambda m: m >= 1, ratios(made), " times as fast",
             "%.3f s and %.3f s" % (made[0][0][0], made[0][1][0]))


def large(top):
    big_report.make(top, RECORDS)
    mbox_of(top / "big.mbox", [(top / "big.eml").read_text()])
    work = "one report of %d records to JSON" % RECORDS

    def ours():
        return run(intake("parse", "--format", "json", "big.eml"), top)

    ours()
    made = pairs(ours, lambda: run(FLOOR, top))
    keep("large-floor", work, "gunzip, xmllint --sax", "2.5 times its time", lambda m: m <= 2.5,
         [a[0] / b[0] for a, b in made], " times", "%.2f s and %.2f s" % (made[0][0][0], made[0][1][0]))
    program = mail_auth()
    if program:
        made = pairs(ours, lambda: run([program, "big.mbox"], top))
        keep("large-mail-auth", work, "mail-auth", "not slower", lambda m: m >= 1, ratios(made), " times as fast",
             "%.2f s and %.2f s" % (made[0][0][0], made[0][1][0]))
        keep("large-mail-auth-memory", work, "mail-auth", "1/5 of its memory", lambda m: m <= 0.2,
             [a[1] / b[1] for a, b in made], " of it", "%.0f MiB and %.0f MiB" % (made[0][0][1], made[0][1][1]))
    if ORACLE.exists() and not SHORT:
        made = pairs(ours, lambda: run(parsedmarc("big.eml"), top), 1 if QUICK else 3)  # a minute each
        keep("large-parsedmarc", work, "parsedmarc", "100 times faster", lambda m: m >= 100, ratios(made), " times",
             "%.2f s and %.0f s" % (made[0][0][0], made[0][1][0]))
        keep("large-parsedmarc-memory", work, "parsedmarc", "1/30 of its memory", lambda m: m <= 1 / 30,
             [a[1] / b[1] for a, b in made], " of it", "%.0f MiB and %.0f MiB" % (made[0][0][1], made[0][1][1]))


def scale(top):
    folders = [top / "one", top / "ten"]
    for folder, factor in zip(folders, (1, 10)):
        folder.mkdir()
        big_report.make(folder, RECORDS * factor)

    def of(folder):
        # 1.5 GB of output would make it a measure of the disk
        return lambda: run(intake("parse", "--format", "ndjson", "big.eml"), folder, "/dev/null")

    made = pairs(of(folders[0]), of(folders[1]), min(PAIRS, 5))
    work = "%d records in one report" % (RECORDS * 10)
    keep("scale-time", work, "%d records" % RECORDS, "within 10 % of its time per record", lambda m: abs(m - 1) <= 0.1,
         [b[0] / 10 / a[0] for a, b in made], " of it", "%.2f s and %.2f s" % (made[0][1][0], made[0][0][0]))
    keep("scale-memory", work, "itself", "48 MiB resident", lambda m: m <= 48, [b[1] for _, b in made], " MiB")


ROWS = {"small": small, "large": large, "scale": scale}


def main(names):
    for name in names or ROWS:
        with tempfile.TemporaryDirectory(prefix="intake-bench.") as top:
            ROWS[name](pathlib.Path(top))


if __name__ == "__main__":
    main(sys.argv[1:])
