# SPDX-License-Identifier: Apache-2.0
"""Failure reports over LMTP: each is stored once, whichever way and however
often it comes; what is none, or says too little, is not lost."""
import base64
import os
import re
import subprocess
import sys

import pytest
from conftest import FIXTURES, TOP, Intake
from lmtp import deliver
from test_ids import pinned

sys.path.insert(0, str(FIXTURES))
import failure  # noqa: E402

PROGRAM = os.path.join(os.environ.get("builddir", str(TOP / "build")), "dmarc-intake")
REPORTS = sorted(p for p in FIXTURES.glob("failure_*.eml") if p.name != "failure_no_domain.eml")


def crlf(data):
    if data.startswith(b"From "):  # of an mbox: no MTA sends it
        data = data.partition(b"\n")[2]
    return re.sub(rb"(?<!\r)\n", b"\r\n", data)


@pytest.fixture
def intake(tmp_path):
    server = Intake(tmp_path).start()
    yield server
    assert server.stop() == 0


def stored(server):
    return {base64.urlsafe_b64encode(key).decode().rstrip("=") for key, in server.rows("SELECT key FROM failure_report")}


def mails(folder):
    return sum(len(os.listdir(folder / d)) for d in ("new", "cur"))


def test_each_once_by_whatever_way(intake):
    wanted = {i for p in REPORTS for i in pinned()[p.name]}
    for _ in range(2):
        for path in REPORTS:
            assert deliver(intake.listen, crlf(path.read_bytes()))[0].startswith("250 2.0.0"), path.name
        assert stored(intake) == wanted
    # with LF, out of files, after the daemon: the same ones
    assert intake.stop() == 0
    done = subprocess.run([PROGRAM, "-c", str(intake.conf), "ingest", *map(str, REPORTS)],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert ", 0 records stored, %d duplicates" % len(wanted) in done.stdout + done.stderr
    intake.start()
    assert stored(intake) == wanted
    # a forwarder's own words go to people, and nothing else
    assert mails(intake.quarantine) == 0


@pytest.mark.parametrize("name", ("failure_no_domain", "feedback_unknown", "feedback_empty"))
def test_doubt_is_kept(intake, name):
    data = crlf((FIXTURES / (name + ".eml")).read_bytes())
    assert deliver(intake.listen, data)[0].startswith("250 2.0.0")
    assert mails(intake.quarantine) == 1 and stored(intake) == set()
    kept, = [p for d in ("new", "cur") for p in (intake.quarantine / d).iterdir()]
    assert kept.read_bytes() == data


@pytest.mark.parametrize("name", ("feedback_abuse", "feedback_fraud"))
def test_complaints_are_for_others(intake, name):
    assert deliver(intake.listen, crlf((FIXTURES / (name + ".eml")).read_bytes()))[0].startswith("250 2.0.0")
    assert mails(intake.quarantine) == 0 and stored(intake) == set()
    assert mails(intake.quarantine / ".Other") == 1


@pytest.mark.parametrize("date", ("Thu, 31 Dec 2009 00:00:00 +0000", "Fri, 01 Jan 2077 00:00:00 +0000"))
def test_an_absurd_date_chooses_no_index(intake, date):
    mail = failure.arf("r.example", "absurd", failure.fields(Arrival_Date=date), failure.sample())
    assert deliver(intake.listen, crlf(mail.encode()))[0].startswith("250 2.0.0")
    assert mails(intake.quarantine) == 1 and stored(intake) == set()


POISON = {
    "9,000 fields": failure.sample() + "X-Spam: y\n" * 9000 + "\nText\n",
    "100,000 folds": failure.sample(X_Spam="y" + "\n y" * 100000) + "\nText\n",
    "nobody anywhere": failure.sample(From="undisclosed-recipients:;", To="undisclosed-recipients:;",
                                      Reply_To="", Cc="", Bcc=""),
    "empty fields": failure.sample(From="", To="", Subject="", Date="", Message_ID=""),
    "a name without end": failure.sample() + "k" * 100000 + ": v\n\nText\n",
    "no header": "\nText\n",
    "nothing": "",
    "10,000 parts in it, none closed": failure.sample() + "Content-Type: text/plain\n\n" + "--x\n\n" * 10000,
}


@pytest.mark.parametrize("name", POISON)
def test_poison_is_stored(intake, name):
    mail = failure.arf("r.example", "poison", failure.fields(), POISON[name])
    assert deliver(intake.listen, crlf(mail.encode()))[0].startswith("250 2.0.0")
    assert len(stored(intake)) == 1
    # and the server is well
    assert deliver(intake.listen, crlf(REPORTS[0].read_bytes()))[0].startswith("250 2.0.0")
    assert len(stored(intake)) == 2


def test_100000_fields_are_kept(intake):
    """More than a mail may have (part_check.c): unread, and with the reason."""
    mail = failure.arf("r.example", "poison", failure.fields(), failure.sample() + "X-Spam: y\n" * 100000 + "\nText\n")
    assert deliver(intake.listen, crlf(mail.encode()))[0].startswith("250 2.0.0")
    assert mails(intake.quarantine) == 1 and stored(intake) == set()


@pytest.mark.parametrize("field", ("To", "Cc", "From", "Reply-To"))
@pytest.mark.parametrize("inside", (True, False))
def test_groups_in_groups_end_no_process(intake, field, inside):
    """GMime goes a call deeper for each: 100,000 of them ended it."""
    header = "%s: %s\n" % (field, "a:" * 100000)
    mail = failure.arf("r.example", "groups", failure.fields(), failure.sample() + (header if inside else "\n"))
    mail = mail if inside else header + mail
    assert deliver(intake.listen, crlf(mail.encode()))[0].startswith("250 2.0.0")
    assert mails(intake.quarantine) == 1
    assert deliver(intake.listen, crlf(REPORTS[0].read_bytes()))[0].startswith("250 2.0.0")


@pytest.mark.parametrize("keep,raw,body", (("none", False, False), ("headers", True, False), ("full", True, True)))
def test_failure_sample(tmp_path, keep, raw, body):
    server = Intake(tmp_path)
    server.conf.write_text(server.conf.read_text().replace("[lmtp]", "failure_sample = %s\n[lmtp]" % keep))
    server.start()
    try:
        deliver(server.listen, crlf((FIXTURES / "failure_network.eml").read_bytes()))
        assert server.rows("SELECT sample_raw IS NOT NULL, sample_body IS NOT NULL FROM failure_report") == [(raw, body)]
        assert (server.rows("SELECT count(*) FROM failure_sample_header") != [(0,)]) == raw
        assert stored(server) == set(pinned()["failure_network.eml"])
    finally:
        assert server.stop() == 0
