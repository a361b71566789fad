#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare what "dmarc-intake parse" says of report files with parsedmarc.

usage: compare.py --program build/dmarc-intake --oracle-python PYTHON FILE...

Every field of the report JSON, of the CSV and of the indexed documents must be
the same, but for those in exceptions.py. Prints each difference; exit status 1 when there is one.
"""

import argparse
import csv
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import exceptions

TIMEOUT_S = 120
TABLES = ("aggregate.csv", "failure.csv", "smtp_tls.csv")
KINDS = ("aggregate_reports", "failure_reports", "smtp_tls_reports")


def run(command):
    # parsedmarc knows no other way than to keep all of a failure's sample
    env = dict(os.environ, TZ="UTC", DMARC_INTAKE_INTAKE_FAILURE_SAMPLE="full")
    return subprocess.run(
        command, env=env, capture_output=True, timeout=TIMEOUT_S, check=False
    )


def of_oracle(oracle_python, file):
    """(reports, CSV rows, documents) of parsedmarc, without any network."""
    program = Path(oracle_python).parent / "parsedmarc"
    with tempfile.TemporaryDirectory() as folder:
        done = run([oracle_python, program, "--offline", "-o", folder, file])
        reports = json.loads(done.stdout)
        tables = [Path(folder) / name for name in TABLES]
        rows = [row for t in tables if t.exists() for row in rows_of(t.read_bytes())]
    done = run([oracle_python, Path(__file__).with_name("documents.py"), file])
    if done.returncode != 0:
        raise RuntimeError(f"{file}: documents.py: {done.stderr.decode()}")
    return reports, rows, lines_of(done.stdout)


def rows_of(table):
    return list(csv.DictReader(io.StringIO(table.decode(), newline="")))


def lines_of(ndjson):
    return [json.loads(line) for line in ndjson.splitlines()]


def of_ours(program, file):
    """The same of dmarc-intake."""
    as_json = run([program, "-c", "/dev/null", "parse", "--format", "json", file])
    if as_json.returncode not in (0, 65):
        raise RuntimeError(
            f"{file}: exit {as_json.returncode}: {as_json.stderr.decode()}"
        )
    as_csv = run([program, "-c", "/dev/null", "parse", "--format", "csv", file])
    rows = rows_of(as_csv.stdout)
    as_lines = run([program, "-c", "/dev/null", "parse", "--format", "ndjson", file])
    return json.loads(as_json.stdout), rows, lines_of(as_lines.stdout)


class Comparison:
    """Differences of one file, and the exceptions that were met."""

    def __init__(self, file):
        self.file = file
        self.differences = []
        self.used = set()

    def differ(self, where, ours, theirs):
        self.differences.append(
            f"{self.file}: {where}: {ours!r}, parsedmarc: {theirs!r}"
        )

    def leaf(self, where, field, ours, theirs):
        if ours == theirs and type(ours) is type(theirs):
            return
        if field in exceptions.REWRITTEN and exceptions.as_sent(theirs) == ours:
            return
        if field in exceptions.WORDING and bool(ours) == bool(theirs):
            return
        for i, excepted in enumerate(exceptions.VALUES):
            if excepted[:4] == (self.file, field, ours, theirs):
                self.used.add(i)
                return
        self.differ(where, ours, theirs)

    def tree(self, where, field, ours, theirs, excepted):
        """field is where without the positions in arrays."""
        if field in exceptions.WORDING:
            self.leaf(where, field, ours, theirs)
        elif isinstance(ours, dict) and isinstance(theirs, dict):
            for key in dict.fromkeys([*ours, *theirs]):
                inner = f"{field}.{key}" if field else key
                if inner in excepted:
                    self.used.add(inner)
                    continue
                if key not in ours or key not in theirs:
                    self.leaf(
                        f"{where}.{key}",
                        inner,
                        ours.get(key, "(no such key)"),
                        theirs.get(key, "(no such key)"),
                    )
                    continue
                self.tree(
                    f"{where}.{key}", inner, ours[key], theirs[key], excepted
                )
        elif isinstance(ours, list) and isinstance(theirs, list):
            if len(ours) != len(theirs):
                self.differ(f"{where}, items", len(ours), len(theirs))
            for i, (mine, other) in enumerate(zip(ours, theirs)):
                self.tree(f"{where}[{i}]", field, mine, other, excepted)
        else:
            self.leaf(where, field, ours, theirs)

    def report(self, where, ours, theirs):
        """The records are compared under their own names."""
        head = {k: v for k, v in ours.items() if k != "records"}
        their_head = {k: v for k, v in theirs.items() if k != "records"}
        self.tree(where, "", head, their_head, exceptions.JSON_FIELDS)
        self.tree(
            f"{where}.records",
            "",
            ours.get("records"),
            theirs.get("records"),
            exceptions.JSON_FIELDS,
        )
        if list(ours) != list(theirs):
            self.differ(f"{where}, order of keys", list(ours), list(theirs))


    def whole(self, where, ours, theirs):
        """A report without records."""
        sample = theirs.get("parsed_sample")
        if sample is not None:
            kept = {k: sample[k] for k in exceptions.PARSED_SAMPLE if k in sample}
            theirs = {**theirs, "parsed_sample": kept}
        self.tree(where, "", ours, theirs, exceptions.JSON_FIELDS)
        if list(ours) != list(theirs):
            self.differ(f"{where}, order of keys", list(ours), list(theirs))


def compare(program, oracle_python, file):
    c = Comparison(Path(file).name)
    their_reports, their_rows, their_docs = of_oracle(oracle_python, file)
    our_reports, our_rows, our_docs = of_ours(program, file)
    if list(our_reports) != list(KINDS):
        c.differ("kinds of reports", list(our_reports), list(KINDS))
    for kind in KINDS:
        ours, theirs = our_reports[kind], their_reports[kind]
        if len(ours) != len(theirs):
            c.differ(f"{kind}, items", len(ours), len(theirs))
        for i, (mine, other) in enumerate(zip(ours, theirs)):
            if kind == "aggregate_reports":
                c.report(f"{kind}[{i}]", mine, other)
            else:
                c.whole(f"{kind}[{i}]", mine, other)
    c.tree("document", "", our_docs, their_docs, exceptions.DOCUMENT_FIELDS)
    c.tree("csv", "", our_rows, their_rows, exceptions.CSV_FIELDS)
    if our_rows and their_rows and list(our_rows[0]) != list(their_rows[0]):
        c.differ("csv, order of columns", list(our_rows[0]), list(their_rows[0]))
    return c


def unused_exceptions(comparisons):
    """Those of files that were compared and that nothing needed."""
    used = set().union(*(c.used for c in comparisons))
    files = {c.file for c in comparisons}
    for i, excepted in enumerate(exceptions.VALUES):
        if excepted[0] in files and i not in used:
            yield f"exceptions.py: no longer needed: {excepted!r}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default="build/dmarc-intake")
    parser.add_argument("--oracle-python", default="/tmp/pdvenv/bin/python")
    parser.add_argument("files", nargs="+")
    args = parser.parse_args()
    comparisons = [
        compare(args.program, args.oracle_python, f) for f in args.files
    ]
    told = [d for c in comparisons for d in c.differences]
    told += unused_exceptions(comparisons)
    print("\n".join(told) if told else f"{len(comparisons)} files agree")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
