# SPDX-License-Identifier: Apache-2.0
"""Too many mails of one sender: told to come again, by who is proved and not by
who he says he is; nothing is lost, and others are not held up."""
import signal

from conftest import needs_postfix, wait_for
from lmtp import deliver
from milter import HUMAN, PERSON, RUA, Client, needs_milter, site  # noqa: F401
from test_reporter import FOREIGN, PROOF, OURS, aggregate, settings

LIMITED = "451 4.7.1 too many mails of this sender, try again later"
EVIL = OURS + "spf=pass smtp.mailfrom=x@%d.evil.example\n"
OURS_ON_TOP = "Received: from b.evil.example by mx.test.example\n"
LIMITS = {"authserv_id": "mx.test.example", "sender_rate": "3", "unproved_rate": "2"}


def replies(intake, tops, first=0):
    return [deliver(intake.listen, aggregate(first + n, top))[0][:9] for n, top in enumerate(tops)]


def change(intake, before, now):
    told = intake.log().count("configuration read again")
    intake.conf.write_text(intake.conf.read_text().replace(before, now))
    intake.process.send_signal(signal.SIGHUP)
    wait_for(lambda: intake.log().count("configuration read again") > told)


def test_each_sender_by_lmtp(world):
    intake = world.intake(extra=settings(**LIMITS))
    # names below a domain are free; the proof is not
    assert replies(intake, [EVIL % n for n in range(5)]) == ["250 2.0.0"] * 3 + ["451 4.7.1"] * 2
    assert replies(intake, [PROOF] * 4, 10) == ["250 2.0.0"] * 3 + ["451 4.7.1"]
    # forged where no server of ours writes, and nothing at all: one bucket
    forged = OURS_ON_TOP + FOREIGN
    assert replies(intake, [forged + PROOF, "", forged + EVIL % 9, ""], 20) == ["250 2.0.0"] * 2 + ["451 4.7.1"] * 2
    assert len(intake.records()) == 8 and intake.kept() == []
    assert deliver(intake.listen, aggregate(30), recipients=["a@test.example", "b@test.example"])[1].startswith(LIMITED)
    assert "status=limited (451 4.7.1: more than 3 mails an hour from spf evil.example)" in intake.log()
    assert "more than 2 mails an hour from senders that nobody proves" in intake.log()


def test_org_name_is_nobody(world):
    """Reports of ever another organization, as far as they say."""
    intake = world.intake(extra=settings(unproved_rate="2"))
    mails = [aggregate(n).replace(b"reporter.example", b"r%d.example" % n) for n in range(4)]
    senders = ["noreply@r%d.example" % n for n in range(4)]
    told = [deliver(intake.listen, mail, sender)[0][:9] for mail, sender in zip(mails, senders)]
    assert told == ["250 2.0.0"] * 2 + ["451 4.7.1"] * 2


def test_what_cannot_be_read_counts(world):
    """The quarantine has an end too."""
    intake = world.intake(extra=settings(unproved_rate="1") + "[limits]\nmessage = 64K\n")
    assert deliver(intake.listen, aggregate(1) + b" " * 70000)[0].startswith("250 2.0.0 kept")
    assert deliver(intake.listen, aggregate(2) + b" " * 70000)[0].startswith(LIMITED)
    assert deliver(intake.listen, aggregate(3).replace(b"</record>", b""))[0].startswith(LIMITED)
    assert len(intake.kept()) == 1


def test_reload(world):
    intake = world.intake(extra=settings(unproved_rate="0"))
    assert replies(intake, [""] * 3) == ["250 2.0.0"] * 3
    change(intake, "unproved_rate = 0", "unproved_rate = 1")
    assert replies(intake, ["", ""], 10) == ["250 2.0.0", "451 4.7.1"]
    change(intake, "unproved_rate = 1", "unproved_rate = 0")
    assert replies(intake, ["", ""], 20) == ["250 2.0.0"] * 2


@needs_milter
def test_each_sender_by_the_milter(site):
    milter = site.milter(more=settings(**LIMITS))
    c = Client(milter)
    told = [c.mail(aggregate(n, PROOF), RUA)[-1] for n in range(4)]
    assert told == [b"d"] * 3 + [b"y451 4.7.1 too many mails of this sender, try again\0"]
    assert [c.mail(aggregate(n + 10), RUA)[-1][:1] for n in range(3)] == [b"d", b"d", b"y"]
    # mail that others get too is not held; theirs alone is not even counted
    added, end = c.mail(aggregate(20), RUA, PERSON)
    assert end == b"c" and b"not stored; too many mails of this sender\0" in added
    assert c.mail(HUMAN, PERSON) == [b"a"]
    assert milter.records() == 5
    assert "status=limited (tempfail: more than 3 mails an hour from dkim reporter.example)" in milter.log()
    c.close()


@needs_postfix
def test_postfix_keeps_what_is_too_many(world):
    """The mails wait in its queue, and come when there is room: none is lost, none comes twice."""
    intake = world.intake(extra=settings(unproved_rate="20"))
    postfix = world.postfix(intake.listen)
    for n in range(24):
        path = world.folder / ("%d.eml" % n)
        path.write_bytes(aggregate(n))
        postfix.send_file(path)
    wait_for(lambda: intake.log().count("status=limited") >= 4, 60)
    wait_for(lambda: len(intake.records()) == 20)
    wait_for(lambda: len(postfix.queue()) == 4)  # the last one of the others leaves it behind its record
    wait_for(lambda: "dsn=4.7.1" in postfix.log())
    change(intake, "unproved_rate = 20", "unproved_rate = 1000")
    postfix.flush()
    wait_for(postfix.is_drained, 60)
    assert sorted(int(r[0]) for r in intake.records()) == list(range(24))
