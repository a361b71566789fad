# SPDX-License-Identifier: Apache-2.0
"""What was sent, what must be there at the end, and what is."""
import re
import threading
from random import Random

import mailgen
from report import head_xml, record, record_xml

TOKEN = re.compile(rb"^X-Storm: (\S+)", re.M)

# Of 1000 mails so many are no ordinary report.
COPIES, BROKEN, HUMAN = 60, 15, 15
BIG_EVERY, BIG_RECORDS = 1500, 6000  # more than one transaction
CRASH_EVERY = 4000


class Mail:
    def __init__(self, token, kind, data, report_id=None, records=0):
        self.token, self.kind, self.report_id, self.records = token, kind, report_id, records
        self.data = b"X-Storm: %s\n" % token.encode() + data
        self.is_sent = False


class Ledger:
    """The mails of one world, made as they are asked for, out of a seed."""

    def __init__(self, seed, has_crashes=False):
        self.random, self.seed, self.has_crashes = Random(seed), seed, has_crashes
        self.reports = mailgen.mails(10 ** 9, seed)
        self.mails, self.lock = {}, threading.Lock()
        self.recent, self.big_is_due = [], False

    def next(self):
        with self.lock:
            n = len(self.mails)
            mail = self.make(n, "%d-%d" % (self.seed, n))
            self.mails[mail.token] = mail
            return mail

    def make(self, n, token):
        if self.has_crashes and n % CRASH_EVERY == CRASH_EVERY // 8:
            return self.xml_mail(token, "crash", 1, "planted-crash")
        if self.big_is_due or n % BIG_EVERY == BIG_EVERY // 3:
            self.big_is_due = False
            return self.xml_mail(token, "report", BIG_RECORDS, "big")
        dice = self.random.randrange(1000)
        if dice < COPIES and self.recent:
            first = self.random.choice(self.recent)
            return Mail(token, "copy", first.data.partition(b"\n")[2], first.report_id, first.records)
        if dice < COPIES + HUMAN:
            return Mail(token, "human", b"From: a@b.example\nTo: reports@test.example\nSubject: a question\n"
                        b"Message-ID: <%s@b.example>\n\nGood morning\n" % token.encode())
        report_id, records, text = next(self.reports)
        mail = Mail(token, "report", text.encode(), report_id, records)
        if dice < COPIES + HUMAN + BROKEN:
            half = len(mail.data) * 2 // 3
            return Mail(token, "broken", mail.data[:half].partition(b"\n")[2] + b"\n")
        self.recent = (self.recent + [mail])[-200:]
        return mail

    def xml_mail(self, token, kind, records, name):
        rng, report_id = Random(token), "%s-%s" % (name, token)
        xml = head_xml("%s.example" % name, "d.test.example", report_id) + "".join(
            record_xml(record(rng, "d.test.example")) for _ in range(records)) + "</feedback>\n"
        head, kind_of, data = mailgen.packed(rng, report_id, xml.encode())
        text = mailgen.mail_of("%s.example" % name, "d.test.example", report_id, head, kind_of, data)
        return Mail(token, kind, text.encode(), report_id, records)

    def sent(self):
        with self.lock:
            return [m for m in self.mails.values() if m.is_sent]

    def expected(self):
        """{report_id: records} of what was sent."""
        return {m.report_id: m.records for m in self.sent() if m.kind in ("report", "copy")}


class Outcome:
    def __init__(self):
        self.lost, self.doubled, self.kept_reports, self.kept_again = [], [], 0, 0


def judge(ledger, stored, kept):
    """stored: {report_id: [records of each report of that name]}; kept: {token: how often}."""
    outcome, expected = Outcome(), ledger.expected()
    kept_ids = {m.report_id for m in ledger.sent() if m.token in kept}
    for report_id, records in expected.items():
        found = stored.get(report_id, [])
        if len(found) > 1 or sum(found) > records:
            outcome.doubled.append("%s: %s records, not %d" % (report_id, found, records))
        elif sum(found) == records:
            continue
        elif report_id in kept_ids:
            outcome.kept_reports += 1
        else:
            outcome.lost.append("report %s: %s records, not %d" % (report_id, found, records))
    for mail in ledger.sent():
        if mail.kind in ("human", "broken", "crash") and mail.token not in kept:
            outcome.lost.append("%s mail %s" % (mail.kind, mail.token))
    unknown = set(stored) - {m.report_id for m in ledger.mails.values()}
    outcome.doubled += ["%s: nobody sent it" % name for name in unknown]
    outcome.kept_again = sum(n - 1 for n in kept.values())
    return outcome


def tokens_in(mails):
    """How often each mail is among these."""
    found = {}
    for data in mails:
        match = TOKEN.search(data)
        if match:
            found[match.group(1).decode()] = found.get(match.group(1).decode(), 0) + 1
    return found
