# SPDX-License-Identifier: Apache-2.0
"""The storm's judge (tests/faults/ledger.py) finds what is lost and what is doubled."""
import sys

import pytest
from conftest import TOP

sys.path.insert(0, str(TOP / "tests" / "faults"))
from ledger import Ledger, judge, tokens_in  # noqa: E402


@pytest.fixture
def all_there():
    """A ledger whose mails were all sent, what is stored and what is kept."""
    ledger = Ledger(5)
    for _ in range(600):
        ledger.next().is_sent = True
    kept = {m.token: 1 for m in ledger.sent() if m.kind in ("human", "broken", "crash")}
    assert kept and any(m.kind == "copy" for m in ledger.sent())
    return ledger, {report_id: [n] for report_id, n in ledger.expected().items()}, kept


def test_all_there(all_there):
    outcome = judge(*all_there)
    assert (outcome.lost, outcome.doubled) == ([], [])


@pytest.mark.parametrize("records,lost,doubled", [(None, 1, 0), ([0], 1, 0), ([-1], 1, 0), ([1], 0, 1), ([0, 0], 0, 1)])
def test_one_report(all_there, records, lost, doubled):
    ledger, stored, kept = all_there
    report_id = next(i for i, n in stored.items() if n[0] > 1)
    whole = stored.pop(report_id)[0]
    if records is not None:
        stored[report_id] = [0 if n == 0 and len(records) == 1 else whole + n for n in records]
    outcome = judge(ledger, stored, kept)
    assert (len(outcome.lost), len(outcome.doubled)) == (lost, doubled)


def test_kept_instead_is_not_lost(all_there):
    ledger, stored, kept = all_there
    mail = next(m for m in ledger.sent() if m.kind == "report")
    del stored[mail.report_id]
    outcome = judge(ledger, stored, {**kept, mail.token: 2})
    assert (outcome.lost, outcome.doubled, outcome.kept_reports, outcome.kept_again) == ([], [], 1, 1)


def test_a_kept_mail_is_lost(all_there):
    ledger, stored, kept = all_there
    kept.popitem()
    assert len(judge(ledger, stored, kept).lost) == 1


def test_a_report_of_nobody(all_there):
    ledger, stored, kept = all_there
    assert len(judge(ledger, {**stored, "invented": [1]}, kept).doubled) == 1


def test_tokens():
    assert tokens_in([b"X-Storm: 5-1\nFrom: a\n", b"Received: b\nX-Storm: 5-1\n\n", b"\n"]) == {"5-1": 2}
