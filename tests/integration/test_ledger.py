# SPDX-License-Identifier: Apache-2.0
"""The storm's judge (tests/faults/ledger.py) finds what is lost, what is doubled, and what is kept without need."""
import sys

import pytest
from conftest import TOP

sys.path.insert(0, str(TOP / "tests" / "faults"))
from ledger import KEPT, STORED, Ledger, judge, token_of  # noqa: E402


@pytest.fixture(scope="module")
def ledger():
    """All of its mails were sent."""
    made = Ledger(5, crash_every=400)
    for _ in range(900):
        made.next().is_sent = True
    assert {m.kind for m in made.sent()} == STORED | KEPT | {"human"}
    return made


@pytest.fixture
def all_there(ledger):
    """And what is stored and kept then."""
    kept = {m.token: ["cut short"] for m in ledger.sent() if m.kind in KEPT | {"human"}}
    return ledger, {report_id: [content] for report_id, content in ledger.expected().items()}, kept


def one_of(ledger, *kinds):
    return next(m for m in ledger.sent() if m.kind in kinds)


def counts(outcome):
    return len(outcome.lost), len(outcome.doubled), len(outcome.odd)


def test_all_there(all_there):
    assert judge(*all_there).is_good()


@pytest.mark.parametrize("found,lost,doubled", [
    ([], 1, 0), ([(-1, 0)], 1, 0), ([(0, -1)], 1, 0), ([(1, 0)], 0, 1), ([(0, 0), (0, 0)], 0, 1)])
def test_one_report(all_there, found, lost, doubled):
    """found: how far from what was sent."""
    ledger, stored, kept = all_there
    report_id, content = next((i, c[0]) for i, c in stored.items() if c[0][0] > 1)
    stored[report_id] = [(content[0] + n, content[1] + total) for n, total in found]
    assert counts(judge(ledger, stored, kept)) == (lost, doubled, 0)


@pytest.mark.parametrize("kind", sorted(STORED - {"copy"}))
def test_each_kind_of_report(all_there, kind):
    ledger, stored, kept = all_there
    del stored[one_of(ledger, kind).report_id]
    assert counts(judge(ledger, stored, kept)) == (1, 0, 0)


@pytest.mark.parametrize("kind,what", [("report", "begin of the report"), ("tls", "begin of the report"),
                                       ("failure", "date of the failure report")])
def test_kept_for_the_clock_is_not_lost(all_there, monkeypatch, kind, what):
    """But only in a world whose clock is ever wrong, and not while it only waits."""
    ledger, stored, kept = all_there
    mail, reason = one_of(ledger, kind), "part 2: x.gz: %s is 2026-01-01T22:30:00+00:00" % what
    del stored[mail.report_id]
    monkeypatch.setattr(ledger, "has_wrong_clock", True)
    outcome = judge(ledger, stored, {**kept, mail.token: [reason, reason]})
    assert (counts(outcome), outcome.kept_reports, outcome.kept_again) == ((0, 0, 0), 1, 1)
    assert counts(judge(ledger, stored, {**kept, mail.token: [".Waiting: " + reason]})) == (1, 0, 1)
    monkeypatch.setattr(ledger, "has_wrong_clock", False)
    assert counts(judge(ledger, stored, {**kept, mail.token: [reason]})) == (1, 0, 1)


@pytest.mark.parametrize("reason", ["the program crashed on this mail", ".Waiting: elasticsearch is away", "INBOX"])
def test_kept_for_another_reason_is_lost(all_there, reason):
    ledger, stored, kept = all_there
    mail = one_of(ledger, "report")
    del stored[mail.report_id]
    assert counts(judge(ledger, stored, {**kept, mail.token: [reason]})) == (1, 0, 1)


def test_stored_and_kept_without_need(all_there):
    ledger, stored, kept = all_there
    assert counts(judge(ledger, stored, {**kept, one_of(ledger, "tls").token: ["whatever"]})) == (0, 0, 1)


@pytest.mark.parametrize("kind", sorted(KEPT | {"human"}))
def test_what_must_be_kept(all_there, kind):
    ledger, stored, kept = all_there
    token = one_of(ledger, kind).token
    assert counts(judge(ledger, stored, {**kept, token: []})) == (1, 0, 0)
    assert len(judge(ledger, stored, {**kept, token: ["INBOX"]}).lost) == (0 if kind == "human" else 1)


def test_a_report_of_nobody(all_there):
    ledger, stored, kept = all_there
    assert counts(judge(ledger, {**stored, "invented": [(1, 1)]}, kept)) == (0, 1, 0)


def test_tokens():
    mails = b"X-Storm: 5-1\nFrom: a\n", b"Received: b\nX-Storm: 5-1\n\n", b"\n"
    assert [token_of(mail) for mail in mails] == ["5-1", "5-1", None]
