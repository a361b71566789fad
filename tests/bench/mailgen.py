#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mailgen.py COUNT FOLDER [SEED] - distinct report mails with invented data.

Sizes are what domains get: most reports have one to five records, some dozens,
few a hundred (about five on average). Shapes alternate as large reporters send
them: a zip as the whole body, gzip beside text, gzip beside HTML.
"""
import base64
import gzip
import io
import itertools
import math
import os
import sys
import zipfile
from random import Random

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures"))
from report import BEGIN, DAY, record, report_xml  # noqa: E402

# records in a report: in so many of 1000 reports
RECORDS = {1: 350, 2: 200, 3: 120, 4: 80, 5: 75, 7: 60, 10: 60, 20: 35, 50: 15, 100: 5}


# the mix of the speed table: log-normal with this mean, and now and then a huge one
MEAN, SIGMA, HUGE_EVERY, HUGE = 12, 1.2, 250, 2000


def packed(rng, name, xml):
    """What the attachment is called, its type, and its bytes."""
    if rng.random() < 0.3:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr(zipfile.ZipInfo(name + ".xml", (2026, 1, 2, 0, 0, 0)), xml, zipfile.ZIP_DEFLATED)
        return name + ".zip", "application/zip", out.getvalue()
    return name + ".xml.gz", "application/gzip", gzip.compress(xml, 6, mtime=0)


def mail_of(org, domain, report_id, name, kind, data, text=None):
    lines = ["Date: Fri, 02 Jan 2026 03:04:05 +0000", "From: noreply-dmarc@" + org, "To: reports@test.example",
             "Subject: Report domain: %s Submitter: %s Report-ID: <%s>" % (domain, org, report_id),
             "Message-ID: <%s@%s>" % (report_id, org), "MIME-Version: 1.0"]
    part = ['Content-Type: %s; name="%s"' % (kind, name), "Content-Transfer-Encoding: base64",
            'Content-Disposition: attachment; filename="%s"' % name, "",
            base64.encodebytes(data).decode().rstrip("\n")]
    if text is None:
        return "\n".join(lines + part) + "\n"
    return "\n".join(lines + ['Content-Type: multipart/mixed; boundary="=_b"', "", "--=_b",
                              "Content-Type: %s; charset=utf-8" % text, "",
                              "This is a DMARC aggregate report for %s." % domain, "", "--=_b"]
                     + part + ["", "--=_b--"]) + "\n"


def reports(count, seed=1, sizes=None):
    """(report_id, its records, mail) for each; sizes: how many records, as drawn by default."""
    rng = Random(seed)
    for n in range(count):
        org, domain = "reporter-%d.example" % rng.randrange(50), "d%d.test.example" % rng.randrange(20)
        report_id, begin = "bench-%d-%06d" % (seed, n), BEGIN + DAY * rng.randrange(60)
        size = next(sizes) if sizes else rng.choices(list(RECORDS), list(RECORDS.values()))[0]
        records = [record(rng, domain) for _ in range(size)]
        xml = report_xml(records, org=org, domain=domain, report_id=report_id, begin=begin).encode()
        name, kind, data = packed(rng, "%s!%s!%d!%d" % (org, domain, begin, begin + DAY - 1), xml)
        text = None if kind == "application/zip" else rng.choice(("text/plain", "text/html"))
        yield report_id, records, mail_of(org, domain, report_id, name, kind, data, text)


def mails(count, seed=1, sizes=None):
    """(report_id, number of records, mail) for each."""
    return ((report_id, len(records), mail) for report_id, records, mail in reports(count, seed, sizes))


def mixed(count, seed=1):
    """The same with the sizes of the speed table."""
    rng, mu = Random("sizes %d" % seed), math.log(MEAN) - SIGMA ** 2 / 2
    sizes = (HUGE if n % HUGE_EVERY == HUGE_EVERY // 2 else max(1, round(rng.lognormvariate(mu, SIGMA)))
             for n in itertools.count())
    return mails(count, seed, sizes)


def write(count, folder, seed=1):
    """The files' paths; {report_id: records}."""
    os.makedirs(folder, exist_ok=True)
    paths, expected = [], {}
    for n, (report_id, records, mail) in enumerate(mails(count, seed)):
        paths.append(os.path.join(folder, "%06d.eml" % n))
        with open(paths[-1], "w", encoding="utf-8") as f:
            f.write(mail)
        expected[report_id] = records
    return paths, expected


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    made = write(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) == 4 else 1)[1]
    print("mails=%d records=%d" % (len(made), sum(made.values())))
