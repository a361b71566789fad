# SPDX-License-Identifier: Apache-2.0
"""dmarc-intake-milter with the real Postfix, the real Sendmail, and a plain
milter client for what no MTA does on purpose."""
import collections
import contextlib
import signal
import smtplib
import socket
import struct
import subprocess
import threading
import time

import pytest

from conftest import FIXTURES, needs_postfix, wait_for
from milter import (HUMAN, MILTER, MTAS, PERSON, REPORT, RUA, TWO, Client, Milter, Postfix, code_of, needs_milter, send,
                    site)  # noqa: F401

pytestmark = needs_milter


@pytest.mark.parametrize("kind", MTAS)
def test_the_way_of_mail(site, kind):
    """A report is stored and discarded, people get theirs, with forged headers gone."""
    milter = site.milter()
    mta = site.mta(kind, milter)
    send(mta.port, REPORT, RUA)
    assert milter.records() > 0  # durable before the MTA's 250
    records = milter.records()
    send(mta.port, HUMAN, PERSON)
    to, text = site.one()
    assert to == [PERSON] and "X-DMARC-Intake" not in text and len(site.mails) == 1

    send(mta.port, REPORT, RUA, PERSON)
    wait_for(lambda: len(site.mails) == 2, 30)
    assert site.mails[-1][0] == [PERSON], "ours is removed, the other one gets it"
    assert milter.records() == records, "a copy is a duplicate"

    forged = b"X-DMARC-Intake: stored; forged\r\nx-dmarc-intake: twice\r\n"
    send(mta.port, forged + HUMAN, RUA)
    wait_for(lambda: len(site.mails) == 3, 30)
    to, text = site.mails[-1]
    assert to == [RUA] and text.count("X-DMARC-Intake:") == 1
    assert "X-DMARC-Intake: not a report\r\n" in text
    assert "forged" not in text and "twice" not in text

    send(mta.port, (FIXTURES / "truncated_gzip.eml").read_bytes(), RUA)
    wait_for(lambda: len(site.mails) == 4, 30)
    assert "X-DMARC-Intake: not stored; " in site.mails[-1][1]
    assert "status=stored (discard)" in milter.log() and "status=other (accept)" in milter.log()


@pytest.mark.parametrize("kind", MTAS)
def test_trouble(site, kind):
    """The sink is away: 4xx, or accepted for others; and stored when it is back."""
    milter = site.milter(progress_timeout="2s", budget="8s")
    mta = site.mta(kind, milter)
    send(mta.port, REPORT, RUA)
    other = REPORT.replace(b"Message-ID: <", b"Message-ID: <again-")
    records = milter.records()
    db = milter.lock()
    try:
        assert code_of(mta.port, TWO, RUA) in (451, 452)
        assert code_of(mta.port, other, RUA, PERSON) == 250
        to, text = site.one()
        assert to == sorted([RUA, PERSON]) and "X-DMARC-Intake: not stored; nothing can be" in text
        milter.configure(progress_timeout="2s", budget="8s", on_error="accept")
        milter.process.send_signal(signal.SIGUSR1)
        wait_for(lambda: "configuration read again" in milter.log())
        assert code_of(mta.port, other, RUA) == 250
        wait_for(lambda: len(site.mails) == 2, 30)
    finally:
        db.close()
    assert milter.records() == records
    send(mta.port, TWO, RUA)
    assert milter.records() > records and len(site.mails) == 2


@pytest.mark.parametrize("kind", MTAS)
def test_accept_and_stopped(site, kind):
    milter = site.milter(action="accept")
    mta = site.mta(kind, milter)
    send(mta.port, REPORT, RUA)
    assert "X-DMARC-Intake: stored; reports=1 records=" in site.one()[1]
    assert milter.stop() == 0
    assert code_of(mta.port, HUMAN, PERSON) == 250
    wait_for(lambda: len(site.mails) == 2, 30)


@needs_postfix
def test_chrooted_smtpd(site):
    milter = site.milter(socket_name="postfix/queue/dmarc-intake/milter.sock")
    mta = site.mta(Postfix, milter, chroot=True)
    send(mta.port, REPORT, RUA)
    assert milter.records() > 0 and not site.mails
    assert "warning: connect to Milter" not in mta.log()


def test_actions_and_abort(site):
    milter = site.milter()
    c = Client(milter)
    assert c.mail(REPORT, RUA) == [b"d"]
    records = milter.records()
    assert records > 0
    for stop in range(1, 8):  # abort in each phase, then the next mail
        c.mail(REPORT, RUA, stop=stop)
        c.tell(b"A")
    c.tell(b"A")
    assert c.mail(HUMAN, PERSON) == [b"a"]
    before = c.trips
    assert c.mail(HUMAN, PERSON) == [b"a"]
    assert c.trips - before == 1, "one round trip for a mail that is not ours"
    c.tell(b"Q")
    c.close()
    c = Client(milter)
    answers = c.mail(REPORT, RUA, PERSON, macros=False)
    assert answers == [b"-<%s>\0" % RUA.encode(), b"c"]
    assert milter.records() == records
    assert "no-queue-id-" in milter.log() and "QUEUE1: " in milter.log()
    c.tell(b"Q")
    c.close()


def test_odd_order(site):
    """Commands without their mail, a mail without end, a peer that goes away."""
    milter = site.milter()
    for kind, data in ((b"R", b"<rua@test.example>\0"), (b"L", b"A\0b\0"), (b"N", b""), (b"B", b"x"), (b"E", b""),
                       (b"A", b""), (b"M", b"\0"), (b"M", b""), (b"R", b""), (b"L", b"x"), (b"Z", b"?"),
                       (b"K", b"")):
        c = Client(milter)
        c.tell(kind, data)
        c.close()
    for stop in range(0, 9):
        c = Client(milter)
        c.mail(REPORT, RUA, stop=stop)
        c.close()
    c = Client(milter)
    c.mail(REPORT, RUA, stop=3)  # and MAIL again: the first one is forgotten
    c.tell(b"M", b"<again@reporter.example>\0")
    c.close()
    c = Client(milter)
    assert c.mail(REPORT, RUA) == [b"d"], "still alive"
    c.close()
    assert milter.stop() == 0


@pytest.mark.parametrize("version,steps,actions", [(2, 0x7f, 0x3f), (4, 0x3ff, 0x3f), (6, 0x1fffff, 0x1ff),
                                                  (6, 0x1fffff, 0x1)])
def test_versions(site, version, steps, actions):
    milter = site.milter()
    c = Client(milter, version, steps, actions)
    assert c.mail(REPORT, RUA) == [b"d"]
    assert milter.records() > 0
    answers = c.mail(HUMAN, RUA)
    assert answers[-1] == b"c" and b"hX-DMARC-Intake\0" in answers[0] and b"not a report\0" in answers[0]
    mixed = c.mail(REPORT, RUA, PERSON)
    if actions & 8:
        assert mixed == [b"-<%s>\0" % RUA.encode(), b"c"]
    else:  # it does not let us: accepted, with the header
        assert len(mixed) == 2 and mixed[0].startswith(b"hX-DMARC-Intake\0") and mixed[1] == b"c"
    assert c.mail(HUMAN, PERSON)[-1] in (b"a", b"c")
    c.close()


def test_very_many_forged_headers(site):
    """An MTA goes through its queue file for each that is removed; of 20,000 Postfix dies."""
    milter = site.milter()
    c = Client(milter)
    for count in (1, 100, 101, 5000):
        answers = c.mail(b"X-DMARC-Intake: x\r\n" * count + HUMAN, RUA)
        removed = [a for a in answers if a[:1] == b"m"]
        assert len(removed) == min(count, 100), count
        assert removed[-1] == b"m\0\0\0\1X-DMARC-Intake\0\0"
        assert answers[-2].startswith(b"hX-DMARC-Intake\0") and answers[-1] == b"c"
    c.close()


@pytest.mark.parametrize("match,to,mail,last", [
    ("content", PERSON, REPORT, b"c"), ("content", PERSON, HUMAN, b"a"), ("content", RUA, HUMAN, b"a"),
    ("content", RUA, REPORT, b"d"), ("both", RUA, HUMAN, b"c"), ("both", PERSON, REPORT, b"c"),
    ("recipient", PERSON, REPORT, b"a")])
def test_match(site, match, to, mail, last):
    milter = site.milter(match=match)
    c = Client(milter)
    answers = c.mail(mail, to)
    assert answers[-1] == last
    assert (milter.records() > 0) == (mail == REPORT and match != "recipient")
    assert (b"hX-DMARC-Intake" in answers[0]) == (last == b"c")
    c.close()


def test_quarantine_action(site):
    milter = site.milter(action="quarantine")
    c = Client(milter)
    answers = c.mail(REPORT, RUA)
    assert answers[0].startswith(b"q") and answers[1].startswith(b"h") and answers[-1] == b"c"
    answers = c.mail(REPORT, RUA, PERSON)  # others' mail is never held
    assert not any(a.startswith(b"q") for a in answers)
    c.close()


def test_progress_is_told(site):
    milter = site.milter(budget="8s", progress_timeout="6s")
    c = Client(milter)
    assert c.mail(REPORT, RUA)[-1] == b"d"
    db = milter.lock()
    try:
        answers = c.mail(TWO, RUA)
    finally:
        db.close()
    assert answers.count(b"p") >= 2, answers
    assert answers[-1].startswith((b"y451", b"t", b"y452"))
    c.close()


def test_killed_after_the_commit(site):
    """The MTA never saw the discard: a duplicate later, never a loss."""
    milter = site.milter(budget="60s", progress_timeout="60s")
    c = Client(milter)
    assert c.mail(HUMAN, RUA)[-1] == b"c"
    for n in range(3):
        c = Client(milter)

        def until_killed():
            try:
                c.mail(REPORT, RUA)
            except (EOFError, OSError):
                pass

        t = threading.Thread(target=until_killed, daemon=True)
        t.start()
        time.sleep(0.01 * n)
        milter.stop(signal.SIGKILL)
        t.join(10)
        c.close()
        milter.start()
    c = Client(milter)
    assert c.mail(REPORT, RUA) == [b"d"]
    records = milter.records()
    assert records > 0
    assert c.mail(REPORT, RUA) == [b"d"]
    assert milter.records() == records
    c.close()


def test_needs_recipients(site):
    milter = Milter(site.folder)
    milter.conf.write_text("[intake]\nstate_path = %s\nlog = stderr\n[milter]\nlisten = unix:%s\n"
                           % (milter.state, milter.socket))
    run = subprocess.run([str(MILTER), "-c", str(milter.conf)], capture_output=True, text=True, timeout=20)
    assert run.returncode == 78 and "recipients" in run.stderr


class Counter:
    """Stands between an MTA and the milter, and counts what each says."""

    def __init__(self, folder, milter):
        self.socket, self.milter, self.lock = folder / "counter.sock", milter, threading.Lock()
        self.asked, self.answered, self.connections = collections.Counter(), collections.Counter(), 0
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(self.socket))
        self.socket.chmod(0o666)
        self.server.listen(20)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                mta, _ = self.server.accept()
            except OSError:
                return
            self.connections += 1
            milter = self.milter.connect()
            for ends, counts in (((mta, milter), self.asked), ((milter, mta), self.answered)):
                threading.Thread(target=self.pump, args=(*ends, counts), daemon=True).start()

    def pump(self, source, target, counts):
        with contextlib.suppress(OSError), source.makefile("rb") as f:
            while len(head := f.read(5)) == 5:
                with self.lock:
                    counts[head[4:]] += 1
                target.sendall(head + f.read(struct.unpack("!I", head[:4])[0] - 1))
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def log(self):
        return "asked %s, answered %s" % (self.asked, self.answered)

    def stop(self):
        self.server.close()


@pytest.mark.parametrize("kind", MTAS)
def test_round_trips(site, kind):
    """Mail that is not for us costs an answer to the connection, one to DATA, and its content is not sent."""
    counter = Counter(site.folder, site.milter())
    site.keep(counter)
    mta = site.mta(kind, counter)
    for _ in range(5):
        send(mta.port, HUMAN, PERSON)
    wait_for(lambda: len(site.mails) == 5, 30)
    begun = counter.connections
    assert 5 <= begun <= 6, "one was only to see whether the MTA listens"
    assert counter.answered == {b"O": begun, b"a": 5}, counter.log()
    assert counter.asked[b"T"] == 5 and not {b"C", b"H", b"L", b"N", b"B", b"E"} & set(counter.asked), counter.log()
    with smtplib.SMTP("127.0.0.1", mta.port, timeout=60) as s:  # more of them in one session
        for _ in range(5):
            s.sendmail("a@b.example", [PERSON], HUMAN)
    assert counter.answered == {b"O": begun + 1, b"a": 10}, counter.log()
