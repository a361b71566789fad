# SPDX-License-Identifier: Apache-2.0
"""dmarc-intake-imapd at Debian's Cyrus: a second opinion on what Dovecot does."""
import random
import time

import mailgen
import pytest

from conftest import wait_for
from cyrus import a_cyrus, needs_cyrus
from dovecot import Imapd, crlf
from test_imap import HUMAN, MAILS, sorted_out

pytestmark = needs_cyrus

COUNT, KILLS = 200, 10


@pytest.fixture(scope="module")
def cyrus():
    with a_cyrus() as server:
        yield server


@pytest.fixture
def imapd(tmp_path):
    """Ends with the test."""
    made = []

    def make(server, user, **args):
        made.append(Imapd(tmp_path / "imapd", server, user, **args))
        return made[-1]

    yield make
    for daemon in made:
        print("--- log\n" + daemon.log()[-5000:])
        daemon.kill()


@pytest.mark.parametrize("user, tls", [("user0", "no"), ("user1", "starttls"), ("user2", "tls")])
def test_each_in_its_folder(cyrus, imapd, user, tls):
    cyrus.deliver(user, *MAILS)
    daemon = imapd(cyrus, user, tls=tls, cert_path=cyrus.folder / "ca.pem" if tls != "no" else None,
                   port=cyrus.port + (tls == "tls"))
    assert daemon.once() == 65, daemon.log()  # one cannot be read
    sorted_out(cyrus.folders(user))
    assert daemon.records() and daemon.once() == 0


def test_a_certificate_of_nobody_we_know(cyrus, imapd):
    daemon = imapd(cyrus, "user3", tls="tls", port=cyrus.port + 1)
    assert daemon.once() not in (0, 65) and "certificate" in daemon.log().lower()


def test_wrong_password(cyrus, imapd):
    daemon = imapd(cyrus, "user3", password="no")
    assert daemon.once() not in (0, 65)
    assert "Login denied" in daemon.log() and daemon.log().count(": err ") == 1  # one line, once


def test_personal_folders_below_inbox(imapd):
    with a_cyrus(CYRUS_SETTINGS="altnamespace: no\nunixhierarchysep: no") as server:
        server.deliver("user0", *MAILS)
        daemon = imapd(server, "user0")
        assert daemon.once() == 65, daemon.log()
        sorted_out(server.folders("user0"), sep=".", prefix="INBOX.")


def test_idle_tells_of_a_mail(cyrus, imapd):
    daemon = imapd(cyrus, "user4", check_timeout="600s").start()
    cyrus.deliver("user4", HUMAN)
    wait_for(lambda: ": no report" in daemon.log())
    wait_for(lambda: cyrus.processes("imapd"))
    start = time.monotonic()
    cyrus.deliver("user4", MAILS[0])
    wait_for(daemon.records, step=0.01)
    print("from arrival to records: %.2f s" % (time.monotonic() - start))
    cyrus.kill_sessions()  # it comes again
    cyrus.deliver("user4", MAILS[2])
    wait_for(lambda: cyrus.counts("user4").get("Archive/Failure"))
    assert daemon.stop() == 0


def test_killed_again_and_again(cyrus, imapd):
    """Our end and the server's, in turns: each record once, each mail in its folder; twice where Cyrus was killed
    inside of a MOVE, between the copy and the end of the original."""
    mails = list(mailgen.mails(COUNT, seed=5))
    cyrus.deliver("user5", HUMAN, *(crlf(mail.encode()) for _, _, mail in mails))
    daemon, rng = imapd(cyrus, "user5"), random.Random(4)
    for n in range(KILLS):
        daemon.start()
        time.sleep(rng.uniform(0.05, 0.4))
        if n % 2:
            cyrus.kill_sessions()
            time.sleep(0.1)
        daemon.kill()
    daemon.start()

    def are_archived():
        found = {name: {data for _, data in mails} for name, mails in cyrus.folders("user5").items() if mails}
        return {name: len(mails) for name, mails in found.items()} == {"INBOX": 1, "Archive/Aggregate": COUNT}

    wait_for(are_archived, seconds=120)
    assert daemon.stop() == 0
    counts = dict(daemon.rows("SELECT r.report_id, count(*) FROM aggregate_record AS c JOIN aggregate_report AS r"
                              " ON r.id = c.report_id WHERE r.complete GROUP BY r.report_id"))
    assert counts == {report_id: records for report_id, records, _ in mails}
