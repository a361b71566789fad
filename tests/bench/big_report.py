#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""big_report.py [RECORDS [RUNS]] - a large report, against the floor that an
XML reader alone sets: "dmarc-intake parse --format ndjson" on the mail, and
"gunzip | xmllint --stream" on its attachment, alternating. Medians of the wall
time, and the most memory that the command had resident."""
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import zlib

import mailgen
from report import BEGIN, head_xml, record, record_xml, seeded

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("builddir", TOP / "build"))


def make(top, count):
    """The mail and its attachment, written without holding the XML."""
    rng, squeeze = seeded("big"), zlib.compressobj(6, zlib.DEFLATED, 31)
    size, parts = 0, []

    def add(text):
        nonlocal size
        size += len(text)
        parts.append(squeeze.compress(text.encode()))

    add(head_xml("bigmail.example", "test.example", "big-%d" % count, begin=BEGIN))
    for _ in range(count):
        add(record_xml(record(rng, "test.example")))
    add("</feedback>\n")
    data = b"".join(parts) + squeeze.flush()
    (top / "big.xml.gz").write_bytes(data)
    (top / "big.eml").write_text(mailgen.mail_of("bigmail.example", "test.example", "big", "big.xml.gz",
                                                 "application/gzip", data, "text/plain"))
    return size


def timed(command, folder):
    start = time.monotonic()
    with open(folder / "out", "wb") as out:
        child = subprocess.Popen(command, stdout=out, cwd=folder)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, (command, child.returncode)
    return time.monotonic() - start, used.ru_maxrss


def main():
    count, runs = int(sys.argv[1]) if len(sys.argv) > 1 else 100000, int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory(prefix="intake-big.") as name:
        top = pathlib.Path(name)
        size = make(top, count)
        print("%d records, %.1f MB of XML, %.1f MB mail" % (count, size / 1e6, (top / "big.eml").stat().st_size / 1e6))
        ours, floor, most = [], [], 0
        for _ in range(runs):
            floor.append(timed(["sh", "-c", "gunzip -c big.xml.gz | xmllint --stream --noout -"], top)[0])
            seconds, kib = timed([str(BUILD / "dmarc-intake"), "-c", "/dev/null", "parse", "--format", "ndjson",
                                  "big.eml"], top)
            ours.append(seconds)
            most = max(most, kib)
            with open(top / "out", "rb") as f:
                lines = sum(1 for _ in f)
            assert lines == count, lines
        us, them = statistics.median(ours), statistics.median(floor)
        print("we:   " + " ".join("%.2f" % s for s in ours))
        print("floor: " + " ".join("%.2f" % s for s in floor))
        print("seconds=%.2f floor=%.2f times_floor=%.2f (at most 2) max_rss_mib=%.1f (below 64)"
              % (us, them, us / them, most / 1024))
        return 0 if us <= 2 * them and most < 64 * 1024 else 1


if __name__ == "__main__":
    sys.exit(main())
