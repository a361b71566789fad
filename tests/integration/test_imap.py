# SPDX-License-Identifier: Apache-2.0
"""dmarc-intake-imapd at the real Dovecot."""
import itertools

import pytest

from conftest import FIXTURES, Intake, wait_for
from dovecot import Imapd, a_dovecot, crlf, dovecot, needs_dovecot  # noqa: F401
from lmtp import deliver

pytestmark = needs_dovecot

AGGREGATE = crlf((FIXTURES / "gzip_octet_stream.eml").read_bytes())
FAILURE = crlf((FIXTURES / "failure_headers.eml").read_bytes())
TLS = crlf((FIXTURES / "tls_gzip.eml").read_bytes())
UNREADABLE = crlf((FIXTURES / "truncated_gzip.eml").read_bytes())
HUMAN = crlf((FIXTURES / "human.eml").read_bytes())
MAILS = (AGGREGATE, HUMAN, FAILURE, TLS, UNREADABLE)
users = ("user%d" % n for n in itertools.count())


@pytest.fixture
def user():
    return next(users)


@pytest.fixture
def imapd(dovecot, user, tmp_path):  # noqa: F811
    """One that ends with the test."""
    made = []

    def make(server=dovecot, user=user, folder="imapd", **args):
        made.append(Imapd(tmp_path / folder, server, user, **args))
        return made[-1]

    yield make
    for daemon in made:
        print("--- log\n" + daemon.log()[-5000:])
        daemon.kill()


def sorted_out(folders, sep="/", prefix=""):
    """Where each of MAILS is, and the human one untouched."""
    archive = prefix + "Archive" + sep
    assert {name: [mail for _, mail in mails] for name, mails in folders.items() if mails} == {
        "INBOX": [HUMAN], archive + "Aggregate": [AGGREGATE], archive + "Failure": [FAILURE],
        archive + "SMTP-TLS": [TLS], archive + "Invalid": [UNREADABLE]}
    assert "Seen" not in folders["INBOX"][0][0]
    return True


def test_each_in_its_folder(dovecot, imapd, user):  # noqa: F811
    dovecot.deliver(user, *MAILS)
    daemon = imapd()
    assert daemon.once() == 65  # one cannot be read
    sorted_out(dovecot.folders(user), sep=".")
    assert len(daemon.records()) > 0
    assert daemon.once() == 0  # nothing is new, and the human mail is known
    assert "2: no report" not in daemon.log().split("connected")[2]


CAPABILITIES = {"no IDLE": "IMAP4rev1 NAMESPACE UIDPLUS MOVE LITERAL+", "no MOVE": "IMAP4rev1 UIDPLUS IDLE",
                "no UIDPLUS": "IMAP4rev1 IDLE", "nothing": "IMAP4rev1"}


@pytest.mark.parametrize("name", CAPABILITIES)
def test_server_that_can_less(imapd, user, name):
    with a_dovecot(DOVECOT_CAPABILITY=CAPABILITIES[name]) as server:
        server.deliver(user, *MAILS[:2])
        daemon = imapd(server).start()
        wait_for(lambda: "Archive.Aggregate" in server.counts(user))
        server.deliver(user, *MAILS[2:])
        wait_for(lambda: server.counts(user).get("Archive.Invalid"))
        wait_for(lambda: server.counts(user).get("INBOX") == 1)
        sorted_out(server.folders(user), sep=".")
        assert daemon.stop() == 0


def test_same_records_as_lmtp(dovecot, imapd, user, tmp_path):  # noqa: F811
    mails = [crlf(p.read_bytes()) for p in sorted(FIXTURES.glob("*.eml")) + sorted(FIXTURES.glob("other/*.eml"))]
    mails = [mail for mail in mails if b"\r\n\r\n" in mail]
    by_lmtp = Intake(tmp_path / "lmtp").start()
    try:
        for mail in mails:
            deliver(by_lmtp.listen, mail)
    finally:
        by_lmtp.stop()
    dovecot.deliver(user, *mails)
    by_imap = imapd()
    by_imap.once()
    assert by_imap.records() == by_lmtp.records() != []
    for table in ("aggregate_report", "failure_report", "tls_report"):
        sql = "SELECT count(*) FROM " + table
        assert by_imap.rows(sql) == by_lmtp.rows(sql) != [(0,)]
    kept = {mail for _, mail in dovecot.folders(user)["Archive.Invalid"]}
    assert kept == set(by_lmtp.kept())
