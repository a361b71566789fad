#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""documents.py FILE... - the documents that parsedmarc would index, one a line.

Run by the interpreter that parsedmarc is installed for. No server is asked:
what would go over the wire is taken at the last step before it.
"""

import json
import sys

import parsedmarc
import parsedmarc.elastic as elastic


class NothingThere:
    """Instead of the search for a copy that was saved before."""

    def __init__(self, **_):
        self.query = None

    def execute(self):
        return []


def print_document(document):
    if isinstance(document, elastic._AggregateReportDoc):
        document.passed_dmarc = document.spf_aligned or document.dkim_aligned
    document.full_clean()
    body = document.to_dict()
    print(json.dumps({"_index": document.meta.index, **body}, default=lambda d: d.isoformat()))


# of each kind of report: the document's class, and what saves it
KINDS = {
    "failure": (elastic._FailureReportDoc, elastic.save_failure_report_to_elasticsearch),
    "aggregate": (elastic._AggregateReportDoc, elastic.save_aggregate_report_to_elasticsearch),
    "smtp_tls": (elastic._SMTPTLSReportDoc, elastic.save_smtp_tls_report_to_elasticsearch),
}


def main():
    elastic.Search = NothingThere
    elastic.create_indexes = lambda *_, **__: None
    for file in sys.argv[1:]:
        parsed = parsedmarc.parse_report_file(file, offline=True)
        document, save = KINDS[parsed["report_type"]]
        document.save = print_document
        save(parsed["report"], monthly_indexes=True)


if __name__ == "__main__":
    main()
