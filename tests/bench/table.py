#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""table.py [--baseline] - the results of the rows (measure.py's file) as the table of doc/performance.md, and with
--baseline also as the ratios that check.py compares with."""
import json
import os
import pathlib
import platform
import re
import subprocess
import sys

from measure import ORACLE, RESULTS, TOP

PAGE = TOP / "doc" / "performance.md"
BASELINE = TOP / "tests" / "bench" / "baseline.json"
BEGIN, END = "<!-- table: tests/bench/table.py -->\n", "<!-- end of table -->\n"
ORDER = ("small", "large", "scale", "opensearch", "elasticsearch", "sqlite", "cpu", "idle", "connections", "latency")


def number(value):
    return "%.0f" % value if value >= 100 else "%.3g" % value


def said(*command):
    """The first line of what a program says of its version."""
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except OSError:
        return "none"
    return ((run.stdout or run.stderr).splitlines() or ["none"])[0].strip()


def machine():
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    system = re.search(r'PRETTY_NAME="(.*)"', pathlib.Path("/etc/os-release").read_text())
    commit = said("git", "-C", str(TOP), "rev-parse", "--short", "HEAD")
    return ["%d processors (%s), Linux %s, %s; commit %s." % (
        os.cpu_count(), cpu.group(1) if cpu else platform.machine(), platform.release(),
        system.group(1) if system else "?", commit),
            "parsedmarc 11.1.0 on %s, mail-auth 0.7.1 by %s, Postfix %s, %s." % (
                said(str(ORACLE), "--version"), said("rustc", "--version").split(" (")[0],
                said("postconf", "-hd", "mail_version"), said("xmllint", "--version").replace("xmllint: using ", ""))]


def main():
    results = json.loads(RESULTS.read_text())
    rows = sorted(results.items(), key=lambda item: (
        next((n for n, name in enumerate(ORDER) if item[0].startswith(name)), len(ORDER)), item[0]))
    lines = machine() + ["", "| work | against | measured: median (spread, runs) | goal | |", "|---|---|---|---|---|"]
    for _, r in rows:
        spread = " (%s to %s, %d)" % (number(r["least"]), number(r["most"]), r["runs"]) if r["runs"] > 1 else ""
        lines.append("| %s | %s | %s%s%s%s | %s | %s |" % (
            r["work"], r["against"], number(r["median"]), r["unit"], spread, "; " + r["note"] if r["note"] else "",
            r["goal"], "met" if r["is_met"] else "**missed**"))
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    if sys.argv[1:] == ["--baseline"]:
        BASELINE.write_text(json.dumps({key: {"median": r["median"]} for key, r in rows}, indent=1) + "\n")
    PAGE.write_text(before + BEGIN + "\n".join(lines) + "\n" + END + rest.split(END)[1])
    return 0 if all(r["is_met"] for _, r in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
