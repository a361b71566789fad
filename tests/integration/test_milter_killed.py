# SPDX-License-Identifier: Apache-2.0
"""kill -9, again and again, while Sendmail brings mails of senders that try
again: every record is there once, and nothing was delivered past the milter.
INTAKE_TEST_LONG=1 takes 1,000 mails and ten kills."""
import os
import smtplib
import sqlite3
import threading
import time

import pytest

import mailgen
from conftest import wait_for
from milter import RUA, Sendmail, needs_milter, send, site  # noqa: F401

MAILS, KILLS = (1000, 10) if os.environ.get("INTAKE_TEST_LONG") == "1" else (120, 3)
SENDERS = 8
LIMIT_S = 600
pytestmark = [needs_milter, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]


class Senders:
    """Threads that send each mail until the MTA has taken it."""

    def __init__(self, port, mails):
        self.port, self.mails, self.lock = port, iter(mails), threading.Lock()
        self.taken = self.refused = 0
        self.end = time.monotonic() + LIMIT_S
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(SENDERS)]
        for t in self.threads:
            t.start()

    def run(self):
        while True:
            with self.lock:
                mail = next(self.mails, None)
            if mail is None:
                return
            while not self.is_taken(mail):
                if time.monotonic() > self.end:
                    return
                time.sleep(0.1)

    def is_taken(self, mail):
        try:
            send(self.port, mail, RUA)
        except (smtplib.SMTPException, OSError) as e:
            code = getattr(e, "smtp_code", 450)
            assert code < 500, e
            with self.lock:
                self.refused += 1
            return False
        with self.lock:
            self.taken += 1
        return True


def test_every_record_once(site):
    milter = site.milter()
    mta = site.mta(Sendmail, milter, flags=", F=T")  # all mail waits for the milter
    reports = {report_id: (records, mail.encode()) for report_id, records, mail in mailgen.mails(MAILS, 29)}
    senders = Senders(mta.port, [mail for _, mail in reports.values()])
    for n in range(1, KILLS + 1):
        wait_for(lambda: senders.taken >= n * MAILS // (KILLS + 1), LIMIT_S)
        milter.process.kill()
        milter.process.wait(20)
        milter.start()
    for t in senders.threads:
        t.join(LIMIT_S)
    assert senders.taken == MAILS
    assert senders.refused > 0, "no sender noticed anything"
    db = sqlite3.connect(milter.database, timeout=20)
    try:
        rows = dict(db.execute("SELECT r.report_id, count(*) FROM aggregate_report AS r JOIN aggregate_record AS c"
                               " ON c.report_id = r.id WHERE r.complete GROUP BY r.id"))
        assert db.execute("SELECT count(*) FROM aggregate_report").fetchone() == (MAILS,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        db.close()
    assert rows == {report_id: records for report_id, (records, _) in reports.items()}
    assert site.mails == [], "delivered past the milter"
    print("%d mails, %d kills, %d tries that failed, %d duplicate lines"
          % (MAILS, KILLS, senders.refused, sum("duplicates=0" not in line for line in milter.log().splitlines()
                                                if "status=stored" in line)))
