# SPDX-License-Identifier: Apache-2.0
"""What was sent, what must be there at the end, and what is.

Of a report the judge sees how many records there are and the sum of what they count, so that one record in the place of
another does not pass for it.
"""
import gzip
import re
import threading
from random import Random

import failure
import mailgen
import tls
from report import head_xml, record, record_xml

TOKEN = re.compile(rb"^X-Storm: (\S+)", re.M)

# Of 1000 mails so many are no ordinary report.
SHARES = {"copy": 60, "tls": 40, "failure": 30, "both": 15, "broken": 15, "human": 15, "held": 30}
BIG_EVERY, BIG_RECORDS = 1500, 6000  # more than one transaction

STORED = {"report", "copy", "tls", "failure", "both"}
KEPT = {"broken", "crash", "both"}

NOT_YET = (".Waiting", "INBOX")  # where a mail is that is not done with
# What may be kept though it can be read, where the clock was wrong when it came (pipeline_admit.c).
WRONG_CLOCK = re.compile(r"(begin of the report|date of the failure report) is ")

# Of a mail that waits for days already: it is kept as waiting where it cannot be stored.
HELD = b"Received: from mx.reporter.example by mx.test.example; Fri, 02 Jan 2026 03:04:05 +0000\n"


class Mail:
    def __init__(self, token, kind, data, report_id=None, content=None):
        self.token, self.kind, self.report_id, self.content = token, kind, report_id, content
        self.data = b"X-Storm: %s\n" % token.encode() + data
        self.is_sent = False


def content_of(records):
    return len(records), sum(r["count"] for r in records)


def tls_mail(rng, report_id):
    org, counts = "tls-%d.example" % rng.randrange(20), (rng.randrange(5000), rng.randrange(5000))
    text = tls.text(tls.report(org, report_id, tls.policy("sts", "d.test.example", counts[0], 0),
                               tls.policy("no-policy-found", "e.test.example", counts[1], 0), host=org))
    mail = mailgen.mail_of(org, "d.test.example", report_id, report_id + ".json.gz", "application/tlsrpt+gzip",
                           gzip.compress(text, 6, mtime=0))
    return mail.encode(), (1, sum(counts))


def failure_mail(report_id):
    return failure.arf("failure.example", report_id, failure.fields(Original_Envelope_Id=report_id),
                       failure.sample() + failure.TEXT_BODY, received=False).encode(), (1, 0)


class Ledger:
    """The mails of one world, made as they are asked for, out of a seed."""

    def __init__(self, seed, crash_every=0, has_wrong_clock=False):
        self.random, self.seed, self.crash_every = Random(seed), seed, crash_every
        self.has_wrong_clock = has_wrong_clock
        self.reports = mailgen.reports(10 ** 9, seed)
        self.mails, self.lock = {}, threading.Lock()
        self.recent, self.big_is_due = [], False

    def next(self):
        with self.lock:
            n = len(self.mails)
            mail = self.make(n, "%d-%d" % (self.seed, n))
            self.mails[mail.token] = mail
            return mail

    def make(self, n, token):
        if self.crash_every and n % self.crash_every == self.crash_every // 8:
            return self.xml_mail(token, "crash", 1, "planted-crash")
        if self.big_is_due or n % BIG_EVERY == BIG_EVERY // 3:
            self.big_is_due = False
            return self.xml_mail(token, "report", BIG_RECORDS, "big")
        kind = self.random.choices(list(SHARES) + ["report"], list(SHARES.values()) + [1000 - sum(SHARES.values())])[0]
        if kind == "copy" and self.recent:
            first = self.random.choice(self.recent)
            return Mail(token, "copy", first.data.partition(b"\n")[2], first.report_id, first.content)
        if kind == "human":
            return Mail(token, "human", b"From: a@b.example\nTo: reports@test.example\nSubject: a question\n"
                        b"Message-ID: <%s@b.example>\n\nGood morning\n" % token.encode())
        mail = self.report(kind, token)
        if mail.kind not in KEPT:
            self.recent = (self.recent + [mail])[-200:]
        return mail

    def report(self, kind, token):
        if kind == "tls":
            data, content = tls_mail(self.random, "tls-" + token)
            return Mail(token, "tls", data, "tls-" + token, content)
        if kind == "failure":
            data, content = failure_mail("failure-" + token)
            return Mail(token, "failure", data, "failure-" + token, content)
        report_id, records, text = next(self.reports)
        data, content = text.encode(), content_of(records)
        if kind == "broken":
            return Mail(token, "broken", data[:len(data) * 2 // 3] + b"\n")
        if kind == "both" and b"\n--=_b--\n" in data:
            cut = mailgen.mail_of("cut.example", "d.test.example", report_id, "cut.xml.gz", "application/gzip",
                                  gzip.compress(b"<feedback>" + token.encode() * 20, 6, mtime=0)[:40])
            part = b"\n--=_b\n" + cut[cut.index("Content-Type"):].encode()
            return Mail(token, "both", data.replace(b"\n--=_b--\n", part + b"\n--=_b--\n"), report_id, content)
        return Mail(token, "report", HELD + data if kind == "held" else data, report_id, content)

    def xml_mail(self, token, kind, count, name):
        rng, report_id = Random(token), "%s-%s" % (name, token)
        records = [record(rng, "d.test.example") for _ in range(count)]
        xml = head_xml("%s.example" % name, "d.test.example", report_id)
        xml += "".join(map(record_xml, records)) + "</feedback>\n"
        head, kind_of, data = mailgen.packed(rng, report_id, xml.encode())
        text = mailgen.mail_of("%s.example" % name, "d.test.example", report_id, head, kind_of, data)
        return Mail(token, kind, text.encode(), report_id, content_of(records))

    def is_excuse(self, reason):
        return self.has_wrong_clock and is_done(reason) and WRONG_CLOCK.search(reason) is not None

    def sent(self):
        with self.lock:
            return [m for m in self.mails.values() if m.is_sent]

    def expected(self):
        """{report_id: (records, sum)} of what was sent."""
        return {m.report_id: m.content for m in self.sent() if m.kind in STORED}


class Outcome:
    """lost, doubled: a line each; odd: what else is not as promised; and two numbers to look at."""

    def __init__(self):
        self.lost, self.doubled, self.odd, self.kept_reports, self.kept_again = [], [], [], 0, 0

    def is_good(self):
        return not (self.lost or self.doubled or self.odd)


def is_done(reason):
    return not reason.startswith(NOT_YET)


def judge(ledger, stored, kept):
    """stored: {report_id: [(records, sum) of each report of that name]}; kept: {token: [reason of each copy]}."""
    outcome, sent = Outcome(), ledger.sent()
    excused = {m.report_id for m in sent if any(map(ledger.is_excuse, kept.get(m.token, ())))}
    for report_id, content in ledger.expected().items():
        found = stored.get(report_id, [])
        if len(found) > 1 or sum(n for n, _ in found) > content[0]:
            outcome.doubled.append("report %s: %s records, not %s" % (report_id, found, content))
        elif found == [content]:
            continue
        elif report_id in excused:
            outcome.kept_reports += 1
        else:
            outcome.lost.append("report %s: %s records, not %s" % (report_id, found, content))
    for mail in sent:
        reasons = kept.get(mail.token, [])
        outcome.kept_again += max(0, len(reasons) - 1)
        if (mail.kind in KEPT and not any(map(is_done, reasons))) or (mail.kind == "human" and not reasons):
            outcome.lost.append("%s mail %s: not kept" % (mail.kind, mail.token))
        outcome.odd += ["%s mail %s: kept, %s" % (mail.kind, mail.token, reason) for reason in reasons
                        if mail.kind in STORED - KEPT and not ledger.is_excuse(reason)]
    unknown = set(stored) - {m.report_id for m in ledger.mails.values()}
    outcome.doubled += ["%s: nobody sent it" % name for name in unknown]
    return outcome


def token_of(data):
    """Whose copy this is; None: nobody's."""
    match = TOKEN.search(data)
    return match.group(1).decode() if match else None
